// What a reduction does with its elements. An Op is over a compute type C and gives
//   Acc   what a center is
//   Wide  what threads hand each other: widen to it what is joined there
//   Turn  what one thread joins some elements in, before it joins them with the others: begin, add, end
//   put   writes a result.
#pragma once

#include "kernels/cuda/access.h"
#include "kernels/limits.h"

namespace hebb::kernels::cuda {
namespace {

struct Result {
  void* data;
  DType dtype;
  double divisor;  // of float sums
};

// Sums of x - center, or of its square. Sums of few f32 are f32, joined in f64: long sums stay as accurate as
// short ones. A is what the few are added up in.
template <class C, class A = SumType<C>>
struct Sums {
  using Acc = A;
  using Wide = WideType<Acc>;
  // Partial sums that do not wait for each other.
  static constexpr int kChains = 4;
  struct Turn {
    Acc sum[kChains];
  };
  bool squares;

  HEBB_DEVICE Wide start() const { return 0; }
  HEBB_DEVICE Wide join(Wide a, Wide b) const { return a + b; }
  HEBB_DEVICE Wide exchange(Wide value, int mask) const { return hw::shuffle_xor(value, mask); }

  HEBB_DEVICE Turn begin() const { return {}; }
  HEBB_DEVICE void add(Turn& turn, int chain, C x, Acc center, int64_t) const {
    Acc value = static_cast<Acc>(x);
    if constexpr (kIsFloat<C>) {
      value -= center;
      if (squares) value *= value;
    }
    turn.sum[chain % kChains] += value;
  }
  HEBB_DEVICE Wide end(const Turn& turn) const {
    return static_cast<Wide>((turn.sum[0] + turn.sum[1]) + (turn.sum[2] + turn.sum[3]));
  }

  HEBB_DEVICE void put(const Result& y, int64_t i, Wide value) const {
    if constexpr (kIsFloat<C>) {
      const double result = y.divisor == 1 ? value : value / y.divisor;
      switch (y.dtype) {
        case DType::kF64:
          static_cast<double*>(y.data)[i] = result;
          return;
        case DType::kF16:
          static_cast<F16*>(y.data)[i] = write<F16>(result);
          return;
        case DType::kBF16:
          static_cast<BF16*>(y.data)[i] = write<BF16>(result);
          return;
        default:
          static_cast<float*>(y.data)[i] = write<float>(result);
      }
    } else {
      store(static_cast<char*>(y.data), y.dtype, i, static_cast<C>(value));
    }
  }
};

// The largest or smallest element and its place: a NaN wins, then the first of equal ones.
template <class C>
struct Extremes {
  using Acc = C;
  struct Wide {
    C value;
    int32_t place;
  };
  using Turn = Wide;
  bool smallest;
  bool places;  // whether results are places

  // Behind every element that is equal to it.
  HEBB_DEVICE Wide start() const { return {smallest ? Limits<C>::kHighest : Limits<C>::kLowest, INT32_MAX}; }
  HEBB_DEVICE Wide join(Wide a, Wide b) const {
    const bool a_nan = a.value != a.value, b_nan = b.value != b.value;
    const bool wins = smallest ? b.value < a.value : b.value > a.value;
    const bool ties = (b.value == a.value) | (a_nan & b_nan);
    return wins | (b_nan & !a_nan) | (ties & (b.place < a.place)) ? b : a;
  }
  HEBB_DEVICE Wide exchange(Wide value, int mask) const {
    return {hw::shuffle_xor(value.value, mask), hw::shuffle_xor(value.place, mask)};
  }

  HEBB_DEVICE Turn begin() const { return start(); }
  HEBB_DEVICE void add(Turn& turn, int, C x, Acc, int64_t place) const {
    turn = join(turn, {x, static_cast<int32_t>(place)});
  }
  HEBB_DEVICE Wide end(const Turn& turn) const { return turn; }

  HEBB_DEVICE void put(const Result& y, int64_t i, Wide value) const {
    if (places) {
      static_cast<int32_t*>(y.data)[i] = value.place;
    } else {
      store(static_cast<char*>(y.data), y.dtype, i, value.value);
    }
  }
};

}  // namespace
}  // namespace hebb::kernels::cuda

// Reductions of the middle axis of contiguous [outer, reduce, inner] arrays. Whatever the number of threads,
// a slice is cut into the same chunks and their results are joined in index order.
#include "kernels/reduce.h"

#include "kernels/cpu/reduce_core.h"
#include "kernels/limits.h"
#include "stream/context.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

using stream::Command;
using stream::Context;

// Every Op is over C, the compute type of the elements.
template <class C>
struct Sum {
  using Acc = SumType<C>;
  using Wide = WideType<Acc>;
  static constexpr bool kJoinsVectors = false;
  HEBB_INLINE static Acc start() { return 0; }
  HEBB_INLINE static Acc lift(C x, Acc) { return static_cast<Acc>(x); }
  template <class A>
  HEBB_INLINE static A join(A a, A b) {
    return a + b;
  }
};

// Second pass of the variance: one pass over x and x^2 loses all digits where the mean is much larger than
// the spread.
template <class C>
struct SquareDeviation : Sum<C> {
  HEBB_INLINE static C lift(C x, C center) { return (x - center) * (x - center); }
};

// Its third pass: what the rounded mean is off by.
template <class C>
struct Deviation : Sum<C> {
  HEBB_INLINE static C lift(C x, C center) { return x - center; }
};

// The larger of two elements, and a NaN where either is one: b is taken where it is NaN. Two selections of
// one comparison each, so that the compiler finds no reason to branch.
template <class C>
struct Max {
  using Acc = C;
  using Wide = C;
  static constexpr bool kJoinsVectors = true;
  HEBB_INLINE static C start() { return Limits<C>::kLowest; }
  HEBB_INLINE static C lift(C x, C) { return x; }
  HEBB_INLINE static bool wins(C a, C b) { return a > b; }
  HEBB_INLINE static C join(C a, C b) {
    const C best = a > b ? a : b;
    return a != a ? a : best;
  }
  HEBB_INLINE static V<C> join(V<C> a, V<C> b) { return HEBB_ISA::max(a, b); }
};

template <class C>
struct Min {
  using Acc = C;
  using Wide = C;
  static constexpr bool kJoinsVectors = true;
  HEBB_INLINE static C start() { return Limits<C>::kHighest; }
  HEBB_INLINE static C lift(C x, C) { return x; }
  HEBB_INLINE static bool wins(C a, C b) { return a < b; }
  HEBB_INLINE static C join(C a, C b) {
    const C best = a < b ? a : b;
    return a != a ? a : best;
  }
  HEBB_INLINE static V<C> join(V<C> a, V<C> b) { return HEBB_ISA::min(a, b); }
};

// Where results go, as elements of any dtype.
struct Output {
  void* data;
  DType dtype;
  double divisor;

  template <class V>
  [[gnu::noinline]] void put(int64_t first, const V* values, int64_t count) const {
    with_dtype(dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      T* to = static_cast<T*>(data) + first;
      for (int64_t i = 0; i < count; ++i) {
        if constexpr (kIsFloat<V>) {
          to[i] = write<T>(divisor == 1 ? values[i] : values[i] / divisor);
        } else {
          to[i] = write<T>(values[i]);
        }
      }
    });
  }
};

template <template <class> class OpOf, class X>
void run_reduce(const X& elements, const Command& command, Context& context, double divisor,
                const void* center) {
  using Op = OpOf<Compute<typename X::Element>>;
  const auto& x = command[1];
  const Extents extents{x.shape[0], x.shape[1], x.shape[2]};
  const Output out{command[0].data, command[0].dtype, divisor};
  const auto* centers = static_cast<const typename Op::Acc*>(center);
  if (extents.inner == 1) {
    reduce_rows<Op>(elements, extents, centers, out, context);
  } else {
    reduce_columns<Op>(elements, extents, centers, out, context);
  }
}

template <template <class> class OpOf, class T>
void reduce_stored(const Command& command, Context& context, double divisor, const void* center) {
  run_reduce<OpOf>(StoredElements<T>{command[1].as<const T>()}, command, context, divisor, center);
}

void sum_kernel(const Command& command, Context& context) {
  const double divisor = command.param<SumParams>().divisor;
  with_dtype(command[1].dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (!command.tiles) return reduce_stored<Sum, T>(command, context, divisor, nullptr);
    run_reduce<Sum>(MadeElements<T>(command, context, kLongestPiece), command, context, divisor, nullptr);
  });
}

template <template <class> class OpOf>
void deviation_kernel(const Command& command, Context& context) {
  const double divisor = command.param<SumParams>().divisor;
  with_float(command[1].dtype, [&](auto tag) {
    reduce_stored<OpOf, typename decltype(tag)::type>(command, context, divisor, command[2].data);
  });
}

template <template <class> class OpOf>
void extreme_kernel(const Command& command, Context& context) {
  with_dtype(command[1].dtype, [&](auto tag) {
    reduce_stored<OpOf, typename decltype(tag)::type>(command, context, 1, nullptr);
  });
}

template <template <class> class OpOf>
void arg_extreme_kernel(const Command& command, Context& context) {
  const auto& x = command[1];
  const Extents extents{x.shape[0], x.shape[1], x.shape[2]};
  auto* out = command[0].as<int32_t>();
  with_dtype(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (extents.inner == 1) {
      arg_rows<OpOf<Compute<T>>>(x.as<const T>(), extents, out, context);
    } else {
      arg_columns<OpOf<Compute<T>>>(x.as<const T>(), extents, out, context);
    }
  });
}

// Running sums of the first `count` columns, at most kCumsumBlock, of one [extent, inner] slice.
template <class T, class Y>
void cumsum_columns(const T* x, Y* y, int64_t extent, int64_t inner, int64_t count, bool reverse) {
  using Wide = typename Sum<Compute<T>>::Wide;
  Wide acc[kCumsumBlock];
  for (int64_t j = 0; j < count; ++j) acc[j] = 0;
  for (int64_t step = 0; step < extent; ++step) {
    const int64_t row = (reverse ? extent - 1 - step : step) * inner;
    for (int64_t j = 0; j < count; ++j) {
      acc[j] += static_cast<Wide>(read(x[row + j]));
      y[row + j] = write<Y>(acc[j]);
    }
  }
}

template <class T, class Y>
void run_cumsum(const Command& command, Context& context) {
  const auto& x = command[1];
  const int64_t outer = x.shape[0], extent = x.shape[1], inner = x.shape[2];
  const bool reverse = command.param<CumsumParams>().reverse;
  const int64_t blocks = ceil_div(inner, kCumsumBlock);
  const int64_t grain = task_grain(extent * least(inner, kCumsumBlock));
  parallel_items(context, outer * blocks, grain, [&](int64_t item, int) {
    const int64_t first = item % blocks * kCumsumBlock;
    const int64_t base = item / blocks * extent * inner + first;
    cumsum_columns(x.as<const T>() + base, command[0].as<Y>() + base, extent, inner,
                   least(inner - first, kCumsumBlock), reverse);
  });
}

void cumsum_kernel(const Command& command, Context& context) {
  with_dtype(command[1].dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (sizeof(T) == 1) {
      run_cumsum<T, int32_t>(command, context);
    } else {
      run_cumsum<T, T>(command, context);
    }
  });
}

}  // namespace

void fill_reduce() {
  kernels::sum.cpu = &sum_kernel;
  kernels::deviation.cpu = &deviation_kernel<Deviation>;
  kernels::square_deviation.cpu = &deviation_kernel<SquareDeviation>;
  kernels::max.cpu = &extreme_kernel<Max>;
  kernels::min.cpu = &extreme_kernel<Min>;
  kernels::argmax.cpu = &arg_extreme_kernel<Max>;
  kernels::argmin.cpu = &arg_extreme_kernel<Min>;
  kernels::cumsum.cpu = &cumsum_kernel;
}

}  // namespace hebb::kernels::HEBB_ISA

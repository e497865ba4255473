// Formulas of functors.h over contiguous tiles: what fills the tile functions of the element-wise slots.
#pragma once

#include "kernels/cpu/simd_math.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

HEBB_INLINE V<int32_t> abs(V<int32_t> x) { return max(x, -x); }
HEBB_INLINE V<int64_t> abs(V<int64_t> x) { return max(x, -x); }

// By squaring; wraps. A negative exponent truncates: 0, except for bases 1 and -1 (and 0, where it is 0 too).
template <class T>
HEBB_INLINE T integer_power(T base, T exponent) {
  if (exponent < 0) return base == 1 ? 1 : base == -1 ? (exponent % 2 == 0 ? 1 : -1) : 0;
  uint64_t power = 1, factor = static_cast<uint64_t>(base);
  for (T rest = exponent; rest > 0; rest >>= 1) {
    if (rest & 1) power *= factor;
    factor *= factor;
  }
  return static_cast<T>(power);
}
HEBB_INLINE V<int32_t> pow(V<int32_t> x, V<int32_t> y) { return lanewise(x, y, &integer_power<int32_t>); }
HEBB_INLINE V<int64_t> pow(V<int64_t> x, V<int64_t> y) { return lanewise(x, y, &integer_power<int64_t>); }

}  // namespace
}  // namespace hebb::kernels::HEBB_ISA

#define HEBB_VOCABULARY
#include "kernels/functors.h"
#include "stream/command.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

// A scalar parameter in the compute type: infinite bounds become the extreme integers.
HEBB_INLINE float scalar_as(float, double value) { return static_cast<float>(value); }
HEBB_INLINE double scalar_as(double, double value) { return value; }
HEBB_INLINE int32_t scalar_as(int32_t, double value) {
  return value >= 2147483647.0 ? INT32_MAX : value <= -2147483648.0 ? INT32_MIN : static_cast<int32_t>(value);
}
HEBB_INLINE int64_t scalar_as(int64_t, double value) {
  return value >= 9223372036854775807.0    ? INT64_MAX
         : value <= -9223372036854775808.0 ? INT64_MIN
                                           : static_cast<int64_t>(value);
}

// One register's worth of a formula with `operands` operands.
template <class Formula, int operands, class T, class Load>
HEBB_INLINE V<T> apply(Load&& load, const V<T>* scalars) {
  if constexpr (operands == 1) {
    return Formula{}(load(0), scalars);
  } else if constexpr (operands == 2) {
    return Formula{}(load(0), load(1), scalars);
  } else {
    return Formula{}(load(0), load(1), load(2), scalars);
  }
}

template <class Formula, int operands, class T>
void formula_tile(void* out, const void* const* in, int count, const double* scalars) {
  constexpr int kWidth = V<T>::kWidth;
  T* y = static_cast<T*>(out);
  const T* x[operands];
  for (int k = 0; k < operands; ++k) x[k] = static_cast<const T*>(in[k]);
  V<T> s[4];
  for (int k = 0; k < 4; ++k) s[k] = V<T>(scalar_as(T{}, scalars[k]));
  int i = 0;
  for (; i + kWidth <= count; i += kWidth) {
    apply<Formula, operands, T>([&](int k) { return V<T>::load(x[k] + i); }, s).store(y + i);
  }
  if (i < count) {
    const int rest = count - i;
    apply<Formula, operands, T>([&](int k) { return V<T>::load_partial(x[k] + i, rest); }, s)
        .store_partial(y + i, rest);
  }
}

template <class Predicate, int operands, class T>
void predicate_tile(void* out, const void* const* in, int count, const double*) {
  uint8_t* __restrict y = static_cast<uint8_t*>(out);
  const T* a = static_cast<const T*>(in[0]);
  if constexpr (operands == 1) {
    for (int i = 0; i < count; ++i) y[i] = Predicate{}(a[i]);
  } else {
    const T* b = static_cast<const T*>(in[1]);
    for (int i = 0; i < count; ++i) y[i] = Predicate{}(a[i], b[i]);
  }
}

template <class Formula, int operands>
void fill_Floats(stream::Slot& slot) {
  slot.tiles[0] = &formula_tile<Formula, operands, float>;
  slot.tiles[1] = &formula_tile<Formula, operands, double>;
}
template <class Formula, int operands>
void fill_Numbers(stream::Slot& slot) {
  fill_Floats<Formula, operands>(slot);
  slot.tiles[2] = &formula_tile<Formula, operands, int32_t>;
  slot.tiles[3] = &formula_tile<Formula, operands, int64_t>;
}
template <class Predicate, int operands>
void fill_predicate(stream::Slot& slot) {
  slot.tiles[0] = &predicate_tile<Predicate, operands, float>;
  slot.tiles[1] = &predicate_tile<Predicate, operands, double>;
  slot.tiles[2] = &predicate_tile<Predicate, operands, int32_t>;
  slot.tiles[3] = &predicate_tile<Predicate, operands, int64_t>;
}

}  // namespace
}  // namespace hebb::kernels::HEBB_ISA

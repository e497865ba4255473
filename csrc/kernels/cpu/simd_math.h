// The elementary functions: those of elementary.h for V<float>, and through libm for V<double>.
#pragma once

#include "kernels/cpu/simd.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

using Real = V<float>;
using Whole = V<int32_t>;

#if defined(__AVX512F__)
#define HEBB_SCALED
HEBB_INLINE V<float> scaled(V<float> x, V<float> n) { return V<float>(_mm512_scalef_ps(x.raw, n.raw)); }
#endif

}  // namespace
}  // namespace hebb::kernels::HEBB_ISA

#include "kernels/elementary.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

template <class T, class F>
HEBB_INLINE V<T> lanewise(V<T> x, F formula) {
  T lanes[V<T>::kWidth];
  x.store(lanes);
  for (int i = 0; i < V<T>::kWidth; ++i) lanes[i] = formula(lanes[i]);
  return V<T>::load(lanes);
}
template <class T, class F>
HEBB_INLINE V<T> lanewise(V<T> x, V<T> y, F formula) {
  T a[V<T>::kWidth], b[V<T>::kWidth];
  x.store(a);
  y.store(b);
  for (int i = 0; i < V<T>::kWidth; ++i) a[i] = formula(a[i], b[i]);
  return V<T>::load(a);
}

// The arguments that near_sin and near_cos do not take; few, so that one by one does no harm.
template <class Near, class Far>
HEBB_INLINE V<float> with_libm_beyond(V<float> x, Near near, Far far) {
  const Mask<float> small = abs(x) <= V<float>(kTrigLimit);
  const V<float> y = near(select(small, x, V<float>(0.0f)));
  if (all(small)) return y;
  return select(small, y, lanewise(x, far));
}
HEBB_INLINE V<float> sin(V<float> x) {
  return with_libm_beyond(
      x, [](V<float> v) { return near_sin(v); }, [](float v) { return __builtin_sinf(v); });
}
HEBB_INLINE V<float> cos(V<float> x) {
  return with_libm_beyond(
      x, [](V<float> v) { return near_cos(v); }, [](float v) { return __builtin_cosf(v); });
}

HEBB_INLINE V<float> pow(V<float> x, V<float> y) {
  return lanewise(x, y, [](float a, float b) { return __builtin_powf(a, b); });
}

HEBB_INLINE V<double> exp(V<double> x) {
  return lanewise(x, [](double v) { return __builtin_exp(v); });
}
HEBB_INLINE V<double> expm1(V<double> x) {
  return lanewise(x, [](double v) { return __builtin_expm1(v); });
}
HEBB_INLINE V<double> log(V<double> x) {
  return lanewise(x, [](double v) { return __builtin_log(v); });
}
HEBB_INLINE V<double> log1p(V<double> x) {
  return lanewise(x, [](double v) { return __builtin_log1p(v); });
}
HEBB_INLINE V<double> tanh(V<double> x) {
  return lanewise(x, [](double v) { return __builtin_tanh(v); });
}
HEBB_INLINE V<double> sigmoid(V<double> x) { return V<double>(1.0) / (V<double>(1.0) + exp(-x)); }
HEBB_INLINE V<double> erf(V<double> x) {
  return lanewise(x, [](double v) { return __builtin_erf(v); });
}
HEBB_INLINE NormalParts<V<double>> normal_parts(V<double> x) {
  return {V<double>(0.5) * lanewise(x, [](double v) { return __builtin_erfc(v * -0.7071067811865476); }),
          exp(V<double>(-0.5) * x * x)};
}
HEBB_INLINE V<double> sin(V<double> x) {
  return lanewise(x, [](double v) { return __builtin_sin(v); });
}
HEBB_INLINE V<double> cos(V<double> x) {
  return lanewise(x, [](double v) { return __builtin_cos(v); });
}
HEBB_INLINE V<double> pow(V<double> x, V<double> y) {
  return lanewise(x, y, [](double a, double b) { return __builtin_pow(a, b); });
}

}  // namespace
}  // namespace hebb::kernels::HEBB_ISA

// exp, log, tanh, erf, sin, ... for V<float>, and through libm for V<double>. Polynomials are Chebyshev fits
// of our own; errors are a few units in the last place, stated where they exceed two.
#pragma once

#include "kernels/cpu/simd.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

// c[0] + c[1] x + ... + c[N-1] x^(N-1) by Horner's rule.
template <class T, int N>
HEBB_INLINE V<T> polynomial(V<T> x, const T (&c)[N]) {
  V<T> sum(c[N - 1]);
#pragma GCC unroll 16
  for (int i = N - 2; i >= 0; --i) sum = fma(sum, x, V<T>(c[i]));
  return sum;
}

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

// 2^n for -126 <= n <= 127.
HEBB_INLINE V<float> power_of_two(V<int32_t> n) { return from_bits<float>((n + V<int32_t>(127)) << 23); }

// x = n ln 2 + r with |r| <= ln 2 / 2; expm1(r). ln 2 is split so that n times its head is exact.
struct ExpParts {
  V<float> n, r, expm1;
};
HEBB_INLINE ExpParts exp_parts(V<float> x) {
  constexpr float kTerms[] = {0.5f, 0.16666576f, 0.041666556f, 0.0083631948f, 0.0013926204f};
  const V<float> n = round(x * V<float>(1.44269504f));
  V<float> r = fnma(n, V<float>(0.693359375f), x);
  r = fnma(n, V<float>(-2.12194440e-4f), r);
  return {n, r, fma(r * r, polynomial(r, kTerms), r)};
}

HEBB_INLINE V<float> exp(V<float> x) {
  // Beyond these bounds the result is 0 or infinity; NaN passes through both.
  const V<float> bounded = fast_min(V<float>(89.0f), fast_max(V<float>(-104.0f), x));
  const ExpParts e = exp_parts(bounded);
  const V<float> mantissa = e.expm1 + V<float>(1.0f);
#if defined(__AVX512F__)
  return V<float>(_mm512_scalef_ps(mantissa.raw, e.n.raw));
#else
  // Two factors, because 2^n alone leaves the normal range.
  const V<int32_t> n = trunc_int(e.n);
  const V<int32_t> half = n >> 1;
  return mantissa * power_of_two(half) * power_of_two(n - half);
#endif
}

HEBB_INLINE V<float> expm1(V<float> x) {
  const V<float> bounded = fast_min(V<float>(88.0f), fast_max(V<float>(-20.0f), x));
  const ExpParts e = exp_parts(bounded);
  const V<float> scale = power_of_two(trunc_int(e.n));
  const V<float> inside = fma(scale, e.expm1, scale - V<float>(1.0f));
  // n is 0 around the origin: the sum with scale - 1 = 0 is exact, and keeps the sign of a zero only this
  // way.
  const V<float> result = select(x == V<float>(0.0f), x, inside);
  return select(x > V<float>(88.0f), exp(x), result);
}

HEBB_INLINE V<float> sigmoid(V<float> x) { return V<float>(1.0f) / (V<float>(1.0f) + exp(-x)); }

HEBB_INLINE V<float> tanh(V<float> x) {
  constexpr float kTerms[] = {-0.33333331f, 0.13333242f,    -0.05394670f,
                              0.021679992f, -0.0080892099f, 0.0020389156f};
  const V<float> size = abs(x);
  const V<float> square = x * x;
  const V<float> near = fma(x * square, polynomial(square, kTerms), x);
  const V<float> far = V<float>(1.0f) - V<float>(2.0f) / (exp(size + size) + V<float>(1.0f));
  return select(size < V<float>(0.625f), near, copysign(far, x));
}

// log(1 + f) - f for sqrt(1/2) - 1 <= f <= sqrt(2) - 1.
HEBB_INLINE V<float> log_rest(V<float> f) {
  constexpr float kTerms[] = {0.33333331f,  -0.24999997f, 0.20000716f,  -0.16667803f, 0.14249058f,
                              -0.12425687f, 0.1168542f,   -0.11479734f, 0.069716118f};
  const V<float> square = f * f;
  return fma(square * f, polynomial(f, kTerms), V<float>(-0.5f) * square);
}

HEBB_INLINE V<float> log(V<float> x) {
  // Denormals are scaled into the normal range first.
  const Mask<float> tiny = x < V<float>(1.17549435e-38f);
  const V<int32_t> bits = to_bits(select(tiny, x * V<float>(0x1p25f), x));
  // Adding what 1 lacks to sqrt(2) makes the exponent field carry where the mantissa exceeds it.
  const V<int32_t> shifted = bits + V<int32_t>(0x3f800000 - 0x3f3504f3);
  V<float> e = to_float((shifted >> 23) - V<int32_t>(127));
  e = e - select(tiny, V<float>(25.0f), V<float>(0.0f));
  const V<int32_t> mantissa = (shifted & V<int32_t>(0x007fffff)) + V<int32_t>(0x3f3504f3);
  const V<float> f = from_bits<float>(mantissa) - V<float>(1.0f);
  const V<float> low = fma(e, V<float>(-2.12194440e-4f), log_rest(f));
  V<float> y = fma(e, V<float>(0.693359375f), f + low);
  y = select(x < V<float>(__builtin_inff()), y, x);  // infinity and NaN
  y = select(x == V<float>(0.0f), V<float>(-__builtin_inff()), y);
  return select(x < V<float>(0.0f), V<float>(__builtin_nanf("")), y);
}

HEBB_INLINE V<float> log1p(V<float> x) {
  // log(u) with u = 1 + x rounded, and the first-order correction for what rounding lost.
  const V<float> one(1.0f);
  const V<float> u = one + x;
  const V<float> lost = select(x < one, x - (u - one), one - (u - x));
  const V<float> corrected = log(u) + lost / u;
  const V<float> y = select((u > V<float>(0.0f)) & (u < V<float>(__builtin_inff())), corrected, log(u));
  return select(x == V<float>(0.0f), x, y);
}

HEBB_INLINE V<float> erf(V<float> x) {
  constexpr float kNear[] = {-0.37612638f,  0.11283778f,     -0.02686413f,
                             0.0052130814f, -0.00082820794f, 8.9686939e-5f};
  constexpr float kFar[] = {3.0704951e-4f,  -1.1301852f,   -0.63190138f,  -0.11001456f, 0.026386259f,
                            -0.0047479286f, 5.9440394e-4f, -4.577958e-5f, 1.6232178e-6f};
  const V<float> size = abs(x);
  const V<float> square = x * x;
  // 1.1283791... x + x^3 p(x^2), the head of the factor apart to keep its last bits.
  const V<float> near =
      fma(x, V<float>(1.0f), fma(x * square, polynomial(square, kNear), x * V<float>(0.12837917f)));
  // kFar is log(1 - erf); from 4 on erf is 1 in f32.
  const V<float> far = V<float>(1.0f) - exp(polynomial(fast_min(V<float>(4.0f), size), kFar));
  return select(size < V<float>(0.875f), near, copysign(far, x));
}

// What the normal distribution has below x, and exp(-x^2 / 2).
template <class T>
struct NormalParts {
  V<T> below, hump;
};
// Within 1.3e-7. Below zero it is within 2e-5 of itself too, where it is 1e-9 or more.
HEBB_INLINE NormalParts<float> normal_parts(V<float> x) {
  // What lies beyond z >= 0, over exp(-z^2 / 2), in z - 1.5; fitted up to z = 6. From 14 on the hump is 0.
  constexpr float kTail[] = {0.20578068f,    -0.090271898f,   0.035185762f,    -0.012494373f,  0.0041134963f,
                             -0.0012700314f, 0.00036622904f,  -9.9173289e-05f, 2.7158803e-05f, -7.759746e-06f,
                             1.9381657e-06f, -3.3762075e-07f, 3.4095539e-08f,  -1.4813401e-09f};
  const V<float> hump = exp(V<float>(-0.5f) * x * x);
  const V<float> tail = hump * polynomial(fast_min(V<float>(14.0f), abs(x)) - V<float>(1.5f), kTail);
  return {select(x < V<float>(0.0f), tail, V<float>(1.0f) - tail), hump};
}

// Quadrant q and rest r of x = q pi/2 + r, |r| <= pi/4; beyond kTrigLimit libm takes over. The absolute error
// is below 1e-7 everywhere; relative to a result close to zero it is larger.
constexpr float kTrigLimit = 8192.0f;
struct TrigParts {
  V<int32_t> quadrant;
  V<float> r;
};
HEBB_INLINE TrigParts trig_parts(V<float> x) {
  const V<float> q = round(x * V<float>(0.636619772f));
  V<float> r = fnma(q, V<float>(1.5703125f), x);
  r = fnma(q, V<float>(4.837512969970703125e-4f), r);
  r = fnma(q, V<float>(7.54978995489188216e-8f), r);
  return {round_int(q), r};
}
HEBB_INLINE V<float> sin_or_cos(V<float> r, V<int32_t> quadrant) {
  constexpr float kSin[] = {-0.16666667f, 0.0083333319f, -0.00019840074f, 2.7248366e-6f};
  constexpr float kCos[] = {0.041666668f, -0.0013888888f, 2.4800591e-5f, -2.7299677e-7f};
  const V<float> z = r * r;
  const V<float> sine = fma(r * z, polynomial(z, kSin), r);
  const V<float> cosine = fma(z * z, polynomial(z, kCos), fma(z, V<float>(-0.5f), V<float>(1.0f)));
  const V<int32_t> one(1);
  const V<int32_t> zero(0);
  const V<int32_t> value = select((quadrant & one) == zero, to_bits(sine), to_bits(cosine));
  const V<int32_t> sign = (quadrant & V<int32_t>(2)) << 30;
  return from_bits<float>(value ^ sign);
}
template <class F>
HEBB_INLINE V<float> with_libm_beyond(V<float> x, V<float> y, F formula) {
  const Mask<float> small = abs(x) <= V<float>(kTrigLimit);
  if (all(small)) return y;
  return select(small, y, lanewise(x, formula));
}
HEBB_INLINE V<float> sin(V<float> x) {
  const TrigParts t = trig_parts(select(abs(x) <= V<float>(kTrigLimit), x, V<float>(0.0f)));
  const V<float> y = select(x == V<float>(0.0f), x, sin_or_cos(t.r, t.quadrant));
  return with_libm_beyond(x, y, [](float v) { return __builtin_sinf(v); });
}
HEBB_INLINE V<float> cos(V<float> x) {
  const TrigParts t = trig_parts(select(abs(x) <= V<float>(kTrigLimit), x, V<float>(0.0f)));
  const V<float> y = sin_or_cos(t.r, t.quadrant + V<int32_t>(1));
  return with_libm_beyond(x, y, [](float v) { return __builtin_cosf(v); });
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
HEBB_INLINE NormalParts<double> normal_parts(V<double> x) {
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

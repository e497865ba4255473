// exp, log, tanh, erf, sin, ... of f32, once for all that have no library of them. Polynomials are Chebyshev
// fits of our own; errors are a few units in the last place, stated where they exceed two.
//
// Whoever includes this names the types in its namespace first: Real, a number of f32, and Whole, an int32_t,
// with the vocabulary of functors.h, fma, fnma, and the moves between the two. HEBB_SCALED says that it has
// scaled(x, n) = x 2^n too.
#pragma once

#include "core/inline.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

// c[0] + c[1] x + ... + c[N-1] x^(N-1) by Horner's rule.
template <int N>
HEBB_INLINE Real polynomial(Real x, const float (&c)[N]) {
  Real sum(c[N - 1]);
#pragma GCC unroll 16
  for (int i = N - 2; i >= 0; --i) sum = fma(sum, x, Real(c[i]));
  return sum;
}

// 2^n for -126 <= n <= 127.
HEBB_INLINE Real power_of_two(Whole n) { return from_bits<float>((n + Whole(127)) << 23); }

#if !defined(HEBB_SCALED)
// x 2^n. Two factors, because 2^n alone leaves the normal range.
HEBB_INLINE Real scaled(Real x, Real n) {
  const Whole whole = trunc_int(n), half = whole >> 1;
  return x * power_of_two(half) * power_of_two(whole - half);
}
#endif

// x = n ln 2 + r with |r| <= ln 2 / 2; expm1(r). ln 2 is split so that n times its head is exact.
struct ExpParts {
  Real n, r, expm1;
};
HEBB_INLINE ExpParts exp_parts(Real x) {
  constexpr float kTerms[] = {0.5f, 0.16666576f, 0.041666556f, 0.0083631948f, 0.0013926204f};
  const Real n = round(x * Real(1.44269504f));
  Real r = fnma(n, Real(0.693359375f), x);
  r = fnma(n, Real(-2.12194440e-4f), r);
  return {n, r, fma(r * r, polynomial(r, kTerms), r)};
}

HEBB_INLINE Real exp(Real x) {
  // Beyond these bounds the result is 0 or infinity; NaN passes through both.
  const Real bounded = fast_min(Real(89.0f), fast_max(Real(-104.0f), x));
  const ExpParts e = exp_parts(bounded);
  const Real mantissa = e.expm1 + Real(1.0f);
  return scaled(mantissa, e.n);
}

HEBB_INLINE Real expm1(Real x) {
  const Real bounded = fast_min(Real(88.0f), fast_max(Real(-20.0f), x));
  const ExpParts e = exp_parts(bounded);
  const Real scale = power_of_two(trunc_int(e.n));
  const Real inside = fma(scale, e.expm1, scale - Real(1.0f));
  // n is 0 around the origin: the sum with scale - 1 = 0 is exact, and keeps the sign of a zero only this
  // way.
  const Real result = select(x == Real(0.0f), x, inside);
  return select(x > Real(88.0f), exp(x), result);
}

HEBB_INLINE Real sigmoid(Real x) { return Real(1.0f) / (Real(1.0f) + exp(-x)); }

HEBB_INLINE Real tanh(Real x) {
  constexpr float kTerms[] = {-0.33333331f, 0.13333242f,    -0.05394670f,
                              0.021679992f, -0.0080892099f, 0.0020389156f};
  const Real size = abs(x);
  const Real square = x * x;
  const Real near = fma(x * square, polynomial(square, kTerms), x);
  const Real far = Real(1.0f) - Real(2.0f) / (exp(size + size) + Real(1.0f));
  return select(size < Real(0.625f), near, copysign(far, x));
}

// log(1 + f) - f for sqrt(1/2) - 1 <= f <= sqrt(2) - 1.
HEBB_INLINE Real log_rest(Real f) {
  constexpr float kTerms[] = {0.33333331f,  -0.24999997f, 0.20000716f,  -0.16667803f, 0.14249058f,
                              -0.12425687f, 0.1168542f,   -0.11479734f, 0.069716118f};
  const Real square = f * f;
  return fma(square * f, polynomial(f, kTerms), Real(-0.5f) * square);
}

HEBB_INLINE Real log(Real x) {
  // Denormals are scaled into the normal range first.
  const auto tiny = x < Real(1.17549435e-38f);
  const Whole bits = to_bits(select(tiny, x * Real(0x1p25f), x));
  // Adding what 1 lacks to sqrt(2) makes the exponent field carry where the mantissa exceeds it.
  const Whole shifted = bits + Whole(0x3f800000 - 0x3f3504f3);
  Real e = to_float((shifted >> 23) - Whole(127));
  e = e - select(tiny, Real(25.0f), Real(0.0f));
  const Whole mantissa = (shifted & Whole(0x007fffff)) + Whole(0x3f3504f3);
  const Real f = from_bits<float>(mantissa) - Real(1.0f);
  const Real low = fma(e, Real(-2.12194440e-4f), log_rest(f));
  Real y = fma(e, Real(0.693359375f), f + low);
  y = select(x < Real(__builtin_inff()), y, x);  // infinity and NaN
  y = select(x == Real(0.0f), Real(-__builtin_inff()), y);
  return select(x < Real(0.0f), Real(__builtin_nanf("")), y);
}

HEBB_INLINE Real log1p(Real x) {
  // log(u) with u = 1 + x rounded, and the first-order correction for what rounding lost.
  const Real one(1.0f);
  const Real u = one + x;
  const Real lost = select(x < one, x - (u - one), one - (u - x));
  const Real corrected = log(u) + lost / u;
  const Real y = select((u > Real(0.0f)) & (u < Real(__builtin_inff())), corrected, log(u));
  return select(x == Real(0.0f), x, y);
}

HEBB_INLINE Real erf(Real x) {
  constexpr float kNear[] = {-0.37612638f,  0.11283778f,     -0.02686413f,
                             0.0052130814f, -0.00082820794f, 8.9686939e-5f};
  constexpr float kFar[] = {3.0704951e-4f,  -1.1301852f,   -0.63190138f,  -0.11001456f, 0.026386259f,
                            -0.0047479286f, 5.9440394e-4f, -4.577958e-5f, 1.6232178e-6f};
  const Real size = abs(x);
  const Real square = x * x;
  // 1.1283791... x + x^3 p(x^2), the head of the factor apart to keep its last bits.
  const Real near = fma(x, Real(1.0f), fma(x * square, polynomial(square, kNear), x * Real(0.12837917f)));
  // kFar is log(1 - erf); from 4 on erf is 1 in f32.
  const Real far = Real(1.0f) - exp(polynomial(fast_min(Real(4.0f), size), kFar));
  return select(size < Real(0.875f), near, copysign(far, x));
}

// What the normal distribution has below x, and exp(-x^2 / 2).
template <class N>
struct NormalParts {
  N below, hump;
};
// Within 1.3e-7. Below zero it is within 2e-5 of itself too, where it is 1e-9 or more.
HEBB_INLINE NormalParts<Real> normal_parts(Real x) {
  // What lies beyond z >= 0, over exp(-z^2 / 2), in z - 1.5; fitted up to z = 6. From 14 on the hump is 0.
  constexpr float kTail[] = {0.20578068f,    -0.090271898f,   0.035185762f,    -0.012494373f,  0.0041134963f,
                             -0.0012700314f, 0.00036622904f,  -9.9173289e-05f, 2.7158803e-05f, -7.759746e-06f,
                             1.9381657e-06f, -3.3762075e-07f, 3.4095539e-08f,  -1.4813401e-09f};
  const Real hump = exp(Real(-0.5f) * x * x);
  const Real tail = hump * polynomial(fast_min(Real(14.0f), abs(x)) - Real(1.5f), kTail);
  return {select(x < Real(0.0f), tail, Real(1.0f) - tail), hump};
}

// Quadrant q and rest r of x = q pi/2 + r, |r| <= pi/4, for |x| <= kTrigLimit. The absolute error of sine and
// cosine is below 1e-7; relative to a result close to zero it is larger.
constexpr float kTrigLimit = 8192.0f;
struct TrigParts {
  Whole quadrant;
  Real r;
};
HEBB_INLINE TrigParts trig_parts(Real x) {
  const Real q = round(x * Real(0.636619772f));
  Real r = fnma(q, Real(1.5703125f), x);
  r = fnma(q, Real(4.837512969970703125e-4f), r);
  r = fnma(q, Real(7.54978995489188216e-8f), r);
  return {round_int(q), r};
}
HEBB_INLINE Real sin_or_cos(Real r, Whole quadrant) {
  constexpr float kSin[] = {-0.16666667f, 0.0083333319f, -0.00019840074f, 2.7248366e-6f};
  constexpr float kCos[] = {0.041666668f, -0.0013888888f, 2.4800591e-5f, -2.7299677e-7f};
  const Real z = r * r;
  const Real sine = fma(r * z, polynomial(z, kSin), r);
  const Real cosine = fma(z * z, polynomial(z, kCos), fma(z, Real(-0.5f), Real(1.0f)));
  const Whole one(1);
  const Whole zero(0);
  const Whole value = select((quadrant & one) == zero, to_bits(sine), to_bits(cosine));
  const Whole sign = (quadrant & Whole(2)) << 30;
  return from_bits<float>(value ^ sign);
}
HEBB_INLINE Real near_sin(Real x) {
  const TrigParts t = trig_parts(x);
  return select(x == Real(0.0f), x, sin_or_cos(t.r, t.quadrant));
}
HEBB_INLINE Real near_cos(Real x) {
  const TrigParts t = trig_parts(x);
  return sin_or_cos(t.r, t.quadrant + Whole(1));
}

}  // namespace
}  // namespace hebb::kernels::HEBB_ISA

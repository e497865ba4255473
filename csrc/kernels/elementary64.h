// exp, log, tanh, erf, sin, pow, ... of f64, and what needs them of f32, for CUDA kernels and for the PTX of
// fused commands: the same bits in both, on every device and on the emulator. Series are Taylor's; errors are
// a few units in the last place.
//
// Whoever includes this, behind elementary.h, names the types in its namespace first: Double, a number of
// f64; Long, an int64_t that wraps around; Predicate; with the vocabulary of functors.h, fma, fnma, and the
// moves between the types.
#pragma once

#include "core/inline.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

// c[first] + c[first + 1] x + ... + c[N - 1] x^(N - 1 - first) by Horner's rule.
template <int N, int first = 0>
HEBB_INLINE Double polynomial(Double x, const double (&c)[N]) {
  if constexpr (first == N - 1) {
    return Double(c[first]);
  } else {
    return fma(polynomial<N, first + 1>(x, c), x, Double(c[first]));
  }
}

HEBB_INLINE Double copysign(Double a, Double b) {
  return from_bits<double>(to_bits(abs(a)) | (to_bits(b) & Long(INT64_MIN)));
}

// ln 2, the head short enough for products with an exponent to be exact.
constexpr double kLogHead = 0x1.62e42feep-1, kLogTail = 0x1.a39ef35793c76p-33;

// 2^n for -1022 <= n <= 1023.
HEBB_INLINE Double power_of_two_64(Whole n) { return from_bits<double>(widened(n + Whole(1023)) << 52); }

// x = n ln 2 + r with |r| <= ln 2 / 2; expm1(r).
struct DoubleExpParts {
  Whole n;
  Double expm1;
};
HEBB_INLINE DoubleExpParts exp_parts(Double x) {
  constexpr double kTerms[] = {1.0 / 2,       1.0 / 6,        1.0 / 24,        1.0 / 120,
                               1.0 / 720,     1.0 / 5040,     1.0 / 40320,     1.0 / 362880,
                               1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800};
  const Double n = round(x * Double(1.4426950408889634));
  Double r = fnma(n, Double(kLogHead), x);
  r = fnma(n, Double(kLogTail), r);
  return {round_int(n), fma(r * r, polynomial(r, kTerms), r)};
}

HEBB_INLINE Double exp(Double x) {
  // Beyond these bounds the result is 0 or infinity; NaN passes through both.
  const auto e = exp_parts(fast_min(Double(710), fast_max(Double(-746), x)));
  // Two factors, because 2^n alone leaves the normal range.
  const Whole half = e.n >> 1;
  return (e.expm1 + Double(1)) * power_of_two_64(half) * power_of_two_64(e.n - half);
}

HEBB_INLINE Double expm1(Double x) {
  const auto e = exp_parts(fast_min(Double(709), fast_max(Double(-40), x)));
  const Double scale = power_of_two_64(e.n);
  const Double inside = fma(scale, e.expm1, scale - Double(1));
  return select(x == Double(0), x, select(x > Double(709), exp(x), inside));
}

// x = 2^e (1 + f) with sqrt(1/2) <= 1 + f < sqrt(2).
struct DoubleLogParts {
  Double e, f;
};
HEBB_INLINE DoubleLogParts log_parts(Double x) {
  constexpr int64_t kOne = 0x3ff0000000000000, kRoot = 0x3fe6a09e667f3bcd;
  // Denormals are scaled into the normal range first.
  const Predicate tiny = x < Double(0x1p-1022);
  const Long bits = to_bits(select(tiny, x * Double(0x1p54), x));
  // Adding what 1 lacks to the root makes the exponent field carry where the mantissa exceeds it.
  const Long shifted = bits + Long(kOne - kRoot);
  const Double e = to_double((shifted >> 52) - Long(1023));
  const Long mantissa = (shifted & Long(0x000fffffffffffff)) + Long(kRoot);
  return {e - select(tiny, Double(54), Double(0)), from_bits<double>(mantissa) - Double(1)};
}
// What the logarithm is where log_parts has no meaning.
HEBB_INLINE Double log_borders(Double x, Double y) {
  y = select(x < Double(__builtin_inf()), y, x);  // infinity and NaN
  y = select(x == Double(0), Double(-__builtin_inf()), y);
  return select(x < Double(0), Double(__builtin_nan("")), y);
}

// 2 artanh(s) / s - 2 in z = s^2, less its first `skipped` terms and divided by their powers.
template <int skipped>
HEBB_INLINE Double artanh_rest(Double z) {
  constexpr double kTerms[] = {2.0 / 3,  2.0 / 5,  2.0 / 7,  2.0 / 9,  2.0 / 11, 2.0 / 13,
                               2.0 / 15, 2.0 / 17, 2.0 / 19, 2.0 / 21, 2.0 / 23};
  return polynomial<11, skipped>(z, kTerms);
}

HEBB_INLINE Double log(Double x) {
  const auto [e, f] = log_parts(x);
  // log(1 + f) = 2 artanh(s) with s = f / (2 + f), written as f - f^2/2 + s (f^2/2 + rest).
  const Double s = f / (Double(2) + f), z = s * s;
  const Double square = Double(0.5) * f * f;
  const Double low = fma(e, Double(kLogTail), s * fma(z, artanh_rest<0>(z), square));
  return log_borders(x, fma(e, Double(kLogHead), f - (square - low)));
}

HEBB_INLINE Double log1p(Double x) {
  // log(u) with u = 1 + x rounded, and the first-order correction for what rounding lost.
  const Double one(1), u = one + x;
  const Double lost = select(x < one, x - (u - one), one - (u - x));
  const Double of_u = log(u);
  const Double y = select((u > Double(0)) & (u < Double(__builtin_inf())), of_u + lost / u, of_u);
  return select(x == Double(0), x, y);
}

HEBB_INLINE Double sigmoid(Double x) { return Double(1) / (Double(1) + exp(-x)); }

HEBB_INLINE Double tanh(Double x) {
  // From 22 on it is 1.
  const Double size = fast_min(Double(22), abs(x));
  const Double t = expm1(size + size);
  return copysign(t / (t + Double(2)), x);
}

// exp(x^2) erfc(x) for x >= 0: 1 / (x + 5/2) times a fit in (x - 5/2) / (x + 5/2).
HEBB_INLINE Double scaled_erfc(Double x) {
  constexpr double kTerms[] = {
      1.054031820305718,      -0.8046518494391481,    0.4539141166480972,      -0.1712511452461242,
      0.0283615501319384,     0.008393044304894867,   -0.004818785522145937,   -0.00043920830168962284,
      0.0007026937130735259,  5.830806924447679e-05,  -0.00011260476577313144, -1.9533381081369285e-05,
      1.8244095865799677e-05, 6.75749162798147e-06,   -2.3314874909535433e-06, -1.9683271975506974e-06,
      -7.551414616390503e-09, 4.544747448377953e-07,  1.4005632494206184e-07,  -7.434757091278978e-08,
      -5.425130513143961e-08, 6.5211004909097565e-09, 1.1576263709098254e-08,  -4.492271901913438e-11,
      -1.1752735761572175e-09};
  const Double over = x + Double(2.5);
  return polynomial((x - Double(2.5)) / over, kTerms) / over;
}

// exp(-x^2) scaled_erfc(x). The square is taken exactly: its rounding would grow with the exponent.
HEBB_INLINE Double upper_erfc(Double x) {
  const Double square = x * x, rest = fma(x, x, -square);
  const Double hump = exp(-square);
  return fma(-rest, hump, hump) * scaled_erfc(x);
}

// erf for |x| < 1.
HEBB_INLINE Double near_erf(Double x) {
  constexpr double kTerms[] = {
      1.1283791670955126,     -0.37612638903183754,    0.11283791670955126,    -0.026866170645131252,
      0.005223977625442188,   -0.0008548327023450853,  0.00012055332981789664, -1.492565035840625e-05,
      1.6462114365889248e-06, -1.6365844691234924e-07, 1.4807192815879218e-08, -1.2290555301717928e-09,
      9.422759064650411e-11,  -6.7113668551641105e-12, 4.4632242632864775e-13, -2.7835162072109215e-14,
      1.6342614095367152e-15, -9.063970842808673e-17,  4.763348040515068e-18,  -2.3784598852774293e-19};
  return x * polynomial(x * x, kTerms);
}

HEBB_INLINE Double erf(Double x) {
  const Double size = fast_min(Double(27), abs(x));
  return select(size < Double(1), near_erf(x), copysign(Double(1) - upper_erfc(size), x));
}
HEBB_INLINE Double erfc(Double x) {
  const Double size = fast_min(Double(27.3), abs(x));
  const Double upper = upper_erfc(size);
  const Double far = select(x < Double(0), Double(2) - upper, upper);
  return select(abs(x) < Double(0.5), Double(1) - near_erf(x), far);
}

HEBB_INLINE NormalParts<Double> normal_parts(Double x) {
  return {Double(0.5) * erfc(x * Double(-0.7071067811865476)), exp(Double(-0.5) * x * x)};
}

}  // namespace
}  // namespace hebb::kernels::HEBB_ISA

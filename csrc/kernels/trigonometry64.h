// sin and cos for arguments of any size: included as elementary64.h, behind it.
#pragma once

#include "core/inline.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

// x = (4 n + quadrant) pi/2 + r, |r| <= pi/4.
struct DoubleTrigParts {
  Whole quadrant;
  Double r;
};

// By three parts of pi/2: as far as quadrants are exact numbers of few digits.
constexpr double kNearTrig = 1e5;
HEBB_INLINE DoubleTrigParts near_trig_parts(Double x) {
  const Double q = round(x * Double(0.6366197723675814));
  Double r = fnma(q, Double(1.5707963267948966), x);
  r = fnma(q, Double(6.123233995736766e-17), r);
  r = fnma(q, Double(-1.4973849048591698e-33), r);
  return {round_int(q), r};
}

// Word `index` of 64 zeros and then the binary digits of 2/pi, where `most` is the greatest index.
template <int most, int at = 1>
HEBB_INLINE Long digits_of_two_over_pi(Whole index, Long found = Long(0)) {
  constexpr uint64_t kDigits[] = {0,
                                  0xa2f9836e4e441529,
                                  0xfc2757d1f534ddc0,
                                  0xdb6295993c439041,
                                  0xfe5163abdebbc561,
                                  0xb7246e3a424dd2e0,
                                  0x06492eea09d1921c,
                                  0xfe1deb1cb129a73e,
                                  0xe88235f52ebb4484,
                                  0xe99c7026b45f7e41,
                                  0x3991d639835339f4,
                                  0x9c845f8bbdf9283b,
                                  0x1ff897ffde05980f,
                                  0xef2f118b5a0a6d1f,
                                  0x6d367ecf27cb09b7,
                                  0x4f463f669e5fea2d,
                                  0x7527bac7ebe5f17b,
                                  0x3d0739f78a5292ea,
                                  0x6bfb5fb11f8d5d08,
                                  0x56033046fc7b6bab};
  if constexpr (at > most) {
    return found;
  } else {
    const Long word(static_cast<int64_t>(kDigits[at]));
    return digits_of_two_over_pi<most, at + 1>(index, select(index == Whole(at), word, found));
  }
}

// Of |x| > 1, by integers (Payne and Hanek): x = m 2^e times 2/pi, of which only the digits around the point
// are multiplied. `most`: 4 where x is an f32, 19 for all.
template <int most>
HEBB_INLINE DoubleTrigParts far_trig_parts(Double x) {
  const Long bits = to_bits(x);
  const Long m = (bits & Long(0x000fffffffffffff)) | Long(0x0010000000000000);
  const Whole exponent = narrowed((bits >> 52) & Long(0x7ff)) - Whole(1075);
  // Digits before this one count whole turns.
  const Whole first = exponent + Whole(62);
  const Whole index = first >> 6, by = first & Whole(63);
  const Whole back = Whole(64) - by;
  const Long first_word = digits_of_two_over_pi<most>(index);
  const Long second_word = digits_of_two_over_pi<most>(index + Whole(1));
  const Long third_word = digits_of_two_over_pi<most>(index + Whole(2));
  const Long fourth_word = digits_of_two_over_pi<most>(index + Whole(3));
  const Long window[] = {shift_left(first_word, by) | shift_right(second_word, back),
                         shift_left(second_word, by) | shift_right(third_word, back),
                         shift_left(third_word, by) | shift_right(fourth_word, back)};
  const Long carried = multiply_high(m, window[2]);
  const Long low = m * window[1] + carried;
  const Predicate carry = less_unsigned(low, carried);
  const Long high = m * window[0] + multiply_high(m, window[1]) + select(carry, Long(1), Long(0));
  // The two digits before the point are the quadrant, those behind it the fraction, of which a half and more
  // belong to the next one.
  const Long fraction = (high << 2) | shift_right(low, Whole(62));
  const Long quadrant = shift_right(high, Whole(62)) - (fraction >> 63);
  const Double of_low = to_double_unsigned(low << 2) * Double(0x1p-128);
  const Double turn = fma(to_double(fraction), Double(0x1p-64), of_low);
  const Double r = fma(turn, Double(1.5707963267948966), turn * Double(6.123233995736766e-17));
  const Whole q = narrowed(quadrant);
  const Predicate negative = x < Double(0);
  return {select(negative, -q, q), select(negative, -r, r)};
}

HEBB_INLINE Double sin_or_cos(const DoubleTrigParts& parts) {
  constexpr double kSin[] = {-1.0 / 6,
                             1.0 / 120,
                             -1.0 / 5040,
                             1.0 / 362880,
                             -1.0 / 39916800,
                             1.0 / 6227020800,
                             -1.0 / 1307674368e3,
                             1.0 / 355687428096e3,
                             -1.0 / 121645100408832e3};
  constexpr double kCos[] = {1.0 / 24,
                             -1.0 / 720,
                             1.0 / 40320,
                             -1.0 / 3628800,
                             1.0 / 479001600,
                             -1.0 / 87178291200,
                             1.0 / 20922789888e3,
                             -1.0 / 6402373705728e3,
                             1.0 / 2432902008176640e3};
  const Double r = parts.r, z = r * r;
  const Double sine = fma(r * z, polynomial(z, kSin), r);
  const Double cosine = fma(z * z, polynomial(z, kCos), fma(z, Double(-0.5), Double(1)));
  const Whole zero(0);
  const Double value = select((parts.quadrant & Whole(1)) == zero, sine, cosine);
  return select((parts.quadrant & Whole(2)) == zero, value, -value);
}
HEBB_INLINE DoubleTrigParts quarter_on(const DoubleTrigParts& parts, int quarters) {
  return {parts.quadrant + Whole(quarters), parts.r};
}

// quarters: 0 for the sine, 1 for the cosine.
template <int most>
HEBB_INLINE Double far_trig(Double x, int quarters) {
  const Double y = sin_or_cos(quarter_on(far_trig_parts<most>(x), quarters));
  return select(abs(x) < Double(__builtin_inf()), y, Double(__builtin_nan("")));
}
HEBB_INLINE Double trig(Double x, int quarters) {
  const Predicate near = abs(x) <= Double(kNearTrig);
  const Double y = sin_or_cos(quarter_on(near_trig_parts(x), quarters));
  return unless(near, y, [&] { return far_trig<19>(x, quarters); });
}
HEBB_INLINE Double sin(Double x) { return select(x == Double(0), x, trig(x, 0)); }
HEBB_INLINE Double cos(Double x) { return trig(x, 1); }

HEBB_INLINE Real far_trig(Real x, int quarters) { return narrowed(far_trig<4>(widened(x), quarters)); }
HEBB_INLINE Real sin(Real x) {
  const Predicate near = abs(x) <= Real(kTrigLimit);
  return unless(near, near_sin(select(near, x, Real(0.0f))), [&] { return far_trig(x, 0); });
}
HEBB_INLINE Real cos(Real x) {
  const Predicate near = abs(x) <= Real(kTrigLimit);
  return unless(near, near_cos(select(near, x, Real(0.0f))), [&] { return far_trig(x, 1); });
}

}  // namespace
}  // namespace hebb::kernels::HEBB_ISA

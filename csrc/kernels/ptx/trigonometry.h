// sin and cos for arguments of any size, as PTX.
#pragma once

#include "kernels/ptx/double_functions.h"

namespace hebb::kernels::ptx {
namespace {

// far() where `common` does not hold: behind a branch, since it is long.
template <class T, class Far>
Number<T> unless(const Predicate& common, const Number<T>& near, Far&& far) {
  const std::string move = Named<T>::kType == PtxType::kF32 ? "mov.f32 " : "mov.f64 ";
  const PtxValue result = recorder->fresh(Named<T>::kType);
  recorder->line(move + result.text() + ", " + near.known().text());
  const std::string behind = recorder->fresh_label();
  recorder->line('@' + common.value.text() + " bra " + behind);
  const Number<T> other = far();
  recorder->line(move + result.text() + ", " + other.known().text());
  recorder->label(behind);
  return Number<T>(result);
}

// x = (4 n + quadrant) pi/2 + r, |r| <= pi/4.
struct DoubleTrigParts {
  Number<int32_t> quadrant;
  Double r;
};

// By three parts of pi/2: as far as quadrants are exact numbers of few digits.
constexpr double kNearTrig = 1e5;
inline DoubleTrigParts near_trig_parts(const Double& x) {
  const Double q = round(x * Double(0.6366197723675814));
  Double r = fnma(q, Double(1.5707963267948966), x);
  r = fnma(q, Double(6.123233995736766e-17), r);
  r = fnma(q, Double(-1.4973849048591698e-33), r);
  return {made<int32_t>("cvt.rni.s32.f64", q), r};
}

// Word `index` of 64 zeros and then the binary digits of 2/pi, where `most` is the greatest index.
inline Long digits_of_two_over_pi(const Number<int32_t>& index, int most) {
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
  Long word(static_cast<int64_t>(kDigits[0]));
  for (int i = 1; i <= most; ++i)
    word = select(index == Number<int32_t>(i), Long(static_cast<int64_t>(kDigits[i])), word);
  return word;
}

inline Long shifted(const char* opcode, const Long& word, const Number<int32_t>& by) {
  return Long(recorder->append(PtxType::kB64, opcode, {word.known(), by.known()}));
}

// Of |x| > 1, by integers (Payne and Hanek): x = m 2^e times 2/pi, of which only the digits around the point
// are multiplied. `most`: 4 where x is an f32, 19 for all.
inline DoubleTrigParts far_trig_parts(const Double& x, int most) {
  const Long bits = to_bits(x);
  const Long m = (bits & Long(0x000fffffffffffff)) | Long(0x0010000000000000);
  const Number<int32_t> exponent =
      made<int32_t>("cvt.u32.u64", (bits >> 52) & Long(0x7ff)) - Number<int32_t>(1075);
  // Digits before this one count whole turns.
  const Number<int32_t> first = exponent + Number<int32_t>(62);
  const Number<int32_t> index = first >> 6, by = first & Number<int32_t>(63);
  const Number<int32_t> back = Number<int32_t>(64) - by;
  Long word[4], window[3];
  for (int i = 0; i < 4; ++i) word[i] = digits_of_two_over_pi(index + Number<int32_t>(i), most);
  for (int i = 0; i < 3; ++i)
    window[i] = shifted("shl.b64", word[i], by) | shifted("shr.u64", word[i + 1], back);
  const Long carried = made<int64_t>("mul.hi.u64", m, window[2]);
  const Long low = m * window[1] + carried;
  const Predicate carry{recorder->append(PtxType::kPred, "setp.lt.u64", {low.known(), carried.known()})};
  const Long high =
      m * window[0] + made<int64_t>("mul.hi.u64", m, window[1]) + select(carry, Long(1), Long(0));
  // The two digits before the point are the quadrant, those behind it the fraction, of which a half and more
  // belong to the next one.
  const Long fraction = (high << 2) | shifted("shr.u64", low, Number<int32_t>(62));
  const Long quadrant = shifted("shr.u64", high, Number<int32_t>(62)) - (fraction >> 63);
  const Double of_low = made<double>("cvt.rn.f64.u64", low << 2) * Double(0x1p-128);
  const Double turn = fma(made<double>("cvt.rn.f64.s64", fraction), Double(0x1p-64), of_low);
  const Double r = fma(turn, Double(1.5707963267948966), turn * Double(6.123233995736766e-17));
  const Number<int32_t> q = made<int32_t>("cvt.u32.u64", quadrant);
  const Predicate negative = x < Double(0);
  return {select(negative, -q, q), select(negative, -r, r)};
}

inline Double sin_or_cos(const DoubleTrigParts& parts) {
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
  const Number<int32_t> zero(0);
  const Double value = select((parts.quadrant & Number<int32_t>(1)) == zero, sine, cosine);
  return select((parts.quadrant & Number<int32_t>(2)) == zero, value, -value);
}
inline DoubleTrigParts quarter_on(const DoubleTrigParts& parts, int quarters) {
  return {parts.quadrant + Number<int32_t>(quarters), parts.r};
}

// quarters: 0 for the sine, 1 for the cosine.
inline Double far_trig(const Double& x, int quarters, int most) {
  const Double y = sin_or_cos(quarter_on(far_trig_parts(x, most), quarters));
  return select(abs(x) < Double(__builtin_inf()), y, Double(__builtin_nan("")));
}
inline Double trig(const Double& x, int quarters) {
  const Predicate near = abs(x) <= Double(kNearTrig);
  const Double y = sin_or_cos(quarter_on(near_trig_parts(x), quarters));
  return unless(near, y, [&] { return far_trig(x, quarters, 19); });
}
inline Double sin(const Double& x) { return select(x == Double(0), x, trig(x, 0)); }
inline Double cos(const Double& x) { return trig(x, 1); }

inline Real far_trig(const Real& x, int quarters) {
  return made<float>("cvt.rn.f32.f64", far_trig(made<double>("cvt.f64.f32", x), quarters, 4));
}
inline Real sin(const Real& x) {
  const Predicate near = abs(x) <= Real(kTrigLimit);
  return unless(near, near_sin(select(near, x, Real(0.0f))), [&] { return far_trig(x, 0); });
}
inline Real cos(const Real& x) {
  const Predicate near = abs(x) <= Real(kTrigLimit);
  return unless(near, near_cos(select(near, x, Real(0.0f))), [&] { return far_trig(x, 1); });
}

}  // namespace
}  // namespace hebb::kernels::ptx

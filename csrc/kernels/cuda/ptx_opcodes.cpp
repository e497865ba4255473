// What each opcode of PTX computes.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/dtype.h"
#include "kernels/cuda/ptx_code.h"

namespace hebb::kernels::cuda::emulator {

namespace {

// Bits as numbers, and back. An operation of f32 has one NaN.
float f32(uint64_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits)); }
double f64(uint64_t bits) { return std::bit_cast<double>(bits); }
int32_t s32(uint64_t bits) { return static_cast<int32_t>(bits); }
uint32_t u32(uint64_t bits) { return static_cast<uint32_t>(bits); }
int64_t s64(uint64_t bits) { return static_cast<int64_t>(bits); }
uint64_t u64(uint64_t bits) { return bits; }
bool pred(uint64_t bits) { return bits != 0; }

uint64_t bits_of(float value) { return value != value ? 0x7fffffffu : std::bit_cast<uint32_t>(value); }
uint64_t bits_of(double value) { return std::bit_cast<uint64_t>(value); }
uint64_t bits_of(int32_t value) { return static_cast<uint32_t>(value); }
uint64_t bits_of(uint32_t value) { return value; }
uint64_t bits_of(int64_t value) { return static_cast<uint64_t>(value); }
uint64_t bits_of(uint64_t value) { return value; }
uint64_t bits_of(bool value) { return value; }

// Saturates; a NaN becomes `nan`.
template <class I, class F>
I saturated(F value, I nan) {
  if (value != value) return nan;
  constexpr F kBeyond = F(2) * static_cast<F>(I{1} << (8 * sizeof(I) - 2));
  if (value >= kBeyond) return std::numeric_limits<I>::max();
  if (value < -kBeyond) return std::numeric_limits<I>::min();
  return static_cast<I>(value);
}

float towards_zero(double value) {
  const float nearest = static_cast<float>(value);
  return std::fabs(static_cast<double>(nearest)) > std::fabs(value) ? std::nextafterf(nearest, 0.0f)
                                                                    : nearest;
}

uint64_t half_of(double value) {
  if (value != value) return 0x7fff;
  const double size = std::fabs(value);
  double rounded = size;
  if (size >= 65520) {
    rounded = std::numeric_limits<double>::infinity();
  } else if (size > 0) {
    const int exponent = std::max(std::ilogb(size), -14) - 10;
    rounded = std::ldexp(std::rint(std::ldexp(size, -exponent)), exponent);
  }
  return to_f16(static_cast<float>(std::copysign(rounded, value))).bits;
}

// a, b, c: the operands as numbers of `type`.
#define HEBB_1(name, types, type, result)             \
  {                                                   \
    name, types, [](const uint64_t* in) -> uint64_t { \
      const auto a = type(in[0]);                     \
      return bits_of(result);                         \
    }                                                 \
  }
#define HEBB_2(name, types, type, result)             \
  {                                                   \
    name, types, [](const uint64_t* in) -> uint64_t { \
      const auto a = type(in[0]);                     \
      const auto b = type(in[1]);                     \
      return bits_of(result);                         \
    }                                                 \
  }
#define HEBB_3(name, types, type, result)             \
  {                                                   \
    name, types, [](const uint64_t* in) -> uint64_t { \
      const auto a = type(in[0]);                     \
      const auto b = type(in[1]);                     \
      const auto c = type(in[2]);                     \
      return bits_of(result);                         \
    }                                                 \
  }
#define HEBB_SHIFT(name, types, type, result)         \
  {                                                   \
    name, types, [](const uint64_t* in) -> uint64_t { \
      const auto a = type(in[0]);                     \
      const uint32_t by = u32(in[1]);                 \
      return bits_of(result);                         \
    }                                                 \
  }
#define HEBB_COMPARISONS(suffix, types, type)                                                          \
  HEBB_2("setp.eq." suffix, types, type, a == b), HEBB_2("setp.ne." suffix, types, type, a<b || a> b), \
      HEBB_2("setp.lt." suffix, types, type, a < b), HEBB_2("setp.le." suffix, types, type, a <= b),   \
      HEBB_2("setp.gt." suffix, types, type, a > b), HEBB_2("setp.ge." suffix, types, type, a >= b)
#define HEBB_FLOATS(suffix, t, type, fma_of)                                                              \
  HEBB_2("add.rn." suffix, t t t, type, a + b), HEBB_2("sub.rn." suffix, t t t, type, a - b),             \
      HEBB_2("mul.rn." suffix, t t t, type, a* b), HEBB_2("div.rn." suffix, t t t, type, a / b),          \
      HEBB_3("fma.rn." suffix, t t t t, type, fma_of(a, b, c)), HEBB_1("neg." suffix, t t, type, -a),     \
      HEBB_1("abs." suffix, t t, type, std::fabs(a)), HEBB_1("sqrt.rn." suffix, t t, type, std::sqrt(a)), \
      HEBB_1("cvt.rmi." suffix "." suffix, t t, type, std::floor(a)),                                     \
      HEBB_1("cvt.rpi." suffix "." suffix, t t, type, std::ceil(a)),                                      \
      HEBB_1("cvt.rni." suffix "." suffix, t t, type, std::rint(a)),                                      \
      HEBB_2("setp.neu." suffix, "p" t t, type, a != b), HEBB_COMPARISONS(suffix, "p" t t, type)
#define HEBB_INTEGERS(n, t, s, u)                                                     \
  HEBB_2("add.s" n, t t t, u, a + b), HEBB_2("add.u" n, t t t, u, a + b),             \
      HEBB_2("sub.s" n, t t t, u, a - b), HEBB_2("sub.u" n, t t t, u, a - b),         \
      HEBB_2("mul.lo.s" n, t t t, u, a* b), HEBB_2("mul.lo.u" n, t t t, u, a* b),     \
      HEBB_1("neg.s" n, t t, u, 0 - a), HEBB_2("max.s" n, t t t, s, std::max(a, b)),  \
      HEBB_2("min.s" n, t t t, s, std::min(a, b)), HEBB_2("and.b" n, t t t, u, a& b), \
      HEBB_2("or.b" n, t t t, u, a | b), HEBB_2("xor.b" n, t t t, u, a ^ b),          \
      HEBB_COMPARISONS("s" n, "p" t t, s), HEBB_COMPARISONS("u" n, "p" t t, u),       \
      HEBB_SHIFT("shl.b" n, t t "r", u, by < 8 * sizeof a ? a << by : 0),             \
      HEBB_SHIFT("shr.u" n, t t "r", u, by < 8 * sizeof a ? a >> by : 0),             \
      HEBB_SHIFT("shr.s" n, t t "r", s, a >> std::min<uint32_t>(by, 8 * sizeof a - 1))
#define HEBB_SELECT(name, t)                                                             \
  {                                                                                      \
    name, t t t "p", [](const uint64_t*in) -> uint64_t { return in[2] ? in[0] : in[1]; } \
  }
#define HEBB_SAME(name, types)                                        \
  {                                                                   \
    name, types, [](const uint64_t* in) -> uint64_t { return in[0]; } \
  }

const PtxOpcode kOpcodes[] = {
    HEBB_FLOATS("f32", "f", f32, std::fma),
    HEBB_FLOATS("f64", "d", f64, std::fma),
    HEBB_INTEGERS("32", "r", s32, u32),
    HEBB_INTEGERS("64", "l", s64, u64),
    HEBB_2("mul.hi.u32", "rrr", u64, static_cast<uint32_t>(a* b >> 32)),
    HEBB_2("mul.hi.u64", "lll", u64, static_cast<uint64_t>(static_cast<unsigned __int128>(a) * b >> 64)),
    HEBB_2("mul.wide.u32", "lrr", u32, uint64_t{a} * b),
    HEBB_3("mad.wide.u32", "lrrl", u64, u32(a) * uint64_t{u32(b)} + c),
    HEBB_3("mad.wide.s32", "lrrl", u64, static_cast<uint64_t>(int64_t{s32(a)} * s32(b)) + c),
    HEBB_3("mad.lo.u64", "llll", u64, a* b + c),
    HEBB_2("div.u64", "lll", u64, b == 0 ? ~uint64_t{0} : a / b),
    HEBB_1("clz.b64", "rl", u64, std::countl_zero(a)),
    HEBB_2("and.pred", "ppp", pred, a&& b),
    HEBB_2("or.pred", "ppp", pred, a || b),
    HEBB_1("not.pred", "pp", pred, !a),
    HEBB_SELECT("selp.b32", "r"),
    HEBB_SELECT("selp.b64", "l"),
    HEBB_SELECT("selp.f32", "f"),
    HEBB_SELECT("selp.f64", "d"),
    HEBB_SAME("mov.u32", "rr"),
    HEBB_SAME("mov.b32", "rr"),
    HEBB_SAME("mov.b32", "rf"),
    HEBB_SAME("mov.b32", "fr"),
    HEBB_SAME("mov.b64", "ll"),
    HEBB_SAME("mov.b64", "ld"),
    HEBB_SAME("mov.b64", "dl"),
    HEBB_SAME("mov.f32", "ff"),
    HEBB_SAME("mov.f64", "dd"),
    HEBB_SAME("cvta.to.global.u64", "ll"),
    HEBB_1("cvt.f32.f16", "fh", u32, to_float(F16{static_cast<uint16_t>(a)})),
    HEBB_1("cvt.f64.f32", "df", f32, static_cast<double>(a)),
    HEBB_1("cvt.rn.f32.f64", "fd", f64, static_cast<float>(a)),
    HEBB_1("cvt.rz.f32.f64", "fd", f64, towards_zero(a)),
    HEBB_1("cvt.rn.f16.f32", "hf", f32, half_of(a)),
    HEBB_1("cvt.rn.f16.f64", "hd", f64, half_of(a)),
    HEBB_1("cvt.rn.f32.s32", "fr", s32, static_cast<float>(a)),
    HEBB_1("cvt.rn.f32.s64", "fl", s64, static_cast<float>(a)),
    HEBB_1("cvt.rn.f64.s32", "dr", s32, static_cast<double>(a)),
    HEBB_1("cvt.rn.f64.s64", "dl", s64, static_cast<double>(a)),
    HEBB_1("cvt.rn.f64.u64", "dl", u64, static_cast<double>(a)),
    HEBB_1("cvt.rzi.s32.f32", "rf", f32, saturated<int32_t>(a, 0)),
    HEBB_1("cvt.rni.s32.f32", "rf", f32, saturated<int32_t>(std::rint(a), 0)),
    HEBB_1("cvt.rzi.s64.f32", "lf", f32, saturated<int64_t>(a, INT64_MIN)),
    HEBB_1("cvt.rzi.s32.f64", "rd", f64, saturated<int32_t>(a, INT32_MIN)),
    HEBB_1("cvt.rni.s32.f64", "rd", f64, saturated<int32_t>(std::rint(a), INT32_MIN)),
    HEBB_1("cvt.rpi.s32.f64", "rd", f64, saturated<int32_t>(std::ceil(a), INT32_MIN)),
    HEBB_1("cvt.rzi.s64.f64", "ld", f64, saturated<int64_t>(a, INT64_MIN)),
    HEBB_1("cvt.s64.s32", "lr", s32, int64_t{a}),
    HEBB_1("cvt.u64.u32", "lr", u32, uint64_t{a}),
    HEBB_1("cvt.u32.u64", "rl", u64, static_cast<uint32_t>(a)),
};

bool fits(const char* have, const std::string& want) {
  if (std::strlen(have) != want.size()) return false;
  for (size_t i = 0; i < want.size(); ++i) {
    if (want[i] != '?' && want[i] != have[i]) return false;
  }
  return true;
}

}  // namespace

const PtxOpcode* find_ptx_opcode(const std::string& name, const std::string& types) {
  for (const PtxOpcode& opcode : kOpcodes) {
    if (name == opcode.name && fits(opcode.types, types)) return &opcode;
  }
  return nullptr;
}

}  // namespace hebb::kernels::cuda::emulator

// Half types against exact references in double, exhaustively; names and promotion.
#include "core/dtype.h"

#include <cmath>
#include <random>
#include <string>
#include <thread>

#include "check.h"
#include "device/cpu/pool.h"

using namespace hebb;

namespace {

// The value of a pattern of 1 sign, `exponent_bits` and `mantissa_bits`, by the definition of IEEE 754. The
// pattern of infinity gives the power of two that would come next, which is what rounding has to compare
// with.
double decode(uint32_t bits, int exponent_bits, int mantissa_bits) {
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const uint32_t mantissa = bits & ((1u << mantissa_bits) - 1);
  const int exponent = static_cast<int>(bits >> mantissa_bits & ((1u << exponent_bits) - 1));
  const double sign = bits >> (exponent_bits + mantissa_bits) & 1 ? -1.0 : 1.0;
  if (exponent == 0) return sign * std::ldexp(mantissa, 1 - bias - mantissa_bits);
  return sign * std::ldexp((1u << mantissa_bits) + mantissa, exponent - bias - mantissa_bits);
}

// The nearest pattern, ties to even, by bisection over the ordered positive patterns.
uint32_t encode(float value, int exponent_bits, int mantissa_bits) {
  const uint32_t infinity = ((1u << exponent_bits) - 1) << mantissa_bits;
  const uint32_t sign = std::signbit(value) ? 1u << (exponent_bits + mantissa_bits) : 0;
  const double magnitude = std::fabs(static_cast<double>(value));
  if (magnitude >= decode(infinity, exponent_bits, mantissa_bits)) return sign | infinity;
  uint32_t low = 0, high = infinity;
  while (high - low > 1) {
    const uint32_t middle = (low + high) / 2;
    (decode(middle, exponent_bits, mantissa_bits) <= magnitude ? low : high) = middle;
  }
  const double below = magnitude - decode(low, exponent_bits, mantissa_bits);
  const double above = decode(high, exponent_bits, mantissa_bits) - magnitude;
  return sign | (below < above || (below == above && low % 2 == 0) ? low : high);
}

void check_f16(float value) { CHECK_EQ(to_f16(value).bits, static_cast<uint16_t>(encode(value, 5, 10))); }
void check_bf16(float value) { CHECK_EQ(to_bf16(value).bits, static_cast<uint16_t>(encode(value, 8, 7))); }

template <class Check>
void around_the_middles(int exponent_bits, int mantissa_bits, Check check) {
  const uint32_t infinity = ((1u << exponent_bits) - 1) << mantissa_bits;
  for (uint32_t bits = 0; bits < infinity; ++bits) {
    // A middle has one mantissa bit more than the pattern and is exact in f32.
    const double middle =
        (decode(bits, exponent_bits, mantissa_bits) + decode(bits + 1, exponent_bits, mantissa_bits)) / 2;
    const float exact = static_cast<float>(middle);
    CHECK_EQ(static_cast<double>(exact), middle);
    for (float value : {exact, std::nextafter(exact, 0.0f), std::nextafter(exact, INFINITY)}) {
      check(value);
      check(-value);
    }
  }
}

}  // namespace

TEST(f16_decodes_every_pattern_and_round_trips) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const F16 half{static_cast<uint16_t>(bits)};
    const float value = to_float(half);
    if ((bits & 0x7fff) > 0x7c00) {
      CHECK(std::isnan(value));
      CHECK((to_f16(value).bits & 0x7fff) > 0x7c00);
      continue;
    }
    const double expected =
        (bits & 0x7fff) == 0x7c00 ? (bits & 0x8000 ? -INFINITY : INFINITY) : decode(bits, 5, 10);
    CHECK_EQ(static_cast<double>(value), expected);
    CHECK_EQ(std::signbit(value), (bits & 0x8000) != 0);
    CHECK_EQ(to_f16(value).bits, half.bits);
  }
}

TEST(bf16_decodes_every_pattern_and_round_trips) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const BF16 half{static_cast<uint16_t>(bits)};
    const float value = to_float(half);
    if ((bits & 0x7fff) > 0x7f80) {
      CHECK(std::isnan(value));
      CHECK((to_bf16(value).bits & 0x7fff) > 0x7f80);
      continue;
    }
    const double expected =
        (bits & 0x7fff) == 0x7f80 ? (bits & 0x8000 ? -INFINITY : INFINITY) : decode(bits, 8, 7);
    CHECK_EQ(static_cast<double>(value), expected);
    CHECK_EQ(to_bf16(value).bits, half.bits);
  }
}

TEST(f16_rounds_to_nearest_even) { around_the_middles(5, 10, check_f16); }

TEST(bf16_rounds_to_nearest_even) { around_the_middles(8, 7, check_bf16); }

TEST(half_types_round_random_floats) {
  std::mt19937 random(1);
  for (int i = 0; i < 200000; ++i) {
    const float value = bits_float(static_cast<uint32_t>(random()));
    if (std::isnan(value)) {
      CHECK((to_f16(value).bits & 0x7fff) > 0x7c00);
      CHECK((to_bf16(value).bits & 0x7fff) > 0x7f80);
      continue;
    }
    check_f16(value);
    check_bf16(value);
  }
}

// Kernels run with denormals flushed; those of f16 are ordinary numbers in f32 and must survive.
TEST(f16_denormals_survive_flushing) {
  std::string failure;
  std::thread([&] {
    cpu::set_flush_denormals();
    for (uint32_t bits = 1; bits < 0x400; ++bits) {
      const F16 half{static_cast<uint16_t>(bits)};
      const volatile float value = to_float(half);
      if (static_cast<double>(value) != decode(bits, 5, 10)) failure = "read of " + std::to_string(bits);
      if (to_f16(value).bits != bits) failure = "write of " + std::to_string(bits);
    }
  }).join();
  CHECK_EQ(failure, "");
}

TEST(dtype_names_parse_back) {
  const char* names[] = {"f32", "f64", "f16", "bf16", "i32", "i64", "u8", "bool"};
  const int64_t sizes[] = {4, 8, 2, 2, 4, 8, 1, 1};
  for (int i = 0; i < kDTypeCount; ++i) {
    const DType dtype = static_cast<DType>(i);
    CHECK_EQ(std::string(dtype_name(dtype)), names[i]);
    CHECK_EQ(item_size(dtype), sizes[i]);
    DType parsed = DType::kBool;
    CHECK(parse_dtype(names[i], &parsed));
    CHECK_EQ(parsed, dtype);
  }
  DType untouched = DType::kI64;
  for (const char* wrong : {"", "float32", "f3", "f322", "F32"}) CHECK(!parse_dtype(wrong, &untouched));
  CHECK_EQ(untouched, DType::kI64);
}

// The documented table: f32, f64, f16, bf16, i32, i64, u8, bool by row and column.
TEST(promotion_table) {
  const std::string table[kDTypeCount] = {
      "f32 f64 f32 f32 f32 f32 f32 f32 ",  "f64 f64 f64 f64 f64 f64 f64 f64 ",
      "f32 f64 f16 f32 f16 f16 f16 f16 ",  "f32 f64 f32 bf16 bf16 bf16 bf16 bf16 ",
      "f32 f64 f16 bf16 i32 i64 i32 i32 ", "f32 f64 f16 bf16 i64 i64 i64 i64 ",
      "f32 f64 f16 bf16 i32 i64 u8 u8 ",   "f32 f64 f16 bf16 i32 i64 u8 bool ",
  };
  for (int a = 0; a < kDTypeCount; ++a) {
    std::string row;
    for (int b = 0; b < kDTypeCount; ++b) {
      row += dtype_name(promote(static_cast<DType>(a), static_cast<DType>(b))) + std::string(" ");
    }
    CHECK_EQ(row, table[a]);
  }
}

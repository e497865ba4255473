// Operands for tests of PTX: numbers at the borders of every dtype.
#pragma once

#include <algorithm>
#include <limits>
#include <random>
#include <vector>

#include "kernels/elementwise.h"
#include "ptx_harness.h"

namespace hebb::testing {

using stream::Slot;

inline constexpr DType kComputes[] = {DType::kF32, DType::kF64, DType::kI32, DType::kI64};
inline constexpr DType kAll[] = {DType::kF32, DType::kF64, DType::kF16, DType::kBF16,
                                 DType::kI32, DType::kI64, DType::kU8,  DType::kBool};

inline const double kInfinity = std::numeric_limits<double>::infinity();
inline const double kNan = std::numeric_limits<double>::quiet_NaN();

// Borders of every kind, then random numbers of all sizes.
inline std::vector<double> float_values(unsigned seed) {
  std::vector<double> values{
      0.0,        -0.0,  1,     -1,         0.5,          -0.5,          1.5,    2.5,    -2.5,  kInfinity,
      -kInfinity, kNan,  1e-40, -1e-40,     1e-30,        3e38,          -3e38,  88.5,   -88.5, 89.5,
      -104.5,     -87.5, -20.5, 0.6249,     0.625,        0.875,         4,      -4,     8192,  8193,
      1e-4,       -1e-4, 6,     14,         -14,          1e20,          700,    -745,   710,   65504,
      65519,      65520, 1e5,   1e22,       -1e22,        1e300,         7e200,  -65520, 255,   255.9,
      256,        -0.9,  127,   2147483520, 2147483648.0, -2147483648.0, 9.3e18, -9.3e18};
  std::mt19937 random(seed);
  for (int i = 0; i < 400; ++i) {
    const double size = std::exp2(static_cast<double>(random() % 4000) / 100 - 20);
    values.push_back((random() % 2 ? size : -size) * (1 + random() / 4294967296.0));
  }
  std::shuffle(values.begin(), values.end(), random);
  return values;
}
inline std::vector<int64_t> integer_values(unsigned seed) {
  std::vector<int64_t> values{0,
                              1,
                              -1,
                              2,
                              -2,
                              3,
                              5,
                              31,
                              32,
                              63,
                              255,
                              256,
                              INT32_MAX,
                              INT32_MIN,
                              INT64_MAX,
                              INT64_MIN,
                              int64_t{1} << 53,
                              (int64_t{1} << 53) + 1,
                              int64_t{1} << 40};
  std::mt19937_64 random(seed);
  for (int i = 0; i < 200; ++i) values.push_back(static_cast<int64_t>(random()) >> random() % 64);
  std::shuffle(values.begin(), values.end(), random);
  return values;
}

// Such numbers, as far as the dtype has them.
inline void hold_values(TestProgram& made, const PlanOperand& x, unsigned seed) {
  const auto as = [](auto type, const auto& values, auto&& one) {
    std::vector<decltype(type)> made;
    for (const auto value : values) made.push_back(one(value));
    return made;
  };
  switch (x.view.dtype) {
    case DType::kF32:
      return made.hold(x, as(float{}, float_values(seed), [](double v) { return static_cast<float>(v); }));
    case DType::kF64:
      return made.hold(x, float_values(seed));
    case DType::kF16:
      return made.hold(x,
                       as(F16{}, float_values(seed), [](double v) { return to_f16(static_cast<float>(v)); }));
    case DType::kBF16:
      return made.hold(
          x, as(BF16{}, float_values(seed), [](double v) { return to_bf16(static_cast<float>(v)); }));
    case DType::kI32:
      return made.hold(
          x, as(int32_t{}, integer_values(seed), [](int64_t v) { return static_cast<int32_t>(v); }));
    case DType::kI64:
      return made.hold(x, integer_values(seed));
    case DType::kU8:
      return made.hold(
          x, as(uint8_t{}, integer_values(seed), [](int64_t v) { return static_cast<uint8_t>(v); }));
    default:
      return made.hold(
          x, as(uint8_t{}, integer_values(seed), [](int64_t v) { return static_cast<uint8_t>(v & 1); }));
  }
}

// The CPU kernels whose arithmetic is that of the text; without AVX2 a product before a sum is rounded.
inline bool fill_all() {
  kernels::ptx::fill();
  const bool exact = cpu::supports(stream::Isa::kAvx2);
  kernels::fill(exact                               ? stream::Isa::kAvx2
                : cpu::supports(stream::Isa::kNeon) ? stream::Isa::kNeon
                                                    : stream::Isa::kV2);
  return exact;
}

}  // namespace hebb::testing

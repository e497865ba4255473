// What kernel tests share: every instruction set of the machine, seeded contents, and elements as doubles.
#pragma once

#include <cstring>
#include <random>
#include <vector>

#include "each_isa.h"
#include "kernel_harness.h"

namespace hebb::testing {

inline double element(Buffer& buffer, DType dtype, int64_t i) {
  switch (dtype) {
    case DType::kF32:
      return buffer.as<float>()[i];
    case DType::kF64:
      return buffer.as<double>()[i];
    case DType::kF16:
      return to_float(buffer.as<F16>()[i]);
    case DType::kBF16:
      return to_float(buffer.as<BF16>()[i]);
    case DType::kI32:
      return buffer.as<int32_t>()[i];
    case DType::kI64:
      return static_cast<double>(buffer.as<int64_t>()[i]);
    default:
      return buffer.as<uint8_t>()[i];
  }
}

inline void set_element(Buffer& buffer, DType dtype, int64_t i, double value) {
  switch (dtype) {
    case DType::kF32:
      buffer.as<float>()[i] = static_cast<float>(value);
      return;
    case DType::kF64:
      buffer.as<double>()[i] = value;
      return;
    case DType::kF16:
      buffer.as<F16>()[i] = to_f16(static_cast<float>(value));
      return;
    case DType::kBF16:
      buffer.as<BF16>()[i] = to_bf16(static_cast<float>(value));
      return;
    case DType::kI32:
      buffer.as<int32_t>()[i] = static_cast<int32_t>(value);
      return;
    case DType::kI64:
      buffer.as<int64_t>()[i] = static_cast<int64_t>(value);
      return;
    default:
      buffer.as<uint8_t>()[i] = static_cast<uint8_t>(value);
  }
}

// Normal numbers around `mean`, or integers 0..20 (0 and 1 for bool).
inline void fill_random(Buffer& buffer, DType dtype, unsigned seed, double mean = 0) {
  std::mt19937 generator(seed);
  std::normal_distribution<double> normal(mean, 1);
  for (int64_t i = 0; i < buffer.size(); ++i) {
    const double value = is_float(dtype)         ? normal(generator)
                         : dtype == DType::kBool ? static_cast<double>(generator() % 2)
                                                 : static_cast<double>(generator() % 21);
    set_element(buffer, dtype, i, value);
  }
}

inline std::vector<double> elements(Buffer& buffer, DType dtype) {
  std::vector<double> result;
  for (int64_t i = 0; i < buffer.size(); ++i) result.push_back(element(buffer, dtype, i));
  return result;
}

inline bool same_bits(Buffer& a, Buffer& b) {
  return a.bytes() == b.bytes() && std::memcmp(a.as<char>(), b.as<char>(), a.bytes()) == 0;
}

// What one rounding to the dtype may cost.
inline double relative_bound(DType dtype) {
  return dtype == DType::kF16 ? 1e-3 : dtype == DType::kBF16 ? 8e-3 : dtype == DType::kF32 ? 2e-6 : 1e-14;
}

}  // namespace hebb::testing

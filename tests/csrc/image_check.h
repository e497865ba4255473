// What the tests of convolution and pooling share: instruction sets, buffers of any float dtype, comparison
// with doubles.
#pragma once

#include <cmath>
#include <memory>
#include <random>
#include <vector>

#include "check.h"
#include "each_isa.h"
#include "kernel_harness.h"

namespace hebb::testing {

// Multiples of scale / 8: exact in every float dtype, and with many equal values among them.
inline std::vector<double> draw_eighths(int64_t count, uint32_t seed, double scale) {
  std::mt19937 random(seed);
  std::vector<double> values(static_cast<size_t>(count));
  for (double& value : values) value = scale * (static_cast<int>(random() % 33) - 16) / 8;
  return values;
}

inline void set_values(Buffer& buffer, DType dtype, const std::vector<double>& values) {
  for (size_t i = 0; i < values.size(); ++i) {
    const float value = static_cast<float>(values[i]);
    if (dtype == DType::kF64) buffer.as<double>()[i] = values[i];
    if (dtype == DType::kF32) buffer.as<float>()[i] = value;
    if (dtype == DType::kF16) buffer.as<F16>()[i] = to_f16(value);
    if (dtype == DType::kBF16) buffer.as<BF16>()[i] = to_bf16(value);
  }
}

inline double value_at(Buffer& buffer, DType dtype, size_t i) {
  switch (dtype) {
    case DType::kF64:
      return buffer.as<double>()[i];
    case DType::kF16:
      return to_float(buffer.as<F16>()[i]);
    case DType::kBF16:
      return to_float(buffer.as<BF16>()[i]);
    case DType::kU8:
      return buffer.as<uint8_t>()[i];
    case DType::kI32:
      return buffer.as<int32_t>()[i];
    default:
      return buffer.as<float>()[i];
  }
}

inline double tolerance(DType dtype) {
  return dtype == DType::kF64 ? 1e-13 : dtype == DType::kF32 ? 1e-5 : dtype == DType::kF16 ? 1e-3 : 8e-3;
}

// The outputs of a kernel, and what they should be.
struct Expected {
  DType dtype;
  std::vector<int64_t> shape;
  std::vector<double> values;
  double bound = 0;  // on the error of each value; with 0 the dtype's tolerance
};

// Runs with one and with two threads: the bits must be equal, the values as expected (NaN where NaN is).
template <class P>
void compare(const stream::Slot& slot, const std::vector<Expected>& outputs,
             const std::vector<stream::Operand>& inputs, const P& params) {
  std::vector<std::unique_ptr<Buffer>> results[2];
  for (int threads = 1; threads <= 2; ++threads) {
    std::vector<stream::Operand> operands;
    for (const auto& output : outputs) {
      auto& buffer = results[threads - 1].emplace_back(std::make_unique<Buffer>(output.dtype, output.shape));
      if (buffer->bytes()) std::memset(buffer->as<char>(), 0xff, buffer->bytes());
      operands.push_back(buffer->out());
    }
    operands.insert(operands.end(), inputs.begin(), inputs.end());
    run(slot, threads, operands, params);
  }
  for (size_t k = 0; k < outputs.size(); ++k) {
    Buffer& result = *results[0][k];
    CHECK(std::memcmp(result.as<char>(), results[1][k]->as<char>(), result.bytes()) == 0);
    for (size_t i = 0; i < outputs[k].values.size(); ++i) {
      const double expected = outputs[k].values[i], actual = value_at(result, outputs[k].dtype, i);
      if (std::isnan(expected)) {
        CHECK(std::isnan(actual));
      } else {
        const double bound = outputs[k].bound;
        CHECK_NEAR(actual, expected,
                   bound > 0 ? bound : tolerance(outputs[k].dtype) * (1 + std::fabs(expected)));
      }
    }
  }
}

}  // namespace hebb::testing

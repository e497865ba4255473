// Copies against naive loops: layouts, transposes, conversions between dtypes, parts of larger memory,
// threads.
#include "kernels/copy.h"

#include <cmath>
#include <limits>
#include <random>

#include "check.h"
#include "image_check.h"
#include "kernel_harness.h"

namespace hebb::testing {
namespace {

using stream::Operand;

struct None {};

Operand permuted(const Operand& operand, const std::vector<int>& axes) {
  Operand view = operand;
  for (size_t i = 0; i < axes.size(); ++i) {
    view.shape[i] = operand.shape[axes[i]];
    view.strides[i] = operand.strides[axes[i]];
  }
  return view;
}

int64_t offset_at(const Operand& operand, int64_t index) {
  int64_t offset = 0;
  for (int axis = operand.rank - 1; axis >= 0; --axis) {
    offset += index % operand.shape[axis] * operand.strides[axis];
    index /= operand.shape[axis];
  }
  return offset;
}

template <class T>
void check_permuted(DType dtype, const std::vector<int64_t>& shape, const std::vector<int>& axes) {
  Buffer x(dtype, shape);
  std::mt19937 random(5);
  for (size_t i = 0; i < x.bytes(); ++i) x.as<uint8_t>()[i] = static_cast<uint8_t>(random());
  const Operand view = permuted(x.in(), axes);
  Buffer y(dtype, std::vector<int64_t>(view.shape, view.shape + view.rank));
  for (int threads : {1, 2}) {
    std::memset(y.as<uint8_t>(), 0, y.bytes());
    run(kernels::copy, threads, {y.out(), view}, None{});
    for (int64_t i = 0; i < y.size(); ++i) {
      CHECK(std::memcmp(y.as<T>() + i, x.as<T>() + offset_at(view, i), sizeof(T)) == 0);
    }
  }
}

TEST(copy_any_layout) {
  for_each_device([] {
    check_permuted<float>(DType::kF32, {70001}, {0});
    check_permuted<float>(DType::kF32, {131, 67}, {1, 0});
    check_permuted<uint8_t>(DType::kU8, {37, 53}, {1, 0});
    check_permuted<F16>(DType::kF16, {45, 64}, {1, 0});
    check_permuted<double>(DType::kF64, {33, 71}, {1, 0});
    check_permuted<float>(DType::kF32, {3, 5, 34, 7}, {0, 2, 3, 1});
    check_permuted<float>(DType::kF32, {2, 33, 6, 5}, {3, 1, 0, 2});
    check_permuted<float>(DType::kF32, {2, 3, 2, 1, 3, 2, 2, 3}, {7, 0, 6, 1, 5, 2, 4, 3});
  });
}

TEST(copy_of_repeated_reversed_and_constant) {
  for_each_device([] {
    Buffer x(DType::kF32, {5}), y(DType::kF32, {3, 5});
    for (int i = 0; i < 5; ++i) x.as<float>()[i] = static_cast<float>(i);
    run(kernels::copy, 1, {y.out(), x.in()}, None{});
    for (int i = 0; i < 15; ++i) CHECK_EQ(y.as<float>()[i], static_cast<float>(i % 5));
    Operand reversed = x.in();
    reversed.data = x.as<float>() + 4;
    reversed.strides[0] = -1;
    run(kernels::copy, 1, {y.out(), reversed}, None{});
    for (int i = 0; i < 15; ++i) CHECK_EQ(y.as<float>()[i], static_cast<float>(4 - i % 5));
    Operand seven;
    seven.constant = 7.5;
    run(kernels::copy, 1, {y.out(), seven}, None{});
    for (int i = 0; i < 15; ++i) CHECK_EQ(y.as<float>()[i], 7.5f);
  });
}

TEST(copy_into_leaves_the_rest) {
  for_each_device([] {
    Buffer x(DType::kI32, {2, 3}), y(DType::kF32, {4, 7});
    for (int i = 0; i < 28; ++i) y.as<float>()[i] = -1;
    for (int i = 0; i < 6; ++i) x.as<int32_t>()[i] = i;
    Operand part = y.operand(stream::Role::kInOut);
    part.data = y.as<float>() + 1 * 7 + 2;
    part.shape[0] = 2;
    part.shape[1] = 3;
    part.strides[1] = 2;
    run(kernels::copy_into, 1, {part, x.in()}, None{});
    for (int row = 0; row < 4; ++row) {
      for (int column = 0; column < 7; ++column) {
        const bool inside = (row == 1 || row == 2) && column >= 2 && column <= 6 && column % 2 == 0;
        CHECK_EQ(y.as<float>()[row * 7 + column],
                 inside ? static_cast<float>((row - 1) * 3 + (column - 2) / 2) : -1.0f);
      }
    }
  });
}

template <class T>
void check_from_doubles(DType dtype, const std::vector<double>& values, const std::vector<T>& want) {
  const auto size = static_cast<int64_t>(values.size());
  // Once alone and once repeated, so that vector code sees each value too.
  for (int64_t repeat : {1, 40}) {
    Buffer x(DType::kF64, {repeat, size}), y(dtype, {repeat, size});
    for (int64_t i = 0; i < x.size(); ++i) x.as<double>()[i] = values[static_cast<size_t>(i % size)];
    run(kernels::copy, 1, {y.out(), x.in()}, None{});
    for (int64_t i = 0; i < x.size(); ++i) {
      CHECK(std::memcmp(y.as<T>() + i, &want[static_cast<size_t>(i % size)], sizeof(T)) == 0);
    }
  }
}

TEST(copy_converts_doubles) {
  const double infinity = std::numeric_limits<double>::infinity(), nan = std::nan("");
  const std::vector<double> values{2.9, -2.9, nan,  infinity, -infinity,   300,
                                   -1,  3e9,  0.25, 1e19,     2147483648.0};
  for_each_device([&] {
    check_from_doubles<int32_t>(
        DType::kI32, values, {2, -2, 0, INT32_MAX, INT32_MIN, 300, -1, INT32_MAX, 0, INT32_MAX, INT32_MAX});
    check_from_doubles<int64_t>(
        DType::kI64, values, {2, -2, 0, INT64_MAX, INT64_MIN, 300, -1, 3000000000, 0, INT64_MAX, 2147483648});
    check_from_doubles<uint8_t>(DType::kU8, values, {2, 0, 0, 255, 0, 255, 0, 255, 0, 255, 255});
    check_from_doubles<uint8_t>(DType::kBool, {0, -0.0, 0.25, nan, -3}, {0, 0, 1, 1, 1});
    // 1 + 2^-11 + 2^-40 lies above the middle of two halves; rounding to f32 first would lose that.
    const double above = 1 + std::ldexp(1, -11) + std::ldexp(1, -40);
    check_from_doubles<uint16_t>(DType::kF16,
                                 {1, above, -above, 65519, 65520, std::ldexp(1, -24), std::ldexp(1, -26)},
                                 {0x3c00, 0x3c01, 0xbc01, 0x7bff, 0x7c00, 0x0001, 0x0000});
    const double above_bf16 = 1 + std::ldexp(1, -8) + std::ldexp(1, -40);
    check_from_doubles<uint16_t>(DType::kBF16, {1, above_bf16, -2, infinity},
                                 {0x3f80, 0x3f81, 0xc000, 0x7f80});
  });
}

TEST(copy_converts_halves_as_the_scalar_functions_do) {
  for_each_device([] {
    // Every f16 but the signalling NaNs, whose payload hardware quietens.
    Buffer half(DType::kF16, {65536}), wide(DType::kF32, {65536}), back(DType::kF16, {65536});
    for (int i = 0; i < 65536; ++i) half.as<uint16_t>()[i] = static_cast<uint16_t>(i);
    run(kernels::copy, 1, {wide.out(), half.in()}, None{});
    run(kernels::copy, 1, {back.out(), wide.in()}, None{});
    for (int i = 0; i < 65536; ++i) {
      const float value = wide.as<float>()[i];
      const bool nan = (i & 0x7fff) > 0x7c00;
      CHECK(nan ? std::isnan(value) : value == to_float(F16{static_cast<uint16_t>(i)}));
      CHECK(nan ? (back.as<uint16_t>()[i] & 0x7fff) > 0x7c00 : back.as<uint16_t>()[i] == i);
    }
    const int64_t size = 4099;
    Buffer x(DType::kF32, {size}), f16(DType::kF16, {size}), bf16(DType::kBF16, {size});
    std::mt19937 random(9);
    for (int64_t i = 0; i < size; ++i) x.as<float>()[i] = bits_float(static_cast<uint32_t>(random()));
    run(kernels::copy, 2, {f16.out(), x.in()}, None{});
    run(kernels::copy, 2, {bf16.out(), x.in()}, None{});
    for (int64_t i = 0; i < size; ++i) {
      const float value = x.as<float>()[i];
      if (std::isnan(value)) {
        CHECK(std::isnan(to_float(f16.as<F16>()[i])) && std::isnan(to_float(bf16.as<BF16>()[i])));
      } else {
        CHECK_EQ(f16.as<uint16_t>()[i], to_f16(value).bits);
        CHECK_EQ(bf16.as<uint16_t>()[i], to_bf16(value).bits);
      }
    }
  });
}

TEST(arange_counts_in_every_dtype) {
  for_each_device([] {
    Buffer whole(DType::kI64, {1000}), real(DType::kF32, {1000});
    run(kernels::arange, 2, {whole.out()}, kernels::ArangeParams{-7, 3});
    run(kernels::arange, 2, {real.out()}, kernels::ArangeParams{0.5, -0.25});
    for (int i = 0; i < 1000; ++i) {
      CHECK_EQ(whole.as<int64_t>()[i], -7 + 3 * i);
      CHECK_EQ(real.as<float>()[i], static_cast<float>(0.5 - 0.25 * i));
    }
  });
}

}  // namespace
}  // namespace hebb::testing

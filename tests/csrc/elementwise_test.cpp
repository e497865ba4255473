// The element-wise runner and its formulas against double references: sizes, layouts, dtypes, tails, threads.
#include "kernels/elementwise.h"

#include <cmath>
#include <limits>
#include <random>

#include "check.h"
#include "image_check.h"
#include "kernel_harness.h"

namespace hebb::testing {
namespace {

using kernels::ElementwiseParams;
using stream::Operand;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

ElementwiseParams compute_in(DType dtype, double s0 = 0, double s1 = 0) {
  return {static_cast<int64_t>(dtype), {s0, s1, 0, 0}};
}

void fill_normal(Buffer& buffer, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  for (int64_t i = 0; i < buffer.size(); ++i) buffer.as<float>()[i] = normal(random);
}

Operand constant(double value, DType dtype = DType::kF32) {
  Operand operand;
  operand.constant = value;
  operand.dtype = dtype;
  return operand;
}

struct UnaryCase {
  const stream::Slot* slot;
  double (*reference)(double);
  double low, high;
};

const UnaryCase kUnary[] = {
    {&kernels::exp, [](double x) { return std::exp(x); }, -110, 100},
    {&kernels::expm1, [](double x) { return std::expm1(x); }, -30, 95},
    {&kernels::log, [](double x) { return std::log(x); }, 0, 1e6},
    {&kernels::log1p, [](double x) { return std::log1p(x); }, -1, 4},
    {&kernels::tanh, [](double x) { return std::tanh(x); }, -12, 12},
    {&kernels::erf, [](double x) { return std::erf(x); }, -5, 5},
    {&kernels::sin, [](double x) { return std::sin(x); }, -9000, 9000},
    {&kernels::cos, [](double x) { return std::cos(x); }, -9000, 9000},
    {&kernels::sqrt, [](double x) { return std::sqrt(x); }, 0, 100},
    {&kernels::floor, [](double x) { return std::floor(x); }, -9, 9},
    {&kernels::round, [](double x) { return std::nearbyint(x); }, -9, 9},
    {&kernels::sigmoid, [](double x) { return 1 / (1 + std::exp(-x)); }, -80, 80},
    {&kernels::softplus, [](double x) { return std::log1p(std::exp(x)); }, -30, 80},
};

TEST(elementwise_functions_are_near_libm) {
  for_each_device([] {
    for (const auto& test : kUnary) {
      for (int64_t size : {1, 5, 16, 33, 4099}) {
        Buffer x(DType::kF32, {size}), y(DType::kF32, {size});
        std::mt19937 random(7);
        std::uniform_real_distribution<double> uniform(test.low, test.high);
        for (int64_t i = 0; i < size; ++i) x.as<float>()[i] = static_cast<float>(uniform(random));
        run(*test.slot, 1, {y.out(), x.in()}, compute_in(DType::kF32));
        for (int64_t i = 0; i < size; ++i) {
          const double want = test.reference(x.as<float>()[i]);
          const auto rounded = static_cast<float>(want);
          if (std::isinf(rounded) && y.as<float>()[i] == rounded) continue;
          CHECK_NEAR(y.as<float>()[i], want, 4e-7 * std::fabs(want) + 2e-7 * (std::fabs(want) < 1) + 1e-44);
        }
      }
    }
  });
}

// x times what the normal distribution has below x, and its slope. Far below zero the result keeps its
// digits.
TEST(elementwise_gelu_is_near_libm) {
  for_each_device([] {
    const int64_t size = 20011;
    Buffer x(DType::kF32, {size}), y(DType::kF32, {size}), slope(DType::kF32, {size});
    for (int64_t i = 0; i < size; ++i) x.as<float>()[i] = static_cast<float>(i - size / 2) * 1e-3f;
    run(kernels::gelu, 1, {y.out(), x.in()}, compute_in(DType::kF32));
    run(kernels::gelu_grad, 1, {slope.out(), constant(1), x.in()}, compute_in(DType::kF32));
    for (int64_t i = 0; i < size; ++i) {
      const double v = x.as<float>()[i], below = 0.5 * std::erfc(-v / std::sqrt(2.0)), want = v * below;
      const double off = v > -0.5 ? 4e-7 * std::fabs(want) : 3e-5 * std::fabs(want) - 1e-9 * v;
      CHECK_NEAR(y.as<float>()[i], want, std::fmin(off, 2e-7 * std::fabs(v)) + 1e-44);
      CHECK_NEAR(slope.as<float>()[i], below + v * std::exp(-v * v / 2) / std::sqrt(2 * M_PI), 4e-7);
    }
  });
}

TEST(elementwise_functions_at_the_edges) {
  struct Edge {
    const stream::Slot* slot;
    double x, want;
  };
  const Edge edges[] = {
      {&kernels::exp, kInfinity, kInfinity},
      {&kernels::exp, -kInfinity, 0},
      {&kernels::exp, 1000, kInfinity},
      {&kernels::exp, kNaN, kNaN},
      {&kernels::exp, 0, 1},
      {&kernels::log, 0, -kInfinity},
      {&kernels::log, -1, kNaN},
      {&kernels::log, kInfinity, kInfinity},
      {&kernels::log, 1, 0},
      {&kernels::log1p, -1, -kInfinity},
      {&kernels::log1p, kInfinity, kInfinity},
      {&kernels::log1p, 1e-30, 1e-30},
      {&kernels::tanh, kInfinity, 1},
      {&kernels::tanh, -kInfinity, -1},
      {&kernels::tanh, kNaN, kNaN},
      {&kernels::tanh, 1e-30, 1e-30},
      {&kernels::sigmoid, -kInfinity, 0},
      {&kernels::sigmoid, kInfinity, 1},
      {&kernels::erf, -kInfinity, -1},
      {&kernels::erf, kNaN, kNaN},
      {&kernels::sin, kInfinity, kNaN},
      {&kernels::cos, 0, 1},
      {&kernels::expm1, -kInfinity, -1},
      {&kernels::expm1, 1e-30, 1e-30},
      {&kernels::expm1, kInfinity, kInfinity},
      {&kernels::relu, kNaN, kNaN},
      {&kernels::relu, -3, 0},
      {&kernels::round, 2.5, 2},
      {&kernels::round, -3.5, -4},
      {&kernels::sign, -0.5, -1},
      {&kernels::rsqrt, 4, 0.5},
      {&kernels::softplus, -kInfinity, 0},
      {&kernels::gelu, kInfinity, kInfinity},
      {&kernels::gelu, -40, 0},
      {&kernels::gelu, kNaN, kNaN},
  };
  for_each_device([&] {
    for (const auto& edge : edges) {
      Buffer x(DType::kF32, {3}), y(DType::kF32, {3});
      for (int i = 0; i < 3; ++i) x.as<float>()[i] = static_cast<float>(edge.x);
      run(*edge.slot, 1, {y.out(), x.in()}, compute_in(DType::kF32));
      const auto want = static_cast<float>(edge.want);
      for (int i = 0; i < 3; ++i) {
        const float got = y.as<float>()[i];
        CHECK(std::isnan(want) ? std::isnan(got) : got == want);
      }
    }
  });
}

TEST(elementwise_maximum_keeps_nan_on_either_side) {
  for_each_device([] {
    Buffer a(DType::kF32, {3}), b(DType::kF32, {3}), y(DType::kF32, {3});
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const float left[] = {nan, 1, 2}, right[] = {1, nan, 3};
    std::memcpy(a.as<float>(), left, sizeof left);
    std::memcpy(b.as<float>(), right, sizeof right);
    for (const auto* slot : {&kernels::maximum, &kernels::minimum}) {
      run(*slot, 1, {y.out(), a.in(), b.in()}, compute_in(DType::kF32));
      CHECK(std::isnan(y.as<float>()[0]) && std::isnan(y.as<float>()[1]));
      CHECK_EQ(y.as<float>()[2], slot == &kernels::maximum ? 3.0f : 2.0f);
    }
  });
}

// The offset of the element of `operand` that broadcasts to `index` of a row-major `shape`.
int64_t offset_at(const Operand& operand, const Operand& shape, int64_t index) {
  int64_t offset = 0;
  for (int axis = shape.rank - 1; axis >= 0; --axis) {
    const int64_t at = index % shape.shape[axis];
    index /= shape.shape[axis];
    const int own = axis - (shape.rank - operand.rank);
    if (own >= 0 && operand.shape[own] != 1) offset += at * operand.strides[own];
  }
  return offset;
}

void check_sub(int threads, const Operand& y, const Operand& a, const Operand& b) {
  run(kernels::sub, threads, {y, a, b}, compute_in(DType::kF32));
  for (int64_t i = 0; i < y.size(); ++i) {
    CHECK_EQ(y.as<float>()[i], a.as<float>()[offset_at(a, y, i)] - b.as<float>()[offset_at(b, y, i)]);
  }
}

TEST(elementwise_broadcasts_and_takes_strides) {
  for_each_device([] {
    // Rows shorter and longer than a tile, and not multiples of anything.
    for (int64_t columns : {1, 3, 10, 255, 256, 700}) {
      const int64_t rows = 1 + 40000 / columns;
      Buffer x(DType::kF32, {rows, columns}), bias(DType::kF32, {columns}), column(DType::kF32, {rows, 1});
      Buffer turned(DType::kF32, {columns, rows}), one(DType::kF32, {}), y(DType::kF32, {rows, columns});
      uint32_t seed = 1;
      for (Buffer* buffer : {&x, &bias, &column, &turned, &one}) fill_normal(*buffer, seed++);
      Operand transposed = turned.in();
      std::swap(transposed.shape[0], transposed.shape[1]);
      std::swap(transposed.strides[0], transposed.strides[1]);
      for (int threads : {1, 2}) {
        for (const Operand& b : {x.in(), bias.in(), column.in(), transposed, one.in()}) {
          check_sub(threads, y.out(), x.in(), b);
          check_sub(threads, y.out(), b, x.in());
        }
        check_sub(threads, y.out(), column.in(), bias.in());
      }
    }
  });
}

TEST(elementwise_reads_constants_and_mixed_dtypes) {
  for_each_device([] {
    const int64_t size = 1037;
    Buffer half(DType::kF16, {size}), whole(DType::kI64, {size}), y(DType::kF32, {size}),
        small(DType::kBF16, {size});
    for (int64_t i = 0; i < size; ++i) {
      half.as<F16>()[i] = to_f16(static_cast<float>(i % 100) / 8);
      whole.as<int64_t>()[i] = i - 500;
    }
    run(kernels::mul, 1, {y.out(), half.in(), whole.in()}, compute_in(DType::kF32));
    Buffer wide(DType::kF64, {3});
    run(kernels::add, 1, {wide.out(), constant(0.1), constant(0, DType::kF64)}, compute_in(DType::kF64));
    for (int i = 0; i < 3; ++i) CHECK_EQ(wide.as<double>()[i], static_cast<double>(0.1f));
    run(kernels::add, 1, {small.out(), half.in(), constant(0.5)}, compute_in(DType::kF32));
    for (int64_t i = 0; i < size; ++i) {
      const float x = static_cast<float>(i % 100) / 8;
      CHECK_EQ(y.as<float>()[i], x * static_cast<float>(i - 500));
      CHECK_EQ(to_float(small.as<BF16>()[i]), to_float(to_bf16(x + 0.5f)));
    }
  });
}

TEST(elementwise_integers_stay_exact) {
  for_each_device([] {
    const int64_t size = 37;
    Buffer a(DType::kI64, {size}), b(DType::kI64, {size}), y(DType::kI64, {size});
    const int64_t big = int64_t{1} << 53;
    for (int64_t i = 0; i < size; ++i) {
      a.as<int64_t>()[i] = big + i;
      b.as<int64_t>()[i] = i % 5;
    }
    run(kernels::add, 1, {y.out(), a.in(), b.in()}, compute_in(DType::kI64));
    for (int64_t i = 0; i < size; ++i) CHECK_EQ(y.as<int64_t>()[i], big + i + i % 5);
    run(kernels::pow, 1, {y.out(), constant(-3, DType::kI64), b.in()}, compute_in(DType::kI64));
    constexpr int64_t kPowers[] = {1, -3, 9, -27, 81};
    for (int64_t i = 0; i < size; ++i) CHECK_EQ(y.as<int64_t>()[i], kPowers[i % 5]);
    run(kernels::clamp, 1, {y.out(), b.in()}, compute_in(DType::kI64, 1, kInfinity));
    for (int64_t i = 0; i < size; ++i) CHECK_EQ(y.as<int64_t>()[i], i % 5 == 0 ? 1 : i % 5);
  });
}

TEST(elementwise_predicates_and_where) {
  for_each_device([] {
    const int64_t size = 301;
    Buffer x(DType::kF32, {size}), less(DType::kBool, {size}), y(DType::kF32, {size});
    fill_normal(x, 3);
    x.as<float>()[7] = std::numeric_limits<float>::quiet_NaN();
    x.as<float>()[9] = std::numeric_limits<float>::infinity();
    run(kernels::less, 1, {less.out(), x.in(), constant(0.25)}, compute_in(DType::kF32));
    run(kernels::where, 1, {y.out(), less.in(), x.in(), constant(9)}, compute_in(DType::kF32));
    for (int64_t i = 0; i < size; ++i) {
      const bool want = x.as<float>()[i] < 0.25f;
      CHECK_EQ(less.as<uint8_t>()[i], want ? 1 : 0);
      CHECK_EQ(y.as<float>()[i], want ? x.as<float>()[i] : 9.0f);
    }
    run(kernels::is_finite, 1, {less.out(), x.in()}, compute_in(DType::kF32));
    for (int64_t i = 0; i < size; ++i) CHECK_EQ(less.as<uint8_t>()[i], i == 7 || i == 9 ? 0 : 1);
  });
}

TEST(elementwise_bits_do_not_depend_on_place_or_threads) {
  for_each_device([] {
    const int64_t size = 50001;
    Buffer x(DType::kF32, {size}), one(DType::kF32, {size}), two(DType::kF32, {size}), tail(DType::kF32, {3});
    fill_normal(x, 11);
    run(kernels::gelu, 1, {one.out(), x.in()}, compute_in(DType::kF32));
    run(kernels::gelu, 2, {two.out(), x.in()}, compute_in(DType::kF32));
    CHECK(std::memcmp(one.as<float>(), two.as<float>(), one.bytes()) == 0);
    Operand three = x.in();
    three.data = x.as<float>() + 1234;
    three.shape[0] = 3;
    run(kernels::gelu, 1, {tail.out(), three}, compute_in(DType::kF32));
    CHECK(std::memcmp(tail.as<float>(), one.as<float>() + 1234, tail.bytes()) == 0);
  });
}

}  // namespace
}  // namespace hebb::testing

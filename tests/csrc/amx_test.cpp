// Products on a tile unit against products in double: the unit itself where the machine has it, and its
// emulation.
#include <cmath>
#include <limits>
#include <random>

#include "check.h"
#include "core/error.h"
#include "each_isa.h"
#include "kernel_harness.h"
#include "kernels/gemm.h"

namespace hebb::testing {
namespace {

using kernels::GemmParams;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// What a command is given; A and B are stored with their axes swapped where transposed, and only every second
// element of A counts where it is spread.
struct Product {
  int64_t batch, m, n, k;
  bool a_transposed = false, b_transposed = false, spread = false, bias = false;
  int64_t activation = kernels::kActivationNone;
};

class Matrices {
 public:
  explicit Matrices(const Product& product)
      : p(product),
        step_(p.spread ? 2 : 1),
        a(DType::kF32, {p.batch * p.m * p.k * step_}),
        b(DType::kF32, {p.batch * p.k * p.n}),
        bias(DType::kF32, {p.n}),
        c(DType::kF32, {p.batch, p.m, p.n}) {
    std::mt19937 random(11);
    std::normal_distribution<float> normal;
    for (Buffer* buffer : {&a, &b, &bias})
      for (int64_t i = 0; i < buffer->size(); ++i) buffer->as<float>()[i] = normal(random);
  }

  float& a_at(int64_t s, int64_t i, int64_t k) {
    return a.as<float>()[(s * p.m * p.k + (p.a_transposed ? k * p.m + i : i * p.k + k)) * step_];
  }
  float& b_at(int64_t s, int64_t k, int64_t j) {
    return b.as<float>()[s * p.k * p.n + (p.b_transposed ? j * p.k + k : k * p.n + j)];
  }
  float c_at(int64_t s, int64_t i, int64_t j) { return c.as<float>()[(s * p.m + i) * p.n + j]; }

  std::vector<stream::Operand> operands() {
    std::vector<stream::Operand> list{c.out(), view(a, p.m, p.k, p.a_transposed, step_),
                                      view(b, p.k, p.n, p.b_transposed, 1)};
    if (p.bias) list.push_back(bias.in());
    return list;
  }
  // Of f32, the three terms of the unit.
  GemmParams params(int64_t precision) const {
    const bool full = precision == kernels::kPrecisionF32;
    return {p.activation, p.bias, precision, full ? kernels::kGemmTiles : kernels::kGemmByShape};
  }

  Product p;

 private:
  stream::Operand view(Buffer& buffer, int64_t rows, int64_t columns, bool transposed, int64_t step) const {
    stream::Operand o = buffer.in();
    o.rank = 3;
    const int64_t shape[] = {p.batch, rows, columns};
    const int64_t strides[] = {rows * columns * step, transposed ? step : columns * step,
                               transposed ? rows * step : step};
    for (int i = 0; i < 3; ++i) o.shape[i] = shape[i], o.strides[i] = strides[i];
    return o;
  }

  int64_t step_;

 public:
  Buffer a, b, bias, c;
};

float rounded(float x) { return to_float(to_bf16(x)); }

// What a precision may lose of a product of two operands, as a part of it: 'high' keeps each operand to 2^-17
// and leaves out the product of their second terms, at most 2^-8 of the first.
// Three terms keep it to 2^-24, and leave out products as small.
double lost(int64_t precision) {
  if (precision == kernels::kPrecisionBf16) return 0;
  return std::ldexp(1.0, precision == kernels::kPrecisionHigh ? -15 : -22);
}

// The largest error over its bound. In bf16 the operands are rounded first, so that only sums err.
double worst(Matrices& x, int64_t precision) {
  const Product& p = x.p;
  const auto kept = [&](float v) { return precision == kernels::kPrecisionBf16 ? rounded(v) : v; };
  double ratio = 0;
  for (int64_t s = 0; s < p.batch; ++s) {
    for (int64_t i = 0; i < p.m; ++i) {
      for (int64_t j = 0; j < p.n; ++j) {
        double sum = p.bias ? x.bias.as<float>()[j] : 0, magnitude = std::fabs(sum);
        for (int64_t k = 0; k < p.k; ++k) {
          const double term = double{kept(x.a_at(s, i, k))} * kept(x.b_at(s, k, j));
          sum += term;
          magnitude += std::fabs(term);
        }
        if (p.activation == kernels::kActivationRelu && sum < 0) sum = 0;
        if (p.activation == kernels::kActivationTanh) sum = std::tanh(sum);
        const double bound =
            magnitude * (static_cast<double>(p.k + 8) * std::ldexp(1.0, -24) + lost(precision)) + 1e-6;
        const double error = std::fabs(x.c_at(s, i, j) - sum) / bound;
        if (!(error <= ratio)) ratio = error;
      }
    }
  }
  return ratio;
}

constexpr int64_t kPrecisions[] = {kernels::kPrecisionF32, kernels::kPrecisionHigh, kernels::kPrecisionBf16};

void check_product(const Product& p) {
  Matrices x(p);
  for (stream::Isa isa : tile_isas()) {
    kernels::fill(isa);
    for (int64_t precision : kPrecisions) {
      std::string first;
      for (int threads : {1, 2, 3}) {
        std::memset(x.c.as<void>(), 0xff, x.c.bytes());
        run(kernels::gemm, threads, x.operands(), x.params(precision));
        const std::string bytes(x.c.as<char>(), x.c.bytes());
        if (threads == 1) first = bytes;
        CHECK(bytes == first);
      }
      const double ratio = worst(x, precision);
      if (ratio <= 1) continue;
      throw Failure(__FILE__, __LINE__,
                    text("%ld x %ldx%ldx%ld ta %d tb %d spread %d precision %ld %s: error is %g of the bound",
                         p.batch, p.m, p.n, p.k, p.a_transposed, p.b_transposed, p.spread, precision,
                         cpu::isa_name(isa), ratio));
    }
  }
}

// The f32 kernels would pass the checks above for two of them.
TEST(amx_takes_what_its_precision_allows) {
  Matrices x({1, 64, 64, 64});
  const auto result = [&](const GemmParams& params) {
    run(kernels::gemm, 1, x.operands(), params);
    return std::string(x.c.as<char>(), x.c.bytes());
  };
  const GemmParams usual{kernels::kActivationNone, false};
  for (stream::Isa isa : tile_isas()) {
    kernels::fill(stream::Isa::kAvx512);
    const std::string plain = result(usual);
    for (int64_t precision : kPrecisions) CHECK(result(x.params(precision)) == plain);
    kernels::fill(isa);
    CHECK(result(usual) == plain);
    std::vector<std::string> all{plain};
    for (int64_t precision : kPrecisions) {
      all.push_back(result(x.params(precision)));
      for (size_t i = 0; i + 1 < all.size(); ++i) CHECK(all[i] != all.back());
      CHECK(result({kernels::kActivationNone, false, precision, kernels::kGemmFma}) == plain);
    }
  }
}

TEST(amx_sizes_around_the_tiles) {
  for (int64_t m : {16, 17, 31, 32, 33, 65})
    for (int64_t n : {16, 17, 31, 32, 33, 65}) check_product({1, m, n, (1 << 18) / (m * n) + 1});
  for (int64_t k : {32, 33, 63, 64, 65}) check_product({1, 96, 97, k});
}

TEST(amx_layouts) {
  for (bool a : {false, true}) {
    for (bool b : {false, true}) {
      check_product({1, 50, 83, 70, a, b});
      check_product({1, 64, 64, 64, a, b, true});
      check_product({1, 40, 40, 333, a, b, true});
    }
  }
}

// Several blocks of k, of columns, and parts for threads.
TEST(amx_blocks) {
  check_product({1, 130, 40, 1100});
  check_product({1, 33, 2100, 40, false, true});
  check_product({1, 300, 70, 600, true, false, false, true});
}

TEST(amx_bias_and_activation) {
  check_product({1, 37, 70, 530, false, false, false, true, kernels::kActivationRelu});
  check_product({1, 64, 64, 64, false, true, false, true, kernels::kActivationTanh});
  check_product({1, 64, 64, 64, false, true, false, false, kernels::kActivationRelu});
}

TEST(amx_batches) {
  check_product({3, 64, 70, 70, false, true});
  check_product({20, 40, 64, 103, true});
}

// As plain arithmetic has it, also where the other operand's smaller terms are 0 or negative.
TEST(amx_treats_infinity_as_arithmetic_does) {
  for (stream::Isa isa : tile_isas()) {
    kernels::fill(isa);
    for (int64_t precision : kPrecisions) {
      Matrices x({1, 70, 70, 70});
      for (int64_t k = 0; k < 70; ++k)
        for (int64_t j = 0; j < 70; ++j) x.b_at(0, k, j) = j == 9 && k == 3 ? 0 : j % 2 ? 2.0f : 1.0f / 3;
      for (int64_t i = 0; i < 70; ++i)
        for (int64_t k = 0; k < 70; ++k) x.a_at(0, i, k) = 1;
      x.a_at(0, 2, 3) = kInfinity;
      x.a_at(0, 64, 3) = -kInfinity;
      x.a_at(0, 6, 3) = kInfinity, x.a_at(0, 6, 69) = -kInfinity;
      x.a_at(0, 40, 5) = std::nanf("");
      run(kernels::gemm, 1, x.operands(), x.params(precision));
      for (int64_t i = 0; i < 70; ++i) {
        for (int64_t j = 0; j < 70; ++j) {
          const float got = x.c_at(0, i, j);
          if (i == 6 || i == 40 || (j == 9 && (i == 2 || i == 64))) {
            CHECK(std::isnan(got));
          } else if (i == 2 || i == 64) {
            CHECK_EQ(got, i == 2 ? kInfinity : -kInfinity);
          } else {
            CHECK_NEAR(got,
                       j == 9  ? 138
                       : j % 2 ? 140
                               : 70.0 / 3,
                       precision == kernels::kPrecisionBf16 ? 0.1 : 1e-3);
          }
        }
      }
    }
  }
}

// The largest f32 rounds to an infinite bf16; two terms and three hold it.
TEST(amx_large_values) {
  const float largest = std::numeric_limits<float>::max();
  for (stream::Isa isa : tile_isas()) {
    kernels::fill(isa);
    Matrices x({1, 64, 64, 64});
    for (int64_t i = 0; i < x.a.size(); ++i) x.a.as<float>()[i] = i % 64 == 5 ? -largest : 0;
    for (int64_t i = 0; i < x.b.size(); ++i) x.b.as<float>()[i] = 0.25f;
    for (int64_t precision : {kernels::kPrecisionF32, kernels::kPrecisionHigh}) {
      run(kernels::gemm, 1, x.operands(), x.params(precision));
      CHECK_NEAR(x.c_at(0, 3, 3) / largest, -0.25, 1e-5);
    }
    run(kernels::gemm, 1, x.operands(), x.params(kernels::kPrecisionBf16));
    CHECK_EQ(x.c_at(0, 3, 3), -kInfinity);
  }
}

}  // namespace
}  // namespace hebb::testing

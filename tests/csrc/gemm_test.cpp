// The gemm kernel against a naive product in double: odd sizes, strides, batches, dtypes, epilogues, threads.
#include "kernels/gemm.h"

#include <cmath>
#include <limits>
#include <random>
#include <thread>

#include "check.h"
#include "core/error.h"
#include "device/cpu/pool.h"
#include "kernel_harness.h"
#include "kernels/fill.h"

namespace hebb::testing {
namespace {

using kernels::GemmParams;

// One product: sizes, memory orders (transposed: the last two axes are stored swapped) and epilogue.
struct Case {
  int64_t batch, m, n, k;
  bool a_transposed = false, b_transposed = false;
  bool bias = false;
  int64_t activation = kernels::kActivationNone;
  bool shared_b = false;  // one B for all matrices of the batch
};

std::vector<double> numbers(Buffer& buffer, DType dtype) {
  std::vector<double> all(static_cast<size_t>(buffer.size()));
  for (size_t i = 0; i < all.size(); ++i) {
    all[i] = dtype == DType::kF64    ? buffer.as<double>()[i]
             : dtype == DType::kF16  ? to_float(buffer.as<F16>()[i])
             : dtype == DType::kBF16 ? to_float(buffer.as<BF16>()[i])
                                     : buffer.as<float>()[i];
  }
  return all;
}

void fill_normal(Buffer& buffer, DType dtype, std::mt19937& random) {
  std::normal_distribution<float> normal;
  for (int64_t i = 0; i < buffer.size(); ++i) {
    const float x = normal(random);
    switch (dtype) {
      case DType::kF64:
        buffer.as<double>()[i] = x;
        break;
      case DType::kF16:
        buffer.as<F16>()[i] = to_f16(x);
        break;
      case DType::kBF16:
        buffer.as<BF16>()[i] = to_bf16(x);
        break;
      default:
        buffer.as<float>()[i] = x;
    }
  }
}

stream::Operand matrix(Buffer& buffer, bool transposed) {
  stream::Operand o = buffer.in();
  if (transposed) {
    std::swap(o.shape[1], o.shape[2]);
    std::swap(o.strides[1], o.strides[2]);
  }
  return o;
}

double reference(double sum, int64_t activation) {
  if (activation == kernels::kActivationRelu) return sum > 0 ? sum : 0;
  if (activation == kernels::kActivationSigmoid) return 1 / (1 + std::exp(-sum));
  if (activation == kernels::kActivationTanh) return std::tanh(sum);
  return sum;
}

double unit_roundoff(DType dtype) {
  return dtype == DType::kF64    ? 1.2e-16
         : dtype == DType::kF16  ? 4.9e-4
         : dtype == DType::kBF16 ? 3.9e-3
                                 : 6e-8;
}

// What is right, and how far from it rounding may lead.
struct Expected {
  std::vector<double> values, bounds;

  Expected(const Case& c, DType dtype, Buffer& a, Buffer& b, Buffer& bias) {
    const auto left = numbers(a, dtype), right = numbers(b, dtype), added = numbers(bias, dtype);
    const int64_t step_a = c.a_transposed ? c.m : 1, step_b = c.b_transposed ? 1 : c.n;
    for (int64_t s = 0; s < c.batch; ++s) {
      for (int64_t i = 0; i < c.m; ++i) {
        for (int64_t j = 0; j < c.n; ++j) {
          const double* x = left.data() + s * c.m * c.k + i * (c.a_transposed ? 1 : c.k);
          const double* y = right.data() + (c.shared_b ? 0 : s * c.k * c.n) + j * (c.b_transposed ? c.k : 1);
          double sum = 0, magnitude = 0;
          for (int64_t k = 0; k < c.k; ++k) {
            const double term = x[k * step_a] * y[k * step_b];
            sum += term;
            magnitude += std::fabs(term);
          }
          if (c.bias) sum += added[static_cast<size_t>(j)], magnitude += 1;
          add(c, dtype, reference(sum, c.activation), magnitude);
        }
      }
    }
  }

  // The largest error over its bound: at most 1 for a right result.
  double worst(DType dtype, Buffer& out) const {
    const auto got = numbers(out, dtype);
    double worst_ratio = 0;
    for (size_t i = 0; i < got.size(); ++i) {
      const double ratio = std::fabs(got[i] - values[i]) / bounds[i];
      if (!(ratio <= worst_ratio)) worst_ratio = ratio;
    }
    return worst_ratio;
  }

 private:
  void add(const Case& c, DType dtype, double value, double magnitude) {
    const double compute = dtype == DType::kF64 ? 1.2e-16 : 6e-8;
    values.push_back(value);
    bounds.push_back(compute * (static_cast<double>(c.k) + 8) * (magnitude + 1) +
                     2 * unit_roundoff(dtype) * std::fabs(value) + 1e-7 * unit_roundoff(dtype) / compute);
  }
};

void check_case(const Case& c, DType dtype) {
  std::mt19937 random(7);
  Buffer a(dtype, {c.batch, c.a_transposed ? c.k : c.m, c.a_transposed ? c.m : c.k});
  Buffer b(dtype, {c.shared_b ? 1 : c.batch, c.b_transposed ? c.n : c.k, c.b_transposed ? c.k : c.n});
  Buffer bias(dtype, {c.n});
  Buffer one(dtype, {c.batch, c.m, c.n}), two(dtype, {c.batch, c.m, c.n});
  fill_normal(a, dtype, random);
  fill_normal(b, dtype, random);
  fill_normal(bias, dtype, random);
  // What was there before must not matter.
  std::memset(one.as<void>(), 0xff, one.bytes());
  const auto operands = [&](Buffer& out) {
    std::vector<stream::Operand> list{out.out(), matrix(a, c.a_transposed), matrix(b, c.b_transposed)};
    if (c.shared_b) list[2].shape[0] = c.batch, list[2].strides[0] = 0;
    if (c.bias) list.push_back(bias.in());
    return list;
  };
  const GemmParams params{c.activation, c.bias};
  const Expected expected(c, dtype, a, b, bias);
  for_each_device([&] {
    run(kernels::gemm, 1, operands(one), params);
    const double ratio = expected.worst(dtype, one);
    if (!(ratio <= 1)) {
      throw Failure(__FILE__, __LINE__,
                    text("gemm %ld x %ldx%ldx%ld ta %d tb %d bias %d act %ld %s: error is %g of the bound",
                         c.batch, c.m, c.n, c.k, c.a_transposed, c.b_transposed, c.bias, c.activation,
                         dtype_name(dtype), ratio));
    }
    // On a GPU there is nothing that threads of the CPU could change.
    for (int threads : {2, 3}) {
      if (on_emulator()) continue;
      std::memset(two.as<void>(), 0xff, two.bytes());
      run(kernels::gemm, threads, operands(two), params);
      CHECK(std::memcmp(one.as<void>(), two.as<void>(), one.bytes()) == 0);
    }
  });
}

constexpr DType kDTypes[] = {DType::kF32, DType::kF64, DType::kF16, DType::kBF16};

TEST(gemm_sizes_around_the_tiles) {
  for (DType dtype : kDTypes) {
    for (int64_t m : {1, 2, 5, 6, 7, 13, 14, 15, 29, 43})
      for (int64_t n : {1, 3, 7, 16, 17, 32, 33, 70}) check_case({1, m, n, 19}, dtype);
    for (int64_t k : {0, 1, 2, 15, 16, 17, 64, 65}) check_case({1, 17, 37, k}, dtype);
  }
}

TEST(gemm_transposed_operands) {
  for (DType dtype : kDTypes) {
    for (bool a : {false, true}) {
      for (bool b : {false, true}) {
        for (int64_t m : {1, 4, 9, 35})
          for (int64_t n : {1, 3, 10, 67})
            for (int64_t k : {5, 66, 131}) check_case({1, m, n, k, a, b}, dtype);
      }
    }
  }
}

TEST(gemm_several_blocks_and_threads) {
  for (DType dtype : kDTypes) {
    check_case({1, 75, 611, 300, false, true}, dtype);
    check_case({1, 130, 40, 1100, true, false, true}, dtype);
    check_case({1, 64, 128, 1024}, dtype);
  }
}

TEST(gemm_bias_and_activation) {
  for (DType dtype : kDTypes) {
    for (int64_t activation : {kernels::kActivationNone, kernels::kActivationRelu,
                               kernels::kActivationSigmoid, kernels::kActivationTanh}) {
      check_case({1, 16, 35, 530, false, false, true, activation}, dtype);
      check_case({1, 3, 35, 70, false, true, true, activation}, dtype);
      check_case({1, 16, 35, 0, false, true, true, activation}, dtype);
      check_case({1, 16, 35, 9, false, false, false, activation}, dtype);
    }
  }
}

TEST(gemm_batches) {
  for (DType dtype : kDTypes) {
    check_case({7, 5, 9, 21}, dtype);
    check_case({3, 33, 40, 70, true, true}, dtype);
    check_case({5, 1, 33, 70, false, true}, dtype);
    check_case({5, 150, 1, 20, true}, dtype);
    check_case({5, 150, 1, 20, true, false, true}, dtype);
    Case shared{4, 9, 17, 33, false, true, true};
    shared.shared_b = true;
    check_case(shared, dtype);
    shared.a_transposed = true;
    check_case(shared, dtype);
    shared.m = 1;
    check_case(shared, dtype);
  }
}

// A value that is not a number must come out where it went in, and nowhere else.
TEST(gemm_keeps_nan_in_its_row) {
  Buffer a(DType::kF32, {20, 40}), b(DType::kF32, {40, 50}), out(DType::kF32, {20, 50});
  std::mt19937 random(3);
  fill_normal(a, DType::kF32, random);
  fill_normal(b, DType::kF32, random);
  a.as<float>()[7 * 40 + 3] = std::nanf("");
  for_each_device([&] {
    run(kernels::gemm, 1, {out.out(), a.in(), b.in()}, GemmParams{kernels::kActivationRelu, false});
    for (int64_t i = 0; i < 20; ++i) {
      for (int64_t j = 0; j < 50; ++j) CHECK(std::isnan(out.as<float>()[i * 50 + j]) == (i == 7));
    }
  });
}

// An infinity keeps its sign, and one that meets 0 or its opposite is not a number: as in plain arithmetic.
TEST(gemm_treats_infinity_as_arithmetic_does) {
  const float infinity = std::numeric_limits<float>::infinity();
  Buffer a(DType::kF32, {20, 40}), b(DType::kF32, {40, 50}), out(DType::kF32, {20, 50});
  for (int64_t i = 0; i < a.size(); ++i) a.as<float>()[i] = 1;
  for (int64_t i = 0; i < b.size(); ++i) b.as<float>()[i] = i / 50 == 3 && i % 50 == 9 ? 0.0f : 2.0f;
  a.as<float>()[2 * 40 + 3] = infinity;
  a.as<float>()[4 * 40 + 3] = -infinity;
  a.as<float>()[6 * 40 + 3] = infinity, a.as<float>()[6 * 40 + 31] = -infinity;
  for_each_device([&] {
    run(kernels::gemm, 1, {out.out(), a.in(), b.in()}, GemmParams{kernels::kActivationNone, false});
    for (int64_t i = 0; i < 20; ++i) {
      for (int64_t j = 0; j < 50; ++j) {
        const float got = out.as<float>()[i * 50 + j];
        const bool meets_zero = j == 9 && (i == 2 || i == 4);
        if (i == 6 || meets_zero) {
          CHECK(std::isnan(got));
        } else {
          CHECK_EQ(got, i == 2 ? infinity : i == 4 ? -infinity : j == 9 ? 78.0f : 80.0f);
        }
      }
    }
  });
}

// On the threads of the library denormal operands and products count as zero; all else is as it is.
TEST(gemm_flushes_denormals) {
  Buffer a(DType::kF32, {20, 40}), b(DType::kF32, {40, 50}), out(DType::kF32, {20, 50});
  for (int64_t i = 0; i < a.size(); ++i) a.as<float>()[i] = i / 40 % 2 ? 1e-30f : 1e-42f;
  for (int64_t i = 0; i < b.size(); ++i) b.as<float>()[i] = i % 50 < 25 ? 1e-10f : 1.0f;
  for_each_isa([&] {
    std::thread([&] {
      cpu::set_flush_denormals();
      run(kernels::gemm, 1, {out.out(), a.in(), b.in()}, GemmParams{kernels::kActivationNone, false});
    }).join();
    for (int64_t i = 0; i < 20; ++i) {
      for (int64_t j = 0; j < 50; ++j) {
        const double want = i % 2 && j >= 25 ? 40e-30 : 0;
        CHECK_NEAR(out.as<float>()[i * 50 + j], want, 1e-6 * want);
      }
    }
  });
}

}  // namespace
}  // namespace hebb::testing

// The random kernels against the scalar Philox and double-precision formulas, on every device and with two
// thread counts; and the statistics of what they draw.
#include <cmath>
#include <cstring>
#include <vector>

#include "check.h"
#include "core/random.h"
#include "device/cpu/isa.h"
#include "each_isa.h"
#include "kernel_harness.h"
#include "kernels/fill.h"
#include "kernels/random.h"

namespace {

using hebb::DType;
using hebb::testing::Buffer;
using hebb::testing::for_each_device;
using hebb::testing::run;
namespace kernels = hebb::kernels;

constexpr uint64_t kSeed = 0x0123456789abcdef;
// Above 2^32, so that the high word of the counter takes part.
constexpr int64_t kCounter = (int64_t{7} << 32) - 3;
constexpr int64_t kBase = 11;

uint32_t word(int64_t index, int64_t counter = kCounter) {
  return hebb::philox(kSeed, static_cast<uint64_t>(kBase + counter + index / 4)).w[index % 4];
}

double fraction53(int64_t index) {
  const uint64_t bits = (static_cast<uint64_t>(word(2 * index)) << 21) | (word(2 * index + 1) >> 11);
  return std::ldexp(static_cast<double>(bits), -53);
}

// One draw of `count` elements as raw bytes.
template <class P>
std::vector<unsigned char> drawn(const hebb::stream::Slot& slot, DType dtype, int64_t count, int threads,
                                 const P& params) {
  Buffer out(dtype, {count}), seed(DType::kI64, {2});
  seed.as<int64_t>()[0] = static_cast<int64_t>(kSeed);
  seed.as<int64_t>()[1] = kBase;
  run(slot, threads, {out.out(), seed.in()}, params);
  return {out.as<unsigned char>(), out.as<unsigned char>() + out.bytes()};
}

template <class T, class P>
std::vector<T> draw(const hebb::stream::Slot& slot, DType dtype, int64_t count, const P& params) {
  const auto bytes = drawn(slot, dtype, count, 1, params);
  std::vector<T> values(static_cast<size_t>(count));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

constexpr int64_t kSizes[] = {1, 3, 5, 127, 128, 129, 255, 257, 1000, 40001};

// Mean and variance within five standard errors of n independent draws; `kurtosis` is E(x - mean)^4 /
// variance^2.
void check_moments(const std::vector<float>& x, double mean, double variance, double kurtosis) {
  const double n = static_cast<double>(x.size());
  double sum = 0, squares = 0;
  for (float value : x) sum += value;
  for (float value : x) squares += (value - mean) * (value - mean);
  CHECK_NEAR(sum / n, mean, 5 * std::sqrt(variance / n));
  CHECK_NEAR(squares / n, variance, 5 * variance * std::sqrt((kurtosis - 1) / n));
}

// Pearson's statistic of 100 cells is below the quantile that a fair draw exceeds once in 10^4 tries (chi2,
// 99 degrees).
void check_cells(const std::vector<int64_t>& cells, int64_t draws) {
  const double expected = static_cast<double>(draws) / static_cast<double>(cells.size());
  double statistic = 0;
  for (int64_t cell : cells) statistic += std::pow(static_cast<double>(cell) - expected, 2) / expected;
  CHECK(statistic < 161.4);
  CHECK(statistic > 52.0);
}

}  // namespace

TEST(random_uniform_is_24_bits_of_the_scalar_words) {
  for_each_device([] {
    for (int64_t count : kSizes) {
      const auto y =
          draw<float>(kernels::uniform, DType::kF32, count, kernels::UniformParams{kCounter, 0, 1});
      for (int64_t i = 0; i < count; ++i) {
        CHECK_EQ(y[static_cast<size_t>(i)], static_cast<float>(word(i) >> 8) / 16777216.0f);
      }
      const auto z =
          draw<double>(kernels::uniform, DType::kF64, count, kernels::UniformParams{kCounter, 0, 1});
      for (int64_t i = 0; i < count; ++i) CHECK_EQ(z[static_cast<size_t>(i)], fraction53(i));
    }
  });
}

TEST(random_uniform_stays_below_high) {
  for_each_device([] {
    const kernels::UniformParams ranges[] = {
        {kCounter, 1, 1 + 0x1p-23}, {kCounter, -3, 0}, {kCounter, -2, -1}};
    for (const auto& range : ranges) {
      for (float y : draw<float>(kernels::uniform, DType::kF32, 4000, range))
        CHECK(y >= range.low && y < range.high);
      for (double y : draw<double>(kernels::uniform, DType::kF64, 4000, range)) {
        CHECK(y >= range.low && y < range.high);
      }
      // 1 + 2^-23 is 1 in half types: an empty range, which gives its low end.
      for (auto y : draw<hebb::BF16>(kernels::uniform, DType::kBF16, 4000, range)) {
        CHECK(to_float(y) >= range.low && to_float(y) < range.high);
      }
      for (auto y : draw<hebb::F16>(kernels::uniform, DType::kF16, 4000, range)) {
        CHECK(to_float(y) >= range.low && to_float(y) < range.high);
      }
    }
    for (float y : draw<float>(kernels::uniform, DType::kF32, 10, kernels::UniformParams{kCounter, 2, 2})) {
      CHECK_EQ(y, 2.0f);
    }
  });
}

TEST(random_normal_is_box_muller) {
  for_each_device([] {
    const double turn = 2 * std::acos(-1.0);
    const int64_t count = 20001;
    const kernels::NormalParams params{kCounter, 0.25, 1.5};
    const auto y = draw<float>(kernels::normal, DType::kF32, count, params);
    const auto z = draw<double>(kernels::normal, DType::kF64, count, params);
    const auto h = draw<hebb::F16>(kernels::normal, DType::kF16, count, params);
    for (int64_t i = 0; i < count; ++i) {
      const int64_t even = i & ~int64_t{1};
      const double u1 = static_cast<double>(word(even) >> 1) * 0x1p-31 + 0x1p-32;
      const double r = std::sqrt(-2 * std::log(u1)), angle = turn * (word(even + 1) >> 8) * 0x1p-24;
      const double want = 0.25 + 1.5 * r * (i % 2 ? std::sin(angle) : std::cos(angle));
      CHECK_NEAR(y[static_cast<size_t>(i)], want, 3e-6);
      CHECK_NEAR(to_float(h[static_cast<size_t>(i)]), want, 5e-3);
      const double r64 = std::sqrt(-2 * std::log(fraction53(even) + 0x1p-53)),
                   angle64 = turn * fraction53(even + 1);
      const double want64 = 0.25 + 1.5 * r64 * (i % 2 ? std::sin(angle64) : std::cos(angle64));
      CHECK_NEAR(z[static_cast<size_t>(i)], want64, 1e-14);
    }
  });
}

TEST(random_bits_do_not_depend_on_isa_threads_or_length) {
  const kernels::NormalParams params{kCounter, 0, 1};
  std::vector<unsigned char> first[2];
  for_each_device([&] {
    for (int type = 0; type < 2; ++type) {
      const DType dtype = type ? DType::kF64 : DType::kF32;
      const auto all = drawn(kernels::normal, dtype, 40001, 1, params);
      CHECK(all == drawn(kernels::normal, dtype, 40001, 2, params));
      const auto part = drawn(kernels::normal, dtype, 777, 1, params);
      CHECK(std::memcmp(all.data(), part.data(), part.size()) == 0);
      if (first[type].empty()) first[type] = all;
      CHECK(all == first[type]);
    }
  });
}

// Of all kinds and dtypes, into memory that begins anywhere.
TEST(random_bits_are_those_of_every_device) {
  std::vector<std::vector<unsigned char>> first;
  for_each_device([&] {
    size_t index = 0;
    const auto check = [&](const hebb::stream::Slot& slot, DType dtype, const auto& params) {
      for (const int64_t offset : {0, 1}) {
        const int64_t count = 1027;
        Buffer out(dtype, {count + offset}), x(dtype, {count + offset}), seed(DType::kI64, {2});
        seed.as<int64_t>()[0] = static_cast<int64_t>(kSeed);
        seed.as<int64_t>()[1] = kBase;
        std::memset(out.as<void>(), 0, out.bytes());
        for (size_t i = 0; i < x.bytes(); ++i) x.as<unsigned char>()[i] = static_cast<unsigned char>(i % 61);
        std::vector<hebb::stream::Operand> operands{out.out()};
        if (&slot == &kernels::dropout) operands.push_back(x.in());
        for (auto& operand : operands) {
          operand.data = static_cast<char*>(operand.data) + offset * hebb::item_size(dtype);
          operand.shape[0] = count;
        }
        operands.push_back(seed.in());
        run(slot, 2, operands, params);
        std::vector<unsigned char> bytes(out.as<unsigned char>(), out.as<unsigned char>() + out.bytes());
        if (index == first.size()) first.push_back(bytes);
        CHECK(bytes == first[index++]);
      }
    };
    for (const DType dtype : {DType::kF32, DType::kF64, DType::kF16, DType::kBF16}) {
      check(kernels::uniform, dtype, kernels::UniformParams{kCounter, -1.5, 2});
      check(kernels::normal, dtype, kernels::NormalParams{kCounter, 0.25, 1.5});
      check(kernels::dropout, dtype, kernels::DropoutParams{kCounter, 0.3});
    }
    for (const DType dtype : {DType::kF32, DType::kF64, DType::kF16, DType::kBF16, DType::kI32, DType::kI64,
                              DType::kU8, DType::kBool})
      check(kernels::bernoulli, dtype, kernels::BernoulliParams{kCounter, 0.3});
    check(kernels::randint, DType::kI32, kernels::RandintParams{kCounter, -1000, 77});
  });
}

TEST(random_bernoulli_is_uniform_below_p) {
  for_each_device([] {
    for (double p : {0.0, 1e-9, 0.3, 0.5, 1.0}) {
      const kernels::BernoulliParams params{kCounter, p};
      const auto y = draw<float>(kernels::bernoulli, DType::kF32, 5001, params);
      const auto b = draw<uint8_t>(kernels::bernoulli, DType::kBool, 5001, params);
      const auto l = draw<int64_t>(kernels::bernoulli, DType::kI64, 5001, params);
      const auto h = draw<hebb::BF16>(kernels::bernoulli, DType::kBF16, 5001, params);
      for (int64_t i = 0; i < 5001; ++i) {
        const int want = (word(i) >> 8) / 16777216.0 < p;
        const auto at = static_cast<size_t>(i);
        CHECK(y[at] == want && b[at] == want && l[at] == want && to_float(h[at]) == want);
      }
    }
  });
}

TEST(random_randint_covers_the_range) {
  for_each_device([] {
    const auto y =
        draw<int32_t>(kernels::randint, DType::kI32, 5001, kernels::RandintParams{kCounter, -3, 4});
    for (int64_t i = 0; i < 5001; ++i) {
      const auto bits = (static_cast<unsigned __int128>(word(2 * i)) << 32) | word(2 * i + 1);
      CHECK_EQ(y[static_cast<size_t>(i)], -3 + static_cast<int32_t>((bits * 7) >> 64));
    }
    const int64_t end = int64_t{1} << 31;
    const auto wide =
        draw<int32_t>(kernels::randint, DType::kI32, 5001, kernels::RandintParams{kCounter, -end, end});
    for (int64_t i = 0; i < 5001; ++i) {
      CHECK_EQ(wide[static_cast<size_t>(i)], static_cast<int32_t>(word(2 * i) - 0x80000000u));
    }
  });
}

TEST(random_dropout_keeps_what_the_words_say) {
  for_each_device([] {
    const int64_t count = 33333;
    for (double p : {0.25, 1.0}) {
      for (int threads : {1, 2}) {
        Buffer x(DType::kF32, {count}), y(DType::kF32, {count}), half(DType::kF16, {count}),
            half_y(DType::kF16, {count}), seed(DType::kI64, {2});
        seed.as<int64_t>()[0] = static_cast<int64_t>(kSeed);
        seed.as<int64_t>()[1] = kBase;
        for (int64_t i = 0; i < count; ++i) {
          x.as<float>()[i] = i == 5 ? INFINITY : static_cast<float>(i % 64 + 1);
          half.as<hebb::F16>()[i] = hebb::to_f16(static_cast<float>(i % 64 + 1));
        }
        const kernels::DropoutParams params{kCounter, p};
        run(kernels::dropout, threads, {y.out(), x.in(), seed.in()}, params);
        run(kernels::dropout, threads, {half_y.out(), half.in(), seed.in()}, params);
        for (int64_t i = 0; i < count; ++i) {
          const bool kept = (word(i) >> 8) / 16777216.0 < 1 - p;
          const float scale = static_cast<float>(1 / (1 - p));
          CHECK_EQ(y.as<float>()[i], kept ? x.as<float>()[i] * scale : 0.0f);
          const float want = kept ? static_cast<float>(i % 64 + 1) * scale : 0.0f;
          CHECK_EQ(half_y.as<hebb::F16>()[i].bits, hebb::to_f16(want).bits);
        }
      }
    }
  });
}

TEST(random_draws_have_their_moments_and_cells) {
  const int64_t count = 1000000;
  const auto u = draw<float>(kernels::uniform, DType::kF32, count, kernels::UniformParams{11, 0, 1});
  const auto z = draw<float>(kernels::normal, DType::kF32, count, kernels::NormalParams{12, 0, 1});
  const auto k = draw<int32_t>(kernels::randint, DType::kI32, count, kernels::RandintParams{13, 0, 100});
  check_moments(u, 0.5, 1.0 / 12, 1.8);
  check_moments(z, 0, 1, 3);
  std::vector<int64_t> uniform_cells(100), normal_cells(100), integer_cells(100), pair_cells(100);
  for (size_t i = 0; i < u.size(); ++i) {
    uniform_cells[static_cast<size_t>(u[i] * 100)]++;
    const double probability = 0.5 * std::erfc(-z[i] / std::sqrt(2.0));
    normal_cells[static_cast<size_t>(std::fmin(probability * 100, 99))]++;
    integer_cells[static_cast<size_t>(k[i])]++;
    // Neighbours together: the two elements of a Box-Muller pair are independent.
    if (i % 2 == 0) pair_cells[static_cast<size_t>((z[i] > 0) * 50 + (z[i + 1] > 0) * 25 + k[i] % 25)]++;
  }
  check_cells(uniform_cells, count);
  check_cells(normal_cells, count);
  check_cells(integer_cells, count);
  check_cells(pair_cells, count / 2);
}

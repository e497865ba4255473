// The reduction kernels against double loops, on extents around every chunk boundary.
#include "kernels/reduce.h"

#include <cmath>

#include "check.h"
#include "kernel_cases.h"

using namespace hebb;
using namespace hebb::testing;
using kernels::SumParams;

namespace {

struct Extents {
  int64_t outer, reduce, inner;
};

constexpr Extents kShapes[] = {{1, 1, 1},     {3, 5, 1},     {7, 130, 1},  {1, 4097, 1},
                               {2, 12301, 1}, {5, 3, 2},     {1, 301, 6},  {2, 9000, 3},
                               {3, 17, 33},   {1, 600, 130}, {2, 5, 1100}, {1, 2, 2049},
                               {0, 4, 3},     {2, 0, 3},     {4, 0, 1},    {1, 50000, 1}};

double tolerance(DType dtype, double size) { return relative_bound(dtype) * (1 + size); }

// Runs with one and with two threads, which must agree in every bit, and returns the first result.
template <class P>
std::vector<double> reduced(const stream::Slot& slot, DType result, Extents e, Buffer& x, const P& params,
                            Buffer* center = nullptr) {
  Buffer y(result, {e.outer, e.inner}), other(result, {e.outer, e.inner});
  std::vector<stream::Operand> operands{y.out(), x.in()};
  if (center) operands.push_back(center->in());
  run(slot, 1, operands, params);
  operands[0] = other.out();
  run(slot, 2, operands, params);
  CHECK(same_bits(y, other));
  return elements(y, result);
}

template <class F>
void for_slices(Extents e, F&& body) {
  for (int64_t o = 0; o < e.outer; ++o) {
    for (int64_t i = 0; i < e.inner; ++i) body(o * e.inner + i, o * e.reduce * e.inner + i);
  }
}

void check_sums(DType dtype, DType result, Extents e) {
  Buffer x(dtype, {e.outer, e.reduce, e.inner});
  fill_random(x, dtype, 1);
  const auto sums = reduced(kernels::sum, result, e, x, SumParams{1});
  const auto means =
      is_float(dtype) ? reduced(kernels::sum, result, e, x, SumParams{double(e.reduce)}) : sums;
  for_slices(e, [&](int64_t at, int64_t from) {
    double sum = 0, size = 0;
    for (int64_t r = 0; r < e.reduce; ++r) {
      const double value = element(x, dtype, from + r * e.inner);
      sum += value;
      size += std::fabs(value);
    }
    CHECK_NEAR(sums[size_t(at)], sum, tolerance(result, std::fabs(sum)) + tolerance(DType::kF32, size) * 0.1);
    if (!is_float(dtype)) return;
    if (e.reduce == 0) {
      CHECK(std::isnan(means[size_t(at)]));
    } else {
      const double count = double(e.reduce);
      CHECK_NEAR(means[size_t(at)], sum / count,
                 tolerance(result, std::fabs(sum / count)) + tolerance(DType::kF32, size / count));
    }
  });
}

void check_extremes(DType dtype, Extents e) {
  Buffer x(dtype, {e.outer, e.reduce, e.inner});
  fill_random(x, dtype, 2);
  const auto maxima = reduced(kernels::max, dtype, e, x, 0);
  const auto minima = reduced(kernels::min, dtype, e, x, 0);
  const auto max_places = reduced(kernels::argmax, DType::kI32, e, x, 0);
  const auto min_places = reduced(kernels::argmin, DType::kI32, e, x, 0);
  for_slices(e, [&](int64_t at, int64_t from) {
    int64_t largest = 0, smallest = 0;
    const auto value = [&](int64_t r) { return element(x, dtype, from + r * e.inner); };
    for (int64_t r = 1; r < e.reduce; ++r) {
      if (value(r) > value(largest)) largest = r;
      if (value(r) < value(smallest)) smallest = r;
    }
    CHECK_EQ(maxima[size_t(at)], value(largest));
    CHECK_EQ(minima[size_t(at)], value(smallest));
    CHECK_EQ(max_places[size_t(at)], double(largest));
    CHECK_EQ(min_places[size_t(at)], double(smallest));
  });
}

}  // namespace

TEST(reduce_sums) {
  for_each_device([] {
    for (const Extents& e : kShapes) {
      for (DType dtype : {DType::kF32, DType::kF64, DType::kF16, DType::kBF16}) check_sums(dtype, dtype, e);
      for (DType dtype : {DType::kI32, DType::kU8, DType::kBool}) check_sums(dtype, DType::kI32, e);
      check_sums(DType::kI64, DType::kI64, e);
      check_sums(DType::kF16, DType::kF32, e);
    }
  });
}

TEST(reduce_extremes) {
  for_each_device([] {
    for (const Extents& e : kShapes) {
      if (e.reduce == 0) continue;
      for (DType dtype :
           {DType::kF32, DType::kF64, DType::kF16, DType::kBF16, DType::kI32, DType::kI64, DType::kU8}) {
        check_extremes(dtype, e);
      }
    }
  });
}

TEST(reduce_nan_wins_and_comes_first) {
  for_each_device([] {
    for (int64_t inner : {1, 3}) {
      for (int64_t place : {0, 7, 5000}) {
        const Extents e{1, 6000, inner};
        Buffer x(DType::kF32, {1, e.reduce, inner});
        fill_random(x, DType::kF32, 3);
        x.as<float>()[place * inner] = NAN;
        x.as<float>()[5999 * inner] = NAN;
        for (const auto* slot : {&kernels::max, &kernels::min}) {
          CHECK(std::isnan(reduced(*slot, DType::kF32, e, x, 0)[0]));
        }
        for (const auto* slot : {&kernels::argmax, &kernels::argmin}) {
          const double found = reduced(*slot, DType::kI32, e, x, 0)[0];
          CHECK_EQ(found, double(place));
        }
      }
    }
  });
}

TEST(reduce_infinite_slices_have_a_place) {
  for_each_device([] {
    for (int64_t inner : {1, 2}) {
      const Extents e{1, 5000, inner};
      Buffer x(DType::kF32, {1, e.reduce, inner});
      for (int64_t i = 0; i < x.size(); ++i) x.as<float>()[i] = -INFINITY;
      const double largest = reduced(kernels::max, DType::kF32, e, x, 0)[0];
      const double place = reduced(kernels::argmax, DType::kI32, e, x, 0)[0];
      CHECK_EQ(largest, -INFINITY);
      CHECK_EQ(place, 0.0);
    }
  });
}

TEST(reduce_integer_sums_wrap) {
  for_each_device([] {
    Buffer x(DType::kI32, {1, 3, 1});
    for (int64_t i = 0; i < 3; ++i) x.as<int32_t>()[i] = INT32_MAX;
    const auto sum = reduced(kernels::sum, DType::kI32, {1, 3, 1}, x, SumParams{1});
    CHECK_EQ(sum[0], double(INT32_MAX - 2));
  });
}

TEST(reduce_long_sums_are_accurate) {
  for_each_device([] {
    for (int64_t inner : {1, 2}) {
      const Extents e{1, (int64_t{1} << (on_emulator() ? 20 : 22)) / inner, inner};
      Buffer x(DType::kF32, {1, e.reduce, inner});
      for (int64_t i = 0; i < x.size(); ++i) x.as<float>()[i] = 0.1f;
      const double exact = double(0.1f) * double(e.reduce);
      CHECK_NEAR(reduced(kernels::sum, DType::kF32, e, x, SumParams{1})[0], exact, exact * 1e-6);
    }
  });
}

TEST(reduce_square_deviation) {
  for_each_device([] {
    for (const Extents& e : kShapes) {
      if (e.reduce == 0) continue;
      for (DType dtype : {DType::kF32, DType::kF64, DType::kF16, DType::kBF16}) {
        const double mean = dtype == DType::kF32 ? 1000 : 0;
        Buffer x(dtype, {e.outer, e.reduce, e.inner});
        fill_random(x, dtype, 4, mean);
        const DType compute = compute_type(dtype);
        Buffer center(compute, {e.outer, e.inner});
        for (int64_t i = 0; i < center.size(); ++i)
          set_element(center, compute, i, mean + 0.25 * double(i % 5));
        const double divisor = double(e.reduce) + 1;
        const auto y = reduced(kernels::square_deviation, dtype, e, x, SumParams{divisor}, &center);
        for_slices(e, [&](int64_t at, int64_t from) {
          double sum = 0;
          for (int64_t r = 0; r < e.reduce; ++r) {
            const double d = element(x, dtype, from + r * e.inner) - element(center, compute, at);
            sum += d * d;
          }
          CHECK_NEAR(y[size_t(at)], sum / divisor, tolerance(dtype, sum / divisor));
        });
      }
    }
  });
}

TEST(reduce_cumsum) {
  for_each_device([] {
    for (const Extents& e : kShapes) {
      if (on_emulator() && e.reduce > 13000) continue;
      for (DType dtype : {DType::kF32, DType::kF64, DType::kF16, DType::kI32, DType::kI64, DType::kU8}) {
        if (dtype == DType::kF16 && e.reduce > 200) continue;
        const DType result = dtype == DType::kU8 ? DType::kI32 : dtype;
        Buffer x(dtype, {e.outer, e.reduce, e.inner});
        fill_random(x, dtype, 5);
        for (bool reverse : {false, true}) {
          Buffer y(result, {e.outer, e.reduce, e.inner}), other(result, {e.outer, e.reduce, e.inner});
          run(kernels::cumsum, 1, {y.out(), x.in()}, kernels::CumsumParams{reverse});
          if (!on_emulator()) {
            run(kernels::cumsum, 2, {other.out(), x.in()}, kernels::CumsumParams{reverse});
            CHECK(same_bits(y, other));
          }
          for_slices(e, [&](int64_t, int64_t from) {
            // The reference is f64 itself: its roundings, of the largest sum on the way, add up as a random
            // walk does.
            double sum = 0, reach = 0;
            for (int64_t step = 0; step < e.reduce; ++step) {
              const int64_t at = from + (reverse ? e.reduce - 1 - step : step) * e.inner;
              sum += element(x, dtype, at);
              reach = std::fmax(reach, std::fabs(sum));
              const double walk = dtype == DType::kF64 ? 2e-16 * reach * std::sqrt(double(step)) : 0;
              CHECK_NEAR(element(y, result, at), sum, tolerance(result, std::fabs(sum)) + walk);
            }
          });
        }
      }
    }
  });
}

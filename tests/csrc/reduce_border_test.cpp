// Reductions around the borders of words, warps, blocks and parts, and of rows that begin anywhere.
#include <cmath>

#include "check.h"
#include "kernel_cases.h"
#include "kernels/reduce.h"

using namespace hebb;
using namespace hebb::testing;
using kernels::CumsumParams;
using kernels::SumParams;

namespace {

struct Extents {
  int64_t outer, reduce, inner;
};

constexpr Extents kBorders[] = {
    {3, 4, 1},     {3, 8, 1},    {2, 15, 1},    {2, 16, 1},   {2, 17, 1},    {65, 31, 1},   {9, 32, 1},
    {9, 33, 1},    {4, 127, 1},  {4, 128, 1},   {4, 129, 1},  {2, 1023, 1},  {2, 1024, 1},  {2, 1025, 1},
    {2, 2049, 1},  {1, 4095, 1}, {3, 4096, 1},  {2, 8193, 1}, {1, 16400, 1}, {130, 257, 1}, {7, 2, 3},
    {100, 3, 2},   {2, 33, 127}, {2, 40, 128},  {1, 41, 129}, {1, 100, 255}, {1, 33, 256},  {2, 32, 257},
    {2, 1030, 65}, {1, 5, 700},  {1, 4099, 32}, {5, 300, 4}};

// Small whole numbers, of which every sum is exact.
void fill_whole(Buffer& x, DType dtype) {
  for (int64_t i = 0; i < x.size(); ++i) set_element(x, dtype, i, double((i * 7 + i / 13) % 4));
}

void check_exact(DType dtype, Extents e) {
  Buffer x(dtype, {e.outer, e.reduce, e.inner});
  fill_whole(x, dtype);
  const DType result = is_float(dtype) ? compute_type(dtype) : dtype == DType::kI64 ? dtype : DType::kI32;
  Buffer sum(result, {e.outer, e.inner}), top(dtype, {e.outer, e.inner}),
      place(DType::kI32, {e.outer, e.inner}), low(DType::kI32, {e.outer, e.inner});
  run(kernels::sum, 1, {sum.out(), x.in()}, SumParams{1});
  run(kernels::max, 1, {top.out(), x.in()}, 0);
  run(kernels::argmax, 1, {place.out(), x.in()}, 0);
  run(kernels::argmin, 1, {low.out(), x.in()}, 0);
  for (int64_t slice = 0; slice < e.outer * e.inner; ++slice) {
    const int64_t from = slice / e.inner * e.reduce * e.inner + slice % e.inner;
    double total = 0, best = -1, least = 9;
    int64_t best_at = -1, least_at = -1;
    for (int64_t r = 0; r < e.reduce; ++r) {
      const double value = element(x, dtype, from + r * e.inner);
      total += value;
      if (value > best) best = value, best_at = r;
      if (value < least) least = value, least_at = r;
    }
    CHECK_EQ(element(sum, result, slice), total);
    CHECK_EQ(element(top, dtype, slice), best);
    CHECK_EQ(int64_t(place.as<int32_t>()[slice]), best_at);
    CHECK_EQ(int64_t(low.as<int32_t>()[slice]), least_at);
  }
}

void check_running(DType dtype, Extents e, bool reverse) {
  const DType result = dtype == DType::kU8 ? DType::kI32 : dtype;
  Buffer x(dtype, {e.outer, e.reduce, e.inner}), y(result, {e.outer, e.reduce, e.inner});
  fill_whole(x, dtype);
  run(kernels::cumsum, 1, {y.out(), x.in()}, CumsumParams{reverse});
  for (int64_t slice = 0; slice < e.outer * e.inner; ++slice) {
    const int64_t from = slice / e.inner * e.reduce * e.inner + slice % e.inner;
    double total = 0;
    for (int64_t step = 0; step < e.reduce; ++step) {
      const int64_t at = from + (reverse ? e.reduce - 1 - step : step) * e.inner;
      total += element(x, dtype, at);
      CHECK_EQ(element(y, result, at), total);
    }
  }
}

}  // namespace

TEST(reduce_is_exact_around_every_border) {
  for_each_device([] {
    for (const Extents& e : kBorders) {
      for (DType dtype :
           {DType::kF32, DType::kF64, DType::kF16, DType::kBF16, DType::kI32, DType::kI64, DType::kU8})
        check_exact(dtype, e);
    }
  });
}

TEST(reduce_cumsum_is_exact_around_every_border) {
  for_each_device([] {
    for (const Extents& e : kBorders) {
      for (bool reverse : {false, true})
        for (DType dtype : {DType::kF32, DType::kF64, DType::kI64, DType::kU8})
          check_running(dtype, e, reverse);
    }
  });
}

TEST(reduce_sums_do_not_depend_on_where_rows_begin) {
  for_each_device([] {
    for (DType dtype : {DType::kF32, DType::kF16}) {
      for (const Extents& e :
           {Extents{3, 40, 1}, Extents{3, 1000, 1}, Extents{1, 9001, 1}, Extents{2, 8192, 1}}) {
        Buffer x(dtype, {e.outer, e.reduce, e.inner}), moved(dtype, {e.outer * e.reduce + 1});
        fill_random(x, dtype, 11);
        std::memcpy(moved.as<char>() + item_size(dtype), x.as<char>(), x.bytes());
        stream::Operand view = x.in();
        view.data = moved.as<char>() + item_size(dtype);
        Buffer a(DType::kF32, {e.outer, 1}), b(DType::kF32, {e.outer, 1});
        run(kernels::sum, 1, {a.out(), x.in()}, SumParams{1});
        run(kernels::sum, 1, {b.out(), view}, SumParams{1});
        CHECK(same_bits(a, b));
      }
    }
  });
}

TEST(reduce_finds_the_first_nan_of_any_part) {
  for_each_device([] {
    for (const Extents& e : {Extents{2, 70, 1}, Extents{1, 20000, 1}, Extents{1, 3000, 5}}) {
      for (int64_t first : {int64_t{0}, e.reduce / 2, e.reduce - 1}) {
        for (DType dtype : {DType::kF32, DType::kF64, DType::kF16}) {
          Buffer x(dtype, {e.outer, e.reduce, e.inner}), y(DType::kI32, {e.outer, e.inner}),
              top(dtype, {e.outer, e.inner});
          fill_random(x, dtype, 12);
          set_element(x, dtype, (e.reduce - 1) * e.inner, NAN);
          set_element(x, dtype, first * e.inner, NAN);
          for (const auto* slot : {&kernels::argmin, &kernels::argmax}) {
            run(*slot, 1, {y.out(), x.in()}, 0);
            CHECK_EQ(int64_t(y.as<int32_t>()[0]), first);
          }
          for (const auto* slot : {&kernels::min, &kernels::max}) {
            run(*slot, 1, {top.out(), x.in()}, 0);
            CHECK(std::isnan(element(top, dtype, 0)));
            if (e.outer * e.inner > 1) CHECK(!std::isnan(element(top, dtype, 1)));
          }
        }
      }
    }
  });
}

// Products of views: rows with gaps, memory that begins anywhere, batches of several axes; and shapes for
// each way that a grid computes a product.
#include <cmath>
#include <vector>

#include "check.h"
#include "kernel_cases.h"
#include "kernels/gemm.h"

namespace hebb::testing {
namespace {

using kernels::GemmParams;
using stream::Operand;

// A view [batch.., rows, columns] of memory of its own.
struct View {
  DType dtype;
  std::vector<int64_t> shape, strides;
  int64_t offset;
  Buffer memory;

  // `gap` elements lie between rows (columns, where by_columns), and as many before the first. Axes of the
  // batch that are not `kept` repeat.
  View(DType type, std::vector<int64_t> extents, bool by_columns, int64_t gap, unsigned seed,
       const std::vector<bool>& kept = {})
      : dtype(type),
        shape(std::move(extents)),
        strides(shape.size()),
        offset(gap),
        memory(type, {gap + room(by_columns, gap, kept)}) {
    fill_random(memory, dtype, seed);
  }

  Operand in() {
    Operand o = memory.in();
    o.data = memory.as<char>() + offset * item_size(dtype);
    o.rank = static_cast<uint8_t>(shape.size());
    for (size_t i = 0; i < shape.size(); ++i) o.shape[i] = shape[i], o.strides[i] = strides[i];
    return o;
  }

 private:
  int64_t room(bool by_columns, int64_t gap, const std::vector<bool>& kept) {
    const size_t inner = shape.size() - (by_columns ? 2 : 1), outer = shape.size() - (by_columns ? 1 : 2);
    strides[inner] = 1;
    strides[outer] = shape[inner] + gap;
    int64_t size = strides[outer] * shape[outer];
    for (size_t i = shape.size() - 2; i-- > 0;) {
      const bool repeats = i < kept.size() && !kept[i];
      strides[i] = repeats ? 0 : size;
      size *= repeats ? 1 : shape[i];
    }
    return size + 1;
  }
};

double unit(DType dtype) {
  return dtype == DType::kF64 ? 1.2e-16 : dtype == DType::kF32 ? 6e-8 : dtype == DType::kF16 ? 5e-4 : 4e-3;
}

// Every `step`-th element of C against a sum in double.
void check_product(DType dtype, Buffer& c, const std::vector<int64_t>& shape, View& a, View& b, Buffer* bias,
                   int64_t step) {
  const size_t rank = shape.size();
  const int64_t depth = a.shape[rank - 1], n = shape[rank - 1];
  const double sum_unit = dtype == DType::kF64 ? 1.2e-16 : 6e-8;
  for (int64_t index = 0; index < c.size(); index += step) {
    int64_t rest = index, at_a = a.offset, at_b = b.offset;
    for (size_t axis = rank; axis-- > 0;) {
      const int64_t place = rest % shape[axis];
      rest /= shape[axis];
      if (axis != rank - 1) at_a += place * a.strides[axis];
      if (axis != rank - 2) at_b += place * b.strides[axis];
    }
    double sum = 0, size = 0;
    for (int64_t k = 0; k < depth; ++k) {
      const double term = element(a.memory, dtype, at_a + k * a.strides[rank - 1]) *
                          element(b.memory, dtype, at_b + k * b.strides[rank - 2]);
      sum += term;
      size += std::fabs(term);
    }
    if (bias != nullptr) sum += element(*bias, dtype, index % n);
    const double bound =
        sum_unit * (static_cast<double>(depth) + 8) * (size + 1) + 2 * unit(dtype) * (std::fabs(sum) + 1e-6);
    CHECK_NEAR(element(c, dtype, index), sum, bound);
  }
}

struct Case {
  std::vector<int64_t> batch;
  int64_t m, n, k;
  int64_t gap = 0;
  std::vector<bool> a_kept = {}, b_kept = {};
};

std::vector<int64_t> extents(const std::vector<int64_t>& batch, int64_t rows, int64_t columns) {
  std::vector<int64_t> shape = batch;
  shape.push_back(rows);
  shape.push_back(columns);
  return shape;
}

// All four orders of memory; the bits are those of the first run where threads come in another order.
void check_orders(const Case& test, DType dtype, bool with_bias = false, int64_t step = 1) {
  const auto shape = extents(test.batch, test.m, test.n);
  Buffer c(dtype, shape), bias(dtype, {test.n});
  fill_random(bias, dtype, 5);
  for (const bool a_by_columns : {false, true}) {
    for (const bool b_by_columns : {false, true}) {
      View a(dtype, extents(test.batch, test.m, test.k), a_by_columns, test.gap, 1, test.a_kept);
      View b(dtype, extents(test.batch, test.k, test.n), b_by_columns, test.gap, 2, test.b_kept);
      for_each_device([&] {
        std::memset(c.as<void>(), 0xff, c.bytes());
        std::vector<Operand> operands{c.out(), a.in(), b.in()};
        if (with_bias) operands.push_back(bias.in());
        run(kernels::gemm, 2, operands, GemmParams{kernels::kActivationNone, with_bias});
        check_product(dtype, c, shape, a, b, with_bias ? &bias : nullptr, step);
      });
    }
  }
}

constexpr DType kDTypes[] = {DType::kF32, DType::kF64, DType::kF16, DType::kBF16};

}  // namespace

TEST(gemm_views_around_tiles_and_quads) {
  for (const int64_t gap : {0, 1, 4}) {
    for (const int64_t m : {9, 64, 68})
      for (const int64_t k : {4, 16, 17, 36}) check_orders({{}, m, 60, k, gap}, DType::kF32);
    check_orders({{}, 65, 67, 33, gap}, DType::kF32);
    check_orders({{}, 128, 12, 48, gap}, DType::kF32);
  }
  for (const DType dtype : kDTypes) check_orders({{}, 66, 70, 20, 2}, dtype, true);
}

TEST(gemm_views_of_few_rows_or_columns) {
  for (const DType dtype : kDTypes) {
    for (const int64_t few : {1, 2, 8}) {
      check_orders({{}, few, 131, 63, 1}, dtype, true);
      check_orders({{}, few, 35, 130, 1}, dtype, true);
      check_orders({{}, 35, few, 130, 0}, dtype, true);
    }
    check_orders({{3}, 1, 5, 1100, 0}, dtype);
    check_orders({{3}, 9, 1, 1100, 3}, dtype, true);
  }
}

TEST(gemm_batches_of_several_axes) {
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    check_orders({{2, 3}, 17, 20, 12}, dtype);
    check_orders({{2, 3}, 17, 20, 12, 0, {true, false}, {false, true}}, dtype, true);
    check_orders({{2, 3}, 12, 20, 12, 0, {}, {false, false}}, dtype, true);
    check_orders({{2, 1, 3}, 5, 20, 12, 3, {false, true, true}, {true, true, false}}, dtype);
    check_orders({{2, 3}, 1, 20, 12, 1, {}, {true, false}}, dtype);
  }
}

TEST(gemm_sums_parts_of_a_long_k) {
  for (const DType dtype : kDTypes) {
    check_orders({{}, 36, 20, 1000, 0}, dtype, true, 3);
    check_orders({{2}, 9, 33, 1025, 1}, dtype, false, 3);
    check_orders({{}, 4, 10, 1500, 0}, dtype, true);
  }
}

// Enough of C that grids take their large tiles, and parts of them too.
TEST(gemm_of_many_large_tiles) {
  check_orders({{}, 1028, 4100, 4}, DType::kF32, true, 1009);
  check_orders({{64}, 252, 244, 20}, DType::kF32, false, 1009);
}
// And k in parts besides.
TEST(gemm_of_large_tiles_in_parts) {
  const int64_t n = 644, k = 512;
  View a(DType::kF32, {n, k}, true, 0, 1), b(DType::kF32, {k, n}, false, 0, 2);
  Buffer c(DType::kF32, {n, n});
  for_each_device([&] {
    run(kernels::gemm, 2, {c.out(), a.in(), b.in()}, GemmParams{});
    check_product(DType::kF32, c, {n, n}, a, b, nullptr, 1009);
  });
}

// The bits are those of single products that are added one after the other.
TEST(gemm_total_adds_single_products) {
  for_each_device([] {
    for (const DType dtype : {DType::kF32, DType::kF64}) {
      for (const int64_t m : {1, 40}) {
        View a1(dtype, {2, m, 30}, false, 0, 1), b1(dtype, {2, 30, 21}, true, 0, 2);
        View a2(dtype, {2, m, 9}, true, 2, 3), b2(dtype, {2, 9, 21}, false, 0, 4, {false});
        Buffer sum(dtype, {2, m, 21}), one(dtype, {2, m, 21}), two(dtype, {2, m, 21});
        run(kernels::gemm_total, 2, {sum.out(), a1.in(), b1.in(), a2.in(), b2.in()},
            kernels::GemmTotalParams{2});
        run(kernels::gemm, 1, {one.out(), a1.in(), b1.in()}, GemmParams{});
        run(kernels::gemm, 1, {two.out(), a2.in(), b2.in()}, GemmParams{});
        for (int64_t i = 0; i < sum.size(); ++i) {
          const double exact = element(one, dtype, i) + element(two, dtype, i);
          CHECK_NEAR(element(sum, dtype, i), exact, 4 * unit(dtype) * (std::fabs(exact) + 20));
        }
      }
    }
  });
}

}  // namespace hebb::testing

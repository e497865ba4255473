// Which products are added while they are computed, and that the bits are those of products and additions.
#include "check.h"
#include "each_isa.h"
#include "kernels/copy.h"
#include "kernels/elementwise.h"
#include "kernels/gemm.h"
#include "program_harness.h"
#include "stream/arena_layout.h"
#include "stream/passes/passes.h"

namespace hebb::testing {
namespace {

struct Sums : TestProgram {
  DType dtype = DType::kF32;

  // A^T B of two arguments of so many rows: what a layer adds to the gradient of its weight.
  PlanOperand product(const PlanOperand& out, int64_t depth) {
    const int64_t rows = out.view.shape[0], columns = out.view.shape[1];
    add(kernels::gemm, out, {transposed(argument({depth, rows}, dtype)), argument({depth, columns}, dtype)});
    return out;
  }
  PlanOperand term(const Shape& shape, int64_t depth) { return product(temporary(shape, dtype), depth); }
  PlanOperand sum(const PlanOperand& out, const PlanOperand& a, const PlanOperand& b) {
    return map(kernels::add, out, {a, b}, dtype);
  }
  // The output that so many products, one after the other, are added up to.
  PlanOperand chain(const Shape& shape, const std::vector<int64_t>& depths) {
    PlanOperand total = term(shape, depths[0]);
    for (size_t i = 1; i < depths.size(); ++i) {
      const bool last = i + 1 == depths.size();
      const PlanOperand next = term(shape, depths[i]);
      total = sum(last ? output(shape, dtype) : temporary(shape, dtype), i % 2 == 0 ? next : total,
                  i % 2 == 0 ? total : next);
    }
    return total;
  }
};

// Adds up, and checks that the same is written with every instruction set. The names of the commands.
std::string added(Sums& made) {
  kernels::fill(cpu::best_isa());
  Sums before = made;
  stream::passes::add_up(made.program);
  for_each_isa([&] {
    const auto want = before.run(1);
    Sums again = before;
    stream::passes::add_up(again.program);
    for (int threads : {1, 2}) {
      if (again.run(threads) != want)
        throw Failure(__FILE__, __LINE__, "differs:\n" + program_text(again.program));
    }
  });
  std::string names;
  for (const auto& command : made.program.commands)
    names += (names.empty() ? "" : " ") + std::string(command.slot->name);
  return names;
}

TEST(totals_add_the_products_of_a_loop) {
  for (DType dtype : {DType::kF32, DType::kF64}) {
    Sums s{.dtype = dtype};
    const PlanOperand out = s.chain({70, 50}, {9, 3, 9, 1, 20});
    const int64_t before = stream::plan_arena(s.program).bytes;
    CHECK_EQ(added(s), std::string("gemm_total"));
    CHECK_EQ(s.program.commands[0].operands.size(), size_t{11});
    CHECK_EQ(s.program.commands[0].operands[0].buffer, out.buffer);
    CHECK(before > 0 && stream::plan_arena(s.program).bytes == 0);
    CHECK_EQ(stream::flops_of(s.program.commands[0]), 2.0 * 70 * 50 * (9 + 3 + 9 + 1 + 20));
  }
}

// Parts, groups of terms, edges of tiles, rows that are read in place.
TEST(totals_of_all_sizes) {
  for (DType dtype : {DType::kF32, DType::kF64}) {
    for (const Shape& shape : {Shape{300, 700}, Shape{17, 33}, Shape{28, 257}, Shape{40, 3}}) {
      Sums s{.dtype = dtype};
      std::vector<int64_t> depths;
      for (int64_t i = 0; i < 70; ++i) depths.push_back(1 + i % 2);
      s.chain(shape, depths);
      CHECK_EQ(added(s), std::string("gemm_total"));
    }
    Sums deep{.dtype = dtype};
    deep.chain({600, 640}, {200, 250, 300});
    CHECK_EQ(added(deep), std::string("gemm_total"));
  }
}

TEST(totals_of_batches) {
  Sums s;
  const Shape shape{7, 20, 40};
  PlanOperand total;
  for (int i = 0; i < 4; ++i) {
    const PlanOperand next = s.temporary(shape);
    s.add(kernels::gemm, next, {s.argument({7, 20, 1}), s.argument({7, 1, 40})});
    total = i == 0 ? next : s.sum(i == 3 ? s.output(shape) : s.temporary(shape), total, next);
  }
  CHECK_EQ(added(s), std::string("gemm_total"));
}

TEST(totals_leave_what_something_else_reads) {
  Sums s;
  const PlanOperand first = s.term({30, 30}, 5), second = s.term({30, 30}, 5), third = s.term({30, 30}, 5);
  const PlanOperand part = s.sum(s.temporary({30, 30}), first, second);
  s.sum(s.output({30, 30}), part, third);
  s.map(kernels::exp, s.output({30, 30}), {part});
  CHECK_EQ(added(s), std::string("gemm gemm_total add exp"));
  // The term that is a result itself.
  Sums kept;
  const PlanOperand shown = kept.product(kept.output({30, 30}), 5);
  kept.sum(kept.output({30, 30}), shown, kept.term({30, 30}, 5));
  CHECK_EQ(added(kept), std::string("gemm gemm add"));
}

// (a + b) + (c + d) has other bits than ((a + b) + c) + d.
TEST(totals_keep_the_order_of_additions) {
  Sums s;
  PlanOperand half[2];
  for (auto& each : half) each = s.sum(s.temporary({30, 30}), s.term({30, 30}, 5), s.term({30, 30}, 5));
  s.sum(s.output({30, 30}), half[0], half[1]);
  CHECK_EQ(added(s), std::string("gemm_total gemm_total add"));
}

TEST(totals_see_writes_between) {
  Sums s;
  const PlanOperand x = s.state({6, 30});
  const PlanOperand first = s.temporary({30, 30});
  s.add(kernels::gemm, first, {TestProgram::transposed(x), s.argument({6, 30})});
  s.add(kernels::assign, x, {TestProgram::constant(0.5)}, Role::kInOut);
  s.sum(s.output({30, 30}), first, s.term({30, 30}, 6));
  CHECK_EQ(added(s), std::string("gemm assign gemm add"));
}

// Products that read more than they make, that are cut along k, with an activation, of other shapes.
TEST(totals_are_made_where_they_pay_and_can) {
  Sums large, deep, active, other;
  large.chain({30, 30}, {16, 16});
  CHECK_EQ(added(large), std::string("gemm gemm add"));
  deep.chain({1100, 1100}, {513, 8});
  CHECK_EQ(added(deep), std::string("gemm gemm add"));
  active.chain({30, 30}, {5, 5});
  const kernels::GemmParams relu{kernels::kActivationRelu, false};
  std::memcpy(active.program.commands[0].params.data(), &relu, sizeof relu);
  CHECK_EQ(added(active), std::string("gemm gemm add"));
  const PlanOperand wide = other.term({20, 45}, 5), square = other.term({30, 30}, 5);
  other.sum(other.output({30, 30}), TestProgram::reshaped(wide, {30, 30}), square);
  CHECK_EQ(added(other), std::string("gemm gemm add"));
}

// The same product twice is two terms where it is computed twice, and no sum where it is computed once.
TEST(totals_of_a_product_and_itself) {
  Sums s;
  const PlanOperand only = s.term({30, 30}, 5);
  s.sum(s.output({30, 30}), only, only);
  CHECK_EQ(added(s), std::string("gemm add"));
}

}  // namespace
}  // namespace hebb::testing

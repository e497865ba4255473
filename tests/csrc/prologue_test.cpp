// Sums of what an element-wise command makes, against the single commands: on every instruction set and
// number of threads; and which commands become prologues.
#include "epilogue_harness.h"
#include "kernels/reduce.h"

namespace hebb::testing {
namespace {

using kernels::add;
using kernels::assign;
using kernels::mul;

void add_sum(TestProgram& made, const PlanOperand& result, const PlanOperand& input, double divisor = 1) {
  add_command(made, kernels::sum, {result, input}, 1, kernels::SumParams{divisor});
}

// Runs the pass, and checks that nothing that outlives a run has changed. The names of the commands left.
std::string after(TestProgram& made) {
  const auto want = made.run(1);
  stream::passes::prepend_prologues(made.program);
  for (const int threads : {1, 2, 3}) {
    if (made.run(threads) != want)
      throw Failure(__FILE__, __LINE__, "differs:\n" + program_text(made.program));
  }
  std::string list;
  for (const auto& command : made.program.commands) {
    list += (list.empty() ? "" : " ") + std::string(command.slot->name);
    if (command.tiles && command.tile_operands > 0) list += "+";
  }
  return list;
}

// Short rows, long ones, columns narrow and wide, several chunks of each.
const Shape kSlices[] = {{1, 7, 1},     {70, 10, 1}, {3, 4096, 1},   {2, 9001, 1}, {300, 100, 1},
                         {1, 50000, 1}, {1, 900, 5}, {4, 30, 7},     {1, 64, 128}, {2, 600, 300},
                         {1, 40, 2100}, {3, 1, 40},  {1, 3000, 130}, {1, 5000, 3}, {2, 7, 1024}};
const DType kDTypes[] = {DType::kF32, DType::kF64, DType::kF16, DType::kBF16, DType::kI32, DType::kI64};

TEST(prologue_of_sums) {
  for_each_isa([] {
    for (const DType dtype : kDTypes) {
      const DType compute = compute_type(dtype);
      for (const Shape& shape : kSlices) {
        TestProgram made;
        const auto x = made.argument(shape, dtype), z = made.argument({shape[0], 1, shape[2]}, dtype);
        const auto d = made.map(kernels::sub, made.temporary(shape, dtype), {x, z}, compute);
        const auto squared = made.map(kernels::square, made.temporary(shape, dtype), {d}, compute);
        add_sum(made, made.output({shape[0], shape[2]}, dtype), squared, 4);
        // A mask of another dtype is counted.
        const auto mask = made.map(kernels::less, made.temporary(shape, DType::kBool), {x, z}, compute);
        add_sum(made, made.output({shape[0], shape[2]}, DType::kI32), mask);
        stream::fuse_elementwise(made.program, kernels::fused);
        CHECK_EQ(after(made), std::string("sum+ sum+"));
      }
    }
  });
}

TEST(prologue_of_random_numbers) {
  for_each_isa([] {
    TestProgram made;
    const Shape shape{1, 700, 90};
    const auto x = made.argument(shape), seed = made.buffer(Origin::kRandom, DType::kI64, {2});
    const auto dropped = made.temporary(shape);
    const kernels::DropoutParams params{11, 0.3};
    add_command(made, kernels::dropout, {dropped, x, seed}, 1, params);
    add_sum(made, made.output({1, 90}), TestProgram::reshaped(dropped, shape));
    CHECK_EQ(after(made), std::string("sum+"));
  });
}

struct Square : TestProgram {
  PlanOperand x = argument({1, 36, 1}), s = state({1, 36, 1}), y = output({1, 1});
  PlanOperand t = temporary({1, 36, 1}), u = temporary({1, 36, 1});
};

TEST(prologue_is_told_of) {
  Square c;
  c.map(add, c.t, {c.x, c.s});
  add_sum(c, c.y, c.t);
  CHECK_EQ(after(c), std::string("sum+"));
  CHECK_EQ(program_text(c.program),
           std::string(
               "   0 sum <-out2 f32[1, 1] : made  (divisor=1) of : arg0 f32[36], state1 f32[36] {r0 = out0 "
               "= add x0 x1}\n"));
  CHECK_EQ(bytes_of(c.program.commands[0]), 4.0 * (2 * 36 + 1));
  CHECK_EQ(flops_of(c.program.commands[0]), 36.0 + 1);
}

TEST(prologue_needs_a_result_that_nothing_else_reads) {
  Square c;
  c.map(add, c.t, {c.x, c.s});
  add_sum(c, c.y, c.t);
  c.add(assign, c.s, {c.t}, Role::kInOut);
  CHECK_EQ(after(c), std::string("add sum assign"));
  Square d;
  const auto kept = d.map(add, d.output({1, 36, 1}), {d.x, d.s});
  add_sum(d, d.y, kept);
  CHECK_EQ(after(d), std::string("add sum"));
}

TEST(prologue_moves_down_past_others) {
  Square c;
  c.map(add, c.t, {c.x, c.s});
  c.map(mul, c.output({1, 36, 1}), {c.x, c.x});
  add_sum(c, c.y, c.t);
  CHECK_EQ(after(c), std::string("mul sum+"));
}

TEST(prologue_sees_a_state_written_in_between) {
  Square c;
  c.map(add, c.t, {c.x, c.s});
  c.add(assign, c.s, {c.x}, Role::kInOut);
  add_sum(c, c.y, c.t);
  CHECK_EQ(after(c), std::string("add assign sum"));
}

TEST(prologue_needs_every_element_in_its_place) {
  TestProgram made;
  const auto t = made.map(add, made.temporary({6, 6}), {made.argument({6, 6}), made.argument({6, 6})});
  add_sum(made, made.output({1, 1}), TestProgram::reshaped(TestProgram::part(t, 1, 2), {1, 12, 1}));
  CHECK_EQ(after(made), std::string("add sum"));
}

}  // namespace
}  // namespace hebb::testing

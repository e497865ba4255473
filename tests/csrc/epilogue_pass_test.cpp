// Which element-wise commands become epilogues, where the joined command stands, and each hazard that forbids
// it.
#include "epilogue_harness.h"
#include "kernels/gemm.h"

namespace hebb::testing {
namespace {

using kernels::add;
using kernels::assign;
using kernels::copy;
using kernels::exp;
using kernels::mul;
using kernels::relu;

struct Square : TestProgram {
  PlanOperand x = argument({6, 6}), w = state({6, 6}), z = argument({6, 6}), y = output({6, 6});
  PlanOperand t = temporary({6, 6}), u = temporary({6, 6});

  void product(const PlanOperand& c, const PlanOperand& a, const PlanOperand& b) {
    add_command(*this, kernels::gemm, {c, a, b}, 1, kernels::GemmParams{});
  }
};

// Runs the pass, and checks that nothing that outlives a run has changed. The names of the commands left,
// with those of their epilogues.
std::string after(TestProgram& made) {
  kernels::fill(cpu::best_isa());
  const auto want = made.run(1);
  stream::passes::append_epilogues(made.program);
  if (made.run(2) != want) throw Failure(__FILE__, __LINE__, "differs:\n" + program_text(made.program));
  std::string list;
  for (const auto& command : made.program.commands) {
    list += (list.empty() ? "" : " ") + std::string(command.slot->name);
    if (command.tiles && command.tile_operands > 0)
      list += std::string("+") + command.tiles->instructions[command.tiles->instruction_count - 1].slot->name;
  }
  return list;
}

TEST(epilogue_lies_where_its_result_does) {
  Square c;
  c.product(c.t, c.x, c.w);
  c.map(relu, c.y, {c.t});
  CHECK_EQ(after(c), std::string("gemm+relu"));
  const auto& command = c.program.commands[0];
  CHECK_EQ(command.tile_operands, 3u);
  CHECK_EQ(command.operands.size(), 5u);
  for (const size_t k : {0u, 3u, 4u}) {
    CHECK_EQ(command.operands[k].buffer, c.y.buffer);
    CHECK(command.operands[k].view.role == Role::kOut);
  }
}

TEST(epilogue_keeps_a_result_that_others_read) {
  Square c;
  c.product(c.t, c.x, c.w);
  c.map(relu, c.y, {c.t});
  c.add(assign, c.w, {c.t}, Role::kInOut);
  CHECK_EQ(after(c), std::string("gemm+relu assign"));
  CHECK_EQ(c.program.commands[0].operands[0].buffer, c.t.buffer);
}

TEST(epilogue_moves_up_past_others) {
  Square c;
  c.product(c.t, c.x, c.w);
  c.product(c.u, c.x, c.z);
  c.map(mul, c.y, {c.t, c.z});
  c.add(assign, c.w, {c.u}, Role::kInOut);
  CHECK_EQ(after(c), std::string("gemm+mul gemm assign"));
}

// The residual is there only after the second command: the product waits for it.
TEST(epilogue_waits_for_its_other_inputs) {
  Square c;
  c.product(c.t, c.x, c.w);
  c.map(exp, c.u, {c.z});
  c.map(add, c.y, {c.t, c.u});
  CHECK_EQ(after(c), std::string("exp gemm+add"));
}

TEST(epilogue_goes_to_the_latest_product) {
  Square c;
  c.product(c.t, c.x, c.w);
  c.product(c.u, c.x, c.z);
  c.map(add, c.y, {c.t, c.u});
  CHECK_EQ(after(c), std::string("gemm gemm+add"));
}

// The weight is written after the product and before the residual is known: neither can pass the other.
TEST(epilogue_sees_a_state_written_in_between) {
  Square c;
  c.product(c.t, c.x, c.w);
  c.add(assign, c.w, {c.z}, Role::kInOut);
  c.map(add, c.y, {c.t, c.w});
  CHECK_EQ(after(c), std::string("gemm assign add"));
}

TEST(epilogue_sees_a_command_between_that_needs_the_result) {
  Square c;
  c.product(c.t, c.x, c.w);
  c.product(c.u, c.t, c.z);
  c.map(add, c.y, {c.t, c.u});
  CHECK_EQ(after(c), std::string("gemm gemm+add"));
  Square d;
  d.product(d.t, d.x, d.w);
  d.add(assign, d.w, {d.t}, Role::kInOut);
  d.map(add, d.y, {d.t, d.w});
  CHECK_EQ(after(d), std::string("gemm assign add"));
}

TEST(epilogue_never_writes_what_its_command_reads) {
  Square c;
  c.product(c.t, c.x, c.w);
  c.map(add, c.w, {c.t, c.z});
  CHECK_EQ(after(c), std::string("gemm add"));
}

TEST(epilogue_needs_every_element_in_its_place) {
  Square c;
  c.product(c.t, c.x, c.w);
  c.map(add, c.y, {TestProgram::transposed(c.t), c.z});
  CHECK_EQ(after(c), std::string("gemm add"));
  Square d;
  d.product(d.t, d.x, d.w);
  d.map(add, d.y, {d.t, TestProgram::transposed(d.t)});
  CHECK_EQ(after(d), std::string("gemm add"));
  Square e;
  e.product(e.t, e.x, e.w);
  e.map(add, e.output({2, 6, 6}), {e.t, e.argument({2, 6, 6})});
  CHECK_EQ(after(e), std::string("gemm add"));
}

TEST(epilogue_takes_a_reshaped_result) {
  Square c;
  c.product(c.t, c.x, c.w);
  c.map(add, c.output({36}), {TestProgram::reshaped(c.t, {36}), c.argument({36})});
  CHECK_EQ(after(c), std::string("gemm+add"));
}

TEST(epilogue_sees_a_result_completed_later) {
  Square c;
  c.product(c.t, c.x, c.w);
  c.add(kernels::copy_into, TestProgram::part(c.t, 1, 2), {TestProgram::constant(3)}, Role::kInOut);
  c.map(relu, c.y, {c.t});
  CHECK_EQ(after(c), std::string("gemm copy_into relu"));
}

// An input of the program may die into its result, but not one that the product still reads.
TEST(epilogue_in_place) {
  for (const bool read_by_product : {false, true}) {
    Square c;
    c.map(exp, c.u, {c.z});
    c.product(c.t, read_by_product ? c.u : c.x, c.w);
    const auto v = c.map(add, c.temporary({6, 6}), {c.t, c.u});
    c.add(assign, c.w, {v}, Role::kInOut);
    c.add(copy, c.y, {c.t});
    CHECK_EQ(after(c), std::string("exp gemm+add assign copy"));
    const auto want = c.run(1);
    stream::passes::reuse_in_place(c.program);
    CHECK(c.run(2) == want);
    const bool shared = c.program.commands[1].operands[3].buffer == c.program.commands[0].operands[0].buffer;
    CHECK_EQ(shared, !read_by_product);
  }
}

TEST(epilogue_is_told_of) {
  Square c;
  c.product(c.t, c.x, c.w);
  c.map(add, c.y, {c.t, c.z});
  after(c);
  CHECK_EQ(program_text(c.program),
           std::string("   0 gemm <-out3 f32[6, 6] : arg0 f32[6, 6], state1 f32[6, 6]  (activation=0 "
                       "has_bias=false precision=0 method=0) "
                       "then <-out3 f32[6, 6] : out3 f32[6, 6], arg2 f32[6, 6] {r0 = out0 = add x0 x1}\n"));
  const auto& command = c.program.commands[0];
  CHECK_EQ(flops_of(command), 2.0 * 6 * 6 * 6 + 36);
  CHECK_EQ(bytes_of(command), 4.0 * 36 * 4);
}

}  // namespace
}  // namespace hebb::testing

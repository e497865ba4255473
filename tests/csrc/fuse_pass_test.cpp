// Which commands are fused: chains, diamonds, reshapes, limits, and each hazard that forbids it.
#include "stream/passes/fuse.h"

#include "check.h"
#include "kernels/copy.h"
#include "kernels/elementwise.h"
#include "kernels/fused.h"
#include "kernels/random.h"
#include "program_harness.h"

namespace hebb::testing {
namespace {

using kernels::add;
using kernels::exp;
using kernels::fused;
using kernels::mul;

// Fuses, and checks that nothing that outlives a run has changed. The names of the commands that are left.
std::string fuse(TestProgram& made) {
  const stream::Program plain = made.program;
  for_each_isa([&] {
    made.program = plain;
    const auto want = made.run(1);
    stream::fuse_elementwise(made.program, fused);
    if (made.run(2) != want) throw Failure(__FILE__, __LINE__, "differs:\n" + program_text(made.program));
  });
  std::string names;
  for (const auto& command : made.program.commands)
    names += (names.empty() ? "" : " ") + std::string(command.slot->name);
  return names;
}

bool uses(const TestProgram& made, const PlanOperand& operand) {
  for (const auto& command : made.program.commands) {
    for (const auto& used : command.operands) {
      if (used.buffer == operand.buffer) return true;
    }
  }
  return false;
}

struct Chain : TestProgram {
  PlanOperand x = argument({3, 4}), z = argument({3, 4}), y = output({3, 4}), s = state({3, 4});
  PlanOperand t = temporary({3, 4}), u = temporary({3, 4}), v = temporary({3, 4});
};

TEST(fuse_makes_a_chain_one_command) {
  Chain c;
  c.map(exp, c.t, {c.x});
  c.map(add, c.u, {c.t, c.z});
  c.map(mul, c.y, {c.u, c.t});
  CHECK_EQ(fuse(c), std::string("fused"));
  CHECK(!uses(c, c.t) && !uses(c, c.u));
  CHECK_EQ(c.program.commands[0].operands.size(), 3u);
  CHECK_EQ(static_cast<int>(c.program.commands[0].tiles->registers), 2);
}

TEST(fuse_leaves_a_single_command) {
  Chain c;
  c.map(exp, c.y, {c.x});
  CHECK_EQ(fuse(c), std::string("exp"));
}

TEST(fuse_writes_what_is_read_outside) {
  Chain c;
  c.map(exp, c.t, {c.x});
  c.map(add, c.y, {c.t, c.z});
  c.add(kernels::assign, c.s, {c.t}, Role::kInOut);
  CHECK_EQ(fuse(c), std::string("fused assign"));
  CHECK(uses(c, c.t));
}

TEST(fuse_keeps_outputs_that_members_read) {
  Chain c;
  const auto first = c.map(exp, c.output({3, 4}), {c.x});
  c.map(add, c.y, {first, c.z});
  CHECK_EQ(fuse(c), std::string("fused"));
  CHECK(uses(c, first));
}

TEST(fuse_makes_a_diamond_one_command) {
  Chain c;
  c.map(exp, c.t, {c.x});
  c.map(add, c.u, {c.t, c.z});
  c.map(mul, c.v, {c.t, c.z});
  c.map(mul, c.y, {c.u, c.v});
  CHECK_EQ(fuse(c), std::string("fused"));
  CHECK_EQ(c.program.commands[0].operands.size(), 3u);
}

TEST(fuse_joins_two_chains_that_meet) {
  Chain c;
  c.map(exp, c.t, {c.x});
  c.map(exp, c.u, {c.z});
  c.map(mul, c.y, {c.t, c.u});
  CHECK_EQ(fuse(c), std::string("fused"));
}

// t would move behind the write of the state that it reads.
TEST(fuse_sees_a_state_written_in_between) {
  Chain c;
  c.map(exp, c.t, {c.s});
  c.add(kernels::assign, c.s, {c.x}, Role::kInOut);
  c.map(add, c.y, {c.t, c.z});
  CHECK_EQ(fuse(c), std::string("exp assign add"));
}

// y needs the state's new value, t its old one.
TEST(fuse_sees_a_state_written_by_a_member) {
  Chain c;
  c.map(exp, c.t, {c.s});
  c.map(mul, c.s, {c.t, c.z});
  CHECK_EQ(fuse(c), std::string("exp mul"));
}

// What t feeds feeds y: t cannot move behind it.
TEST(fuse_sees_a_command_between_that_depends_on_the_group) {
  Chain c;
  c.map(exp, c.t, {c.x});
  c.add(kernels::copy_into, c.s, {c.t}, Role::kInOut);
  c.map(add, c.y, {c.t, c.s});
  CHECK_EQ(fuse(c), std::string("exp copy_into add"));
}

TEST(fuse_sees_a_part_written_in_between) {
  Chain c;
  c.map(exp, c.t, {c.x});
  c.add(kernels::copy_into, TestProgram::part(c.t, 1, 1), {TestProgram::constant(5)}, Role::kInOut);
  c.map(add, c.y, {c.t, c.z});
  CHECK_EQ(fuse(c), std::string("exp copy_into add"));
}

// The value that members read is fused, but the buffer is still written: it is completed later.
TEST(fuse_keeps_a_buffer_that_others_write) {
  Chain c;
  c.map(exp, c.t, {c.x});
  c.map(add, c.u, {c.t, c.z});
  c.map(mul, c.s, {c.u, c.z});
  c.add(kernels::copy_into, TestProgram::part(c.t, 1, 1), {TestProgram::constant(5)}, Role::kInOut);
  c.add(kernels::copy, c.y, {c.t});
  CHECK_EQ(fuse(c), std::string("fused copy_into copy"));
}

TEST(fuse_never_forwards_another_view) {
  TestProgram made;
  const auto x = made.argument({5, 5});
  const auto t = made.map(exp, made.temporary({5, 5}), {x});
  made.map(add, made.output({5, 5}), {TestProgram::transposed(t), x});
  const auto row =
      made.map(exp, made.temporary({5}), {TestProgram::part(TestProgram::reshaped(x, {25}), 3, 5)});
  made.map(add, made.output({5, 5}), {row, x});
  const auto two = made.temporary({2, 5});
  made.map(exp, two, {made.argument({2, 5})});
  made.map(add, made.output({5}), {TestProgram::reshaped(TestProgram::part(two, 1, 1), {5}), row});
  CHECK_EQ(fuse(made), std::string("exp add exp add exp add"));
}

// t + row, of shape [2, 1, 6], and then as `shape`, times a column.
std::string fuse_reshaped(const Shape& shape) {
  TestProgram made;
  const auto t = made.temporary({2, 1, 6});
  made.map(add, t, {made.argument({2, 1, 6}), made.argument({6})});
  const auto flat = made.map(exp, made.temporary({12}), {TestProgram::reshaped(t, {12})});
  const Shape column{shape[shape.rank() - 2], 1};
  made.map(mul, made.output(shape), {TestProgram::reshaped(flat, shape), made.argument(column)});
  return fuse(made);
}

TEST(fuse_takes_reshapes_for_the_same_elements) {
  CHECK_EQ(fuse_reshaped({2, 3, 2}), std::string("fused"));
  // Rows of 6 and rows of 4 have no common axes.
  CHECK_EQ(fuse_reshaped({3, 4}), std::string("fused mul"));
}

TEST(fuse_rounds_as_memory_would) {
  TestProgram made;
  const auto x = made.argument({300}, DType::kBF16);
  const auto t = made.map(exp, made.temporary({300}, DType::kBF16), {x});
  const auto u = made.map(mul, made.temporary({300}, DType::kBF16), {t, x});
  const auto wide = made.temporary({300});
  made.add(kernels::copy, wide, {u});
  made.map(add, made.output({300}), {wide, made.argument({300})});
  CHECK_EQ(fuse(made), std::string("fused"));
}

TEST(fuse_takes_dropout) {
  Chain c;
  const auto seed = c.buffer(Origin::kRandom, DType::kI64, {2});
  const kernels::DropoutParams params{9, 0.5};
  c.map(exp, c.t, {c.x});
  c.add(kernels::dropout, c.u, {c.t, seed});
  std::memcpy(c.program.commands.back().params.data(), &params, sizeof params);
  c.map(mul, c.y, {c.u, c.z});
  CHECK_EQ(fuse(c), std::string("fused"));
  CHECK(!uses(c, c.t) && !uses(c, c.u));
}

// The old value of a state that a command updates in place is not what others would read.
TEST(fuse_leaves_a_command_that_reads_what_it_writes) {
  Chain c;
  c.map(exp, c.t, {c.x});
  c.map(add, c.s, {c.t, c.s});
  CHECK_EQ(fuse(c), std::string("exp add"));
}

TEST(fuse_leaves_copies_that_turn) {
  TestProgram made;
  const auto t = made.temporary({7, 5});
  made.add(kernels::copy, t, {TestProgram::transposed(made.argument({5, 7}))});
  made.map(exp, made.output({7, 5}), {t});
  CHECK_EQ(fuse(made), std::string("copy exp"));
}

TEST(fuse_stays_within_the_limits) {
  TestProgram made;
  PlanOperand value = made.argument({40});
  for (int i = 0; i < 60; ++i) value = made.map(add, made.temporary({40}), {value, TestProgram::constant(i)});
  made.map(exp, made.output({40}), {value});
  TestProgram wide;
  value = wide.argument({40});
  for (int i = 0; i < 30; ++i) value = wide.map(add, wide.temporary({40}), {value, wide.argument({40})});
  for (int i = 0; i < 9; ++i) value = wide.map(exp, wide.output({40}), {value});
  for (TestProgram* program : {&made, &wide}) {
    fuse(*program);
    CHECK(program->program.commands.size() >= 3);
    CHECK(program->program.commands.size() <= 8);
    for (const auto& command : program->program.commands) {
      if (!command.tiles) continue;
      CHECK(command.tiles->output_count <= stream::kTileOutputs);
      CHECK(command.operands.size() <= size_t{command.tiles->output_count} + stream::kTileInputs);
    }
  }
}

TEST(fuse_reuses_registers) {
  TestProgram made;
  PlanOperand value = made.argument({40});
  for (int i = 0; i < 20; ++i) value = made.map(exp, made.temporary({40}), {value});
  made.map(exp, made.output({40}), {value});
  CHECK_EQ(fuse(made), std::string("fused"));
  CHECK_EQ(static_cast<int>(made.program.commands[0].tiles->registers), 2);
}

}  // namespace
}  // namespace hebb::testing

// What passes over hand-made programs remove, merge and join, and each hazard that forbids it.
#include "stream/passes/passes.h"

#include "check.h"
#include "kernels/copy.h"
#include "kernels/elementwise.h"
#include "kernels/norm.h"
#include "program_harness.h"
#include "stream/arena_layout.h"

namespace hebb::testing {
namespace {

using kernels::add;
using kernels::assign;
using kernels::copy;
using kernels::copy_into;
using kernels::exp;
using kernels::mul;
namespace passes = stream::passes;

std::string names(const TestProgram& made) {
  std::string list;
  for (const auto& command : made.program.commands)
    list += (list.empty() ? "" : " ") + std::string(command.slot->name);
  return list;
}

// Runs the pass, and checks that nothing that outlives a run has changed. The names of the commands left.
std::string after(void (*pass)(stream::Program&), TestProgram& made) {
  kernels::fill(cpu::best_isa());
  const auto want = made.run(1);
  pass(made.program);
  if (made.run(2) != want) throw Failure(__FILE__, __LINE__, "differs:\n" + program_text(made.program));
  return names(made);
}

int buffer_of(const TestProgram& made, size_t command, size_t operand) {
  return made.program.commands[command].operands[operand].buffer;
}

struct Square : TestProgram {
  PlanOperand x = argument({5, 5}), z = argument({5, 5}), y = output({5, 5}), s = state({5, 5});
  PlanOperand t = temporary({5, 5}), u = temporary({5, 5}), v = temporary({5, 5});
};

TEST(drop_dead_removes_a_chain_nothing_uses) {
  Square c;
  c.map(exp, c.t, {c.x});
  c.map(add, c.u, {c.t, c.s});
  c.map(exp, c.y, {c.z});
  CHECK_EQ(after(passes::drop_dead, c), std::string("exp"));
  CHECK_EQ(buffer_of(c, 0, 0), c.y.buffer);
}

TEST(drop_dead_keeps_what_outputs_and_states_come_from) {
  Square c;
  c.map(exp, c.t, {c.x});
  c.map(mul, c.u, {c.z, c.z});
  c.add(assign, c.s, {c.t}, Role::kInOut);
  c.map(exp, c.y, {c.u});
  CHECK_EQ(after(passes::drop_dead, c), std::string("exp mul assign exp"));
}

TEST(drop_dead_keeps_every_write_of_a_part) {
  Square c;
  c.add(copy_into, TestProgram::part(c.t, 0, 2), {TestProgram::part(c.x, 0, 2)});
  c.add(copy_into, TestProgram::part(c.t, 2, 3), {TestProgram::part(c.z, 1, 3)}, Role::kInOut);
  c.add(copy_into, TestProgram::part(c.u, 2, 3), {TestProgram::part(c.z, 1, 3)});
  c.add(copy, c.y, {c.t});
  CHECK_EQ(after(passes::drop_dead, c), std::string("copy_into copy_into copy"));
  CHECK_EQ(buffer_of(c, 1, 0), c.t.buffer);
}

// The first write is overwritten, but a pass that knows no kernel cannot tell.
TEST(drop_dead_keeps_both_writes_of_a_state) {
  Square c;
  c.add(assign, c.s, {c.x}, Role::kInOut);
  c.add(assign, c.s, {c.z}, Role::kInOut);
  CHECK_EQ(after(passes::drop_dead, c), std::string("assign assign"));
}

TEST(drop_dead_keeps_a_command_with_one_live_result) {
  Square c;
  c.map(exp, c.t, {c.x});
  c.map(exp, c.v, {c.x});
  for (const auto& live : {c.s, c.y}) {
    c.add(kernels::batch_norm, c.u, {live, c.t});
    auto& second = c.program.commands.back().operands[1].view;
    second.role = live.buffer == c.s.buffer ? Role::kInOut : Role::kOut;
  }
  passes::drop_dead(c.program);
  CHECK_EQ(names(c), std::string("exp batch_norm batch_norm"));
  CHECK_EQ(buffer_of(c, 0, 0), c.t.buffer);
}

TEST(merge_common_merges_equal_commands) {
  Square c;
  c.map(exp, c.t, {c.x});
  c.map(exp, c.u, {c.x});
  c.map(add, c.y, {c.t, c.u});
  CHECK_EQ(after(passes::merge_common, c), std::string("exp add"));
  CHECK_EQ(buffer_of(c, 1, 2), c.t.buffer);
}

TEST(merge_common_merges_chains) {
  Square c;
  PlanOperand ends[2];
  for (auto& end : ends) {
    const auto first = c.map(exp, c.temporary({5, 5}), {c.x});
    const auto turned = c.temporary({5, 5});
    c.add(copy, turned, {TestProgram::transposed(first)});
    end = c.map(mul, c.temporary({5, 5}), {turned, TestProgram::constant(3)});
  }
  c.map(add, c.y, {ends[0], ends[1]});
  CHECK_EQ(after(passes::merge_common, c), std::string("exp copy mul add"));
}

// Two commands of which the second differs in one thing.
template <class F>
std::string merged(F&& second) {
  Square c;
  c.map(mul, c.t, {c.x, TestProgram::constant(0)});
  second(c);
  c.map(add, c.y, {c.t, c.u});
  return after(passes::merge_common, c);
}

TEST(merge_common_compares_everything_that_results_follow_from) {
  const std::string both = "mul mul add";
  CHECK_EQ(merged([](Square& c) {
             c.map(mul, c.u, {c.x, TestProgram::constant(0)});
           }),
           std::string("mul add"));
  CHECK_EQ(merged([](Square& c) { c.map(mul, c.u, {c.z, TestProgram::constant(0)}); }), both);
  CHECK_EQ(merged([](Square& c) { c.map(mul, c.u, {c.x, TestProgram::constant(1)}); }), both);
  // -0 is another constant than 0.
  CHECK_EQ(merged([](Square& c) { c.map(mul, c.u, {c.x, TestProgram::constant(-0.0)}); }), both);
  CHECK_EQ(merged([](Square& c) { c.map(mul, c.u, {c.x, c.s}); }), both);
  CHECK_EQ(merged([](Square& c) {
             c.map(mul, c.u, {TestProgram::transposed(c.x), TestProgram::constant(0)});
           }),
           both);
  CHECK_EQ(merged([](Square& c) {
             c.map(mul, c.u, {TestProgram::part(c.x, 1, 1), TestProgram::constant(0)});
           }),
           both);
  CHECK_EQ(merged([](Square& c) {
             c.map(mul, c.u, {c.x, TestProgram::constant(0)}, DType::kF32, 0.5);
           }),
           both);
  CHECK_EQ(merged([](Square& c) {
             c.map(add, c.u, {c.x, TestProgram::constant(0)});
           }),
           std::string("mul add add"));
}

TEST(merge_common_compares_places) {
  Square c;
  const auto first = c.map(exp, c.temporary({1, 5}), {TestProgram::part(c.x, 0, 1)});
  const auto second = c.map(exp, c.temporary({1, 5}), {TestProgram::part(c.x, 1, 1)});
  c.map(add, c.y, {first, second});
  CHECK_EQ(after(passes::merge_common, c), std::string("exp exp add"));
}

TEST(merge_common_compares_result_dtypes) {
  Square c;
  const auto half = c.temporary({5, 5}, DType::kF16), wide = c.temporary({5, 5}, DType::kBF16);
  c.add(copy, half, {c.x});
  c.add(copy, wide, {c.x});
  c.map(add, c.y, {half, wide});
  CHECK_EQ(after(passes::merge_common, c), std::string("copy copy add"));
}

TEST(merge_common_tells_versions_of_a_state_apart) {
  Square c;
  c.map(exp, c.t, {c.s});
  c.add(assign, c.s, {c.x}, Role::kInOut);
  c.map(exp, c.u, {c.s});
  c.map(exp, c.v, {c.s});
  const auto sum = c.map(add, c.temporary({5, 5}), {c.t, c.u});
  c.map(add, c.y, {sum, c.v});
  CHECK_EQ(after(passes::merge_common, c), std::string("exp assign exp add add"));
}

TEST(merge_common_tells_versions_of_a_temporary_apart) {
  Square c;
  c.add(copy, c.t, {c.x});
  c.map(exp, c.u, {c.t});
  c.add(copy_into, TestProgram::part(c.t, 1, 1), {TestProgram::constant(5)}, Role::kInOut);
  c.map(exp, c.v, {c.t});
  c.map(add, c.y, {c.u, c.v});
  CHECK_EQ(after(passes::merge_common, c), std::string("copy exp copy_into exp add"));
}

TEST(merge_common_leaves_outputs) {
  Square c;
  const auto other = c.output({5, 5});
  c.map(exp, c.y, {c.x});
  c.map(exp, other, {c.x});
  c.map(exp, c.t, {c.x});
  c.map(exp, c.output({5, 5}), {c.t});
  CHECK_EQ(after(passes::merge_common, c), std::string("exp exp exp exp"));
}

TEST(merge_common_leaves_results_that_others_write) {
  for (const bool first : {true, false}) {
    Square c;
    c.map(exp, c.t, {c.x});
    if (first) c.add(copy_into, TestProgram::part(c.t, 1, 1), {TestProgram::constant(5)}, Role::kInOut);
    c.map(exp, c.u, {c.x});
    if (!first) c.add(copy_into, TestProgram::part(c.u, 1, 1), {TestProgram::constant(5)}, Role::kInOut);
    c.map(add, c.y, {c.t, c.u});
    CHECK_EQ(after(passes::merge_common, c),
             std::string(first ? "exp copy_into exp add" : "exp exp copy_into add"));
  }
}

// Equal as commands, but each goes on from what the one before has left.
TEST(merge_common_leaves_updates) {
  Square c;
  for (int i = 0; i < 2; ++i) {
    c.map(add, c.s, {c.s, c.x});
    c.map(add, c.t, {c.t, c.x});
    c.program.commands.back().operands[0].view.role = Role::kInOut;
  }
  passes::merge_common(c.program);
  CHECK_EQ(names(c), std::string("add add add add"));
}

TEST(reuse_in_place_takes_a_dying_operand) {
  Square c;
  c.map(exp, c.t, {c.x});
  c.map(mul, c.u, {c.z, c.t});
  c.map(mul, c.v, {c.u, c.u});
  c.map(exp, c.y, {c.v});
  const int64_t before = stream::plan_arena(c.program).bytes;
  after(passes::reuse_in_place, c);
  CHECK_EQ(buffer_of(c, 1, 0), c.t.buffer);
  CHECK_EQ(buffer_of(c, 2, 0), c.t.buffer);
  CHECK_EQ(buffer_of(c, 3, 1), c.t.buffer);
  CHECK_EQ(2 * stream::plan_arena(c.program).bytes, before);
}

TEST(reuse_in_place_takes_one_operand_for_one_result) {
  Square c;
  c.map(exp, c.t, {c.x});
  c.map(exp, c.u, {c.z});
  c.map(add, c.v, {c.t, c.u});
  const auto w = c.map(mul, c.temporary({5, 5}), {c.v, c.x});
  c.map(exp, c.y, {w});
  after(passes::reuse_in_place, c);
  CHECK_EQ(buffer_of(c, 2, 0), c.t.buffer);
  CHECK_EQ(buffer_of(c, 2, 2), c.u.buffer);
  CHECK_EQ(buffer_of(c, 3, 0), c.t.buffer);
}

// u = what `second` makes, then y from it; whether u has kept its own memory.
template <class F>
bool stays_apart(F&& second) {
  Square c;
  c.map(exp, c.t, {c.x});
  second(c);
  c.map(exp, c.y, {c.u});
  after(passes::reuse_in_place, c);
  for (const auto& command : c.program.commands) {
    if (command.operands[0].buffer == c.u.buffer) return true;
  }
  return false;
}

TEST(reuse_in_place_sees_who_else_uses_the_operand) {
  CHECK(!stays_apart([](Square& c) { c.map(exp, c.u, {c.t}); }));
  CHECK(stays_apart([](Square& c) {
    c.map(exp, c.u, {c.t});
    c.map(exp, c.output({5, 5}), {c.t});
  }));
  CHECK(stays_apart([](Square& c) { c.map(exp, c.u, {c.map(exp, c.output({5, 5}), {c.x})}); }));
  CHECK(stays_apart([](Square& c) { c.map(exp, c.u, {c.s}); }));
  CHECK(stays_apart([](Square& c) { c.map(exp, c.u, {c.z}); }));
}

TEST(reuse_in_place_sees_other_layouts) {
  CHECK(stays_apart([](Square& c) { c.map(add, c.u, {c.t, TestProgram::transposed(c.t)}); }));
  CHECK(stays_apart([](Square& c) { c.map(add, c.u, {TestProgram::part(c.t, 2, 1), c.t}); }));
  CHECK(stays_apart([](Square& c) { c.map(exp, c.u, {TestProgram::transposed(c.t)}); }));
  CHECK(stays_apart([](Square& c) { c.map(exp, c.u, {TestProgram::part(c.t, 2, 1)}); }));
}

TEST(reuse_in_place_sees_what_is_written_in_parts) {
  CHECK(stays_apart([](Square& c) {
    c.add(copy, c.u, {c.z});
    c.map(exp, TestProgram::part(c.u, 0, 5), {c.t});
  }));
  CHECK(stays_apart([](Square& c) {
    c.add(copy, c.u, {c.z});
    const auto row = c.map(exp, c.temporary({1, 5}), {TestProgram::part(c.z, 0, 1)});
    c.map(exp, TestProgram::part(c.u, 1, 1), {row});
  }));
  // One that is written again later is not there to be taken before.
  CHECK(stays_apart([](Square& c) {
    c.map(exp, c.u, {c.t});
    c.add(copy_into, TestProgram::part(c.t, 0, 1), {TestProgram::constant(1)}, Role::kInOut);
  }));
}

TEST(reuse_in_place_asks_the_slot_and_the_size) {
  CHECK(stays_apart([](Square& c) { c.add(copy_into, c.u, {c.t}); }));
  TestProgram made;
  const auto x = made.argument({6});
  const auto t = made.map(exp, made.temporary({6}, DType::kF16), {x});
  const auto u = made.map(exp, made.temporary({6}), {t});
  made.map(exp, made.output({6}), {u});
  after(passes::reuse_in_place, made);
  CHECK_EQ(buffer_of(made, 1, 0), u.buffer);
}

TEST(passes_tell_of_each_stage) {
  Square c;
  c.map(exp, c.t, {c.x});
  c.map(exp, c.u, {c.x});
  c.map(exp, c.y, {c.u});
  std::vector<stream::PassReport> reports;
  passes::run_all({{"dead", passes::drop_dead}, {"common", passes::merge_common}}, c.program, &reports);
  CHECK_EQ(reports.size(), 2u);
  CHECK_EQ(reports[0].pass, std::string("dead"));
  CHECK_EQ(reports[0].commands, 2u);
  CHECK_EQ(reports[1].text, program_text(c.program));
  CHECK_EQ(reports[1].bytes, 4.0 * 5 * 5 * 4);
}

}  // namespace
}  // namespace hebb::testing

// Where an optimizer's one command goes when it is split, and what holds it back.
#include "check.h"
#include "kernels/copy.h"
#include "kernels/elementwise.h"
#include "kernels/optimizer.h"
#include "program_harness.h"
#include "stream/arena_layout.h"
#include "stream/passes/passes.h"

namespace hebb::testing {
namespace {

using kernels::exp;

const Shape kLarge{257, 256}, kSmall{7};

// Parameters, each with a gradient made of an argument, and one command that updates all.
struct Training : TestProgram {
  PlanOperand rate = argument({});
  std::vector<PlanOperand> params, grads;

  PlanOperand param(const Shape& shape) {
    params.push_back(state(shape));
    return params.back();
  }
  void gradient(const Shape& shape) { grads.push_back(map(exp, temporary(shape), {argument(shape)})); }

  template <class P>
  void update(const stream::Slot& slot, const std::vector<std::vector<PlanOperand>>& lists, const P& values) {
    stream::PlanCommand command;
    command.slot = &slot;
    for (const auto& list : lists) {
      for (PlanOperand operand : list) {
        operand.view.role = Role::kInOut;
        command.operands.push_back(operand);
      }
    }
    command.operands.insert(command.operands.end(), grads.begin(), grads.end());
    command.operands.push_back(rate);
    for (size_t i = command.operands.size() - grads.size() - 1; i < command.operands.size(); ++i)
      command.operands[i].view.role = Role::kIn;
    std::memcpy(command.params.data(), &values, sizeof values);
    program.commands.push_back(std::move(command));
  }
  void sgd() {
    update(kernels::sgd_step, {params},
           kernels::SgdParams{static_cast<int64_t>(params.size()), 0, 0, 0.01, false, false});
  }
  // A state for each parameter: of its shape, or one step count.
  std::vector<PlanOperand> moments(bool steps) {
    std::vector<PlanOperand> list;
    for (const auto& p : params) {
      Shape shape;
      if (!steps) shape = p.view.rank == 2 ? kLarge : kSmall;
      list.push_back(state(shape, steps ? DType::kI32 : DType::kF32));
    }
    return list;
  }
};

// Splits, and checks that the same is written. The names of the commands, "update2" for one of two states.
std::string split(Training& made) {
  kernels::fill(cpu::best_isa());
  const auto want = made.run(1);
  stream::passes::split_updates(made.program);
  if (made.run(2) != want) throw Failure(__FILE__, __LINE__, "differs:\n" + program_text(made.program));
  std::string names;
  for (const auto& command : made.program.commands) {
    const std::string name = command.slot->traits.lists
                                 ? "update" + std::to_string(command.param<kernels::SgdParams>().count)
                                 : command.slot->name;
    names += (names.empty() ? "" : " ") + name;
  }
  return names;
}

TEST(split_updates_goes_right_after_each_gradient) {
  Training t;
  for (const auto& shape : {kLarge, kSmall, kLarge, kSmall}) t.param(shape);
  for (const auto& shape : {kLarge, kSmall, kLarge, kSmall}) t.gradient(shape);
  t.sgd();
  const int64_t before = stream::plan_arena(t.program).bytes;
  CHECK_EQ(split(t), std::string("exp update1 exp exp update1 exp update2"));
  CHECK_EQ(t.program.commands[1].operands[0].buffer, t.params[0].buffer);
  CHECK_EQ(t.program.commands[4].operands[1].buffer, t.grads[2].buffer);
  CHECK_EQ(t.program.commands[6].operands[1].buffer, t.params[3].buffer);
  CHECK(stream::plan_arena(t.program).bytes < before * 6 / 10);
}

TEST(split_updates_leaves_small_states_together) {
  Training t;
  for (int i = 0; i < 3; ++i) t.param(kSmall);
  for (int i = 0; i < 3; ++i) t.gradient(kSmall);
  t.sgd();
  t.map(exp, t.output(kSmall), {t.params[1]});
  CHECK_EQ(split(t), std::string("exp exp exp update3 exp"));
}

TEST(split_updates_leaves_one_where_it_stood) {
  Training t;
  t.param(kLarge);
  t.gradient(kLarge);
  t.map(exp, t.output(kSmall), {t.argument(kSmall)});
  t.sgd();
  CHECK_EQ(split(t), std::string("exp exp update1"));
}

TEST(split_updates_waits_for_readers_of_the_old_value) {
  Training t;
  for (int i = 0; i < 2; ++i) t.param(kLarge);
  for (int i = 0; i < 2; ++i) t.gradient(kLarge);
  t.map(exp, t.output(kSmall), {t.argument(kSmall)});
  t.map(exp, t.output(kLarge), {t.params[0]});
  t.map(exp, t.output(kSmall), {t.argument(kSmall)});
  t.sgd();
  CHECK_EQ(split(t), std::string("exp exp update1 exp exp update1 exp"));
  CHECK_EQ(t.program.commands[5].operands[0].buffer, t.params[0].buffer);
}

TEST(split_updates_stays_before_readers_of_the_new_value) {
  Training t;
  for (int i = 0; i < 2; ++i) t.param(kLarge);
  for (int i = 0; i < 2; ++i) t.gradient(kLarge);
  t.sgd();
  t.map(exp, t.output(kLarge), {t.params[0]});
  t.sgd();
  CHECK_EQ(split(t), std::string("exp update1 exp update1 update1 exp update1"));
}

// A write before, and a gradient that changes after the first reading.
TEST(split_updates_stays_behind_writes_of_what_it_uses) {
  Training t;
  for (int i = 0; i < 2; ++i) t.param(kLarge);
  for (int i = 0; i < 2; ++i) t.gradient(kLarge);
  t.map(exp, t.output(kSmall), {t.argument(kSmall)});
  t.add(kernels::assign, t.params[0], {TestProgram::constant(2)}, Role::kInOut);
  t.add(kernels::copy_into, TestProgram::part(t.grads[1], 3, 1), {TestProgram::constant(2)}, Role::kInOut);
  t.sgd();
  CHECK_EQ(split(t), std::string("exp exp exp assign update1 copy_into update1"));
}

TEST(split_updates_takes_every_list) {
  for (const bool adam : {false, true}) {
    Training t;
    for (const auto& shape : {kLarge, kSmall, kLarge}) t.param(shape);
    for (const auto& shape : {kLarge, kSmall, kLarge}) t.gradient(shape);
    const auto first = t.moments(false), second = t.moments(false), steps = t.moments(true);
    if (adam) {
      t.update(kernels::adam_step, {t.params, first, second, steps},
               kernels::AdamParams{3, 0.9, 0.99, 1e-8, 0.1, true, false});
    } else {
      t.update(kernels::sgd_step, {t.params, first, steps}, kernels::SgdParams{3, 0.9, 0, 0, true, false});
    }
    CHECK_EQ(split(t), std::string("exp update1 exp exp update1 update1"));
    const auto& operands = t.program.commands[4].operands;
    CHECK_EQ(operands.size(), adam ? 6u : 5u);
    CHECK_EQ(operands[1].buffer, first[2].buffer);
    CHECK_EQ(operands[operands.size() - 3].buffer, steps[2].buffer);
    CHECK_EQ(operands[operands.size() - 2].buffer, t.grads[2].buffer);
    CHECK_EQ(operands.back().buffer, t.rate.buffer);
  }
}

}  // namespace
}  // namespace hebb::testing

// Which weights are packed ahead of their products, how often and where; and that nothing else changes.
#include "check.h"
#include "kernels/copy.h"
#include "kernels/elementwise.h"
#include "kernels/gemm.h"
#include "kernels/panels.h"
#include "program_harness.h"
#include "stream/arena_layout.h"
#include "stream/passes/passes.h"

namespace hebb::testing {
namespace {

const Shape kWeight{70, 80};

struct Products : TestProgram {
  // x W^T of an argument of its own; x W where `straight`.
  PlanOperand product(const PlanOperand& weight, bool straight = false, int64_t rows = 33) {
    const int64_t in = kWeight[straight ? 0 : 1], out = kWeight[straight ? 1 : 0];
    const PlanOperand result = output({rows, out});
    add(kernels::gemm, result, {argument({rows, in}), straight ? weight : transposed(weight)});
    return result;
  }
  void write(const PlanOperand& target) { add(kernels::assign, target, {constant(0.25)}, Role::kInOut); }
};

// Packs, and checks that the same is written. The names of the commands, "kept" for a pack that stays.
std::string packed(Products& made) {
  kernels::fill(cpu::best_isa());
  const auto want = made.run(1);
  stream::passes::pack_once(made.program);
  for (int threads : {1, 2}) {
    if (made.run(threads) != want)
      throw Failure(__FILE__, __LINE__, "differs:\n" + program_text(made.program));
  }
  std::string names;
  for (const auto& command : made.program.commands) {
    const auto buffer = static_cast<size_t>(command.operands[0].buffer);
    const bool kept = made.program.buffers[buffer].origin == Origin::kPack;
    const std::string name = kept                                    ? "kept"
                             : command.slot == &kernels::pack_panels ? "pack"
                                                                     : command.slot->name;
    names += (names.empty() ? "" : " ") + name;
  }
  return names;
}

TEST(packs_serve_all_products_before_a_write) {
  Products p;
  const PlanOperand weight = p.state(kWeight);
  p.map(kernels::exp, p.output({3}), {p.argument({3})});
  p.product(weight);
  p.map(kernels::exp, p.output({3}), {p.argument({3})});
  p.product(weight);
  p.write(weight);
  CHECK_EQ(packed(p), std::string("exp pack gemm exp gemm assign"));
  const int panels = p.program.commands[1].operands[0].buffer;
  CHECK(p.program.is_temporary(panels));
  for (size_t i : {2, 4}) {
    CHECK_EQ(p.program.commands[i].operands[2].buffer, panels);
    CHECK(p.program.commands[i].operands[2].view.in_panels);
  }
  CHECK(plan_arena(p.program).bytes >= p.program.buffers[static_cast<size_t>(panels)].bytes);
}

TEST(packs_are_not_used_across_a_write) {
  Products once;
  const PlanOperand weight = once.state(kWeight);
  once.product(weight);
  once.write(weight);
  once.product(weight);
  CHECK_EQ(packed(once), std::string("gemm assign gemm"));

  Products twice;
  const PlanOperand other = twice.state(kWeight);
  for (int i = 0; i < 2; ++i) {
    for (int k = 0; k < 2; ++k) twice.product(other);
    twice.write(other);
  }
  CHECK_EQ(packed(twice), std::string("pack gemm gemm assign pack gemm gemm assign"));
}

// A part of the weight is written; a product of another part is as good as any.
TEST(packs_are_not_used_across_a_write_of_a_part) {
  Products p;
  const PlanOperand whole = p.state({140, 80});
  const PlanOperand weight = TestProgram::part(whole, 70, 70);
  p.product(weight);
  p.add(kernels::copy_into, TestProgram::part(whole, 100, 1), {TestProgram::constant(3)}, Role::kInOut);
  p.product(weight);
  CHECK_EQ(packed(p), std::string("gemm copy_into gemm"));
}

TEST(packs_of_what_is_never_written_are_kept) {
  Products p;
  const PlanOperand frozen = p.state(kWeight), trained = p.state(kWeight);
  const PlanOperand captured = p.buffer(Origin::kCaptured, DType::kF32, kWeight);
  const PlanOperand argument = p.argument(kWeight);
  for (const auto& weight : {argument, trained, captured, frozen}) p.product(weight);
  p.write(trained);
  p.program.commands[3].site = 7;
  CHECK_EQ(packed(p), std::string("kept kept gemm gemm gemm gemm assign"));
  for (size_t i : {0, 1}) {
    const auto& buffer = p.program.buffers[static_cast<size_t>(p.program.commands[i].operands[0].buffer)];
    CHECK_EQ(buffer.index, static_cast<int>(i));
    CHECK_EQ(p.program.commands[i].operands[1].buffer, (i == 0 ? captured : frozen).buffer);
  }
  CHECK_EQ(p.program.commands[1].site, uint64_t{7});
  const std::string text = program_text(p.program);
  CHECK(text.find("pack_panels <-pack0 f32[7680] : outer2 f32[1, 80, 70]") != std::string::npos ||
        !cpu::supports(stream::Isa::kAvx512));
  CHECK(text.find("pack1 f32[80, 70] in panels") != std::string::npos);
}

// The panels of x W^T and x W differ, and those of other rows too.
TEST(packs_are_told_apart_by_view) {
  Products p;
  const PlanOperand whole = p.state({140, 80}), first = TestProgram::part(whole, 0, 70),
                    second = TestProgram::part(whole, 70, 70);
  for (int i = 0; i < 2; ++i) {
    p.product(first);
    p.product(first, true);
    p.product(second);
  }
  p.write(whole);
  CHECK_EQ(packed(p), std::string("pack gemm pack gemm pack gemm gemm gemm gemm assign"));
}

// Temporaries are packed as well where two products read them; thin products and long ones are not.
TEST(packs_are_made_where_they_pay) {
  Products p;
  const PlanOperand made = p.map(kernels::exp, p.temporary(kWeight), {p.argument(kWeight)});
  for (int i = 0; i < 2; ++i) p.product(made);
  const PlanOperand weight = p.state(kWeight);
  p.product(weight, false, 4);
  p.product(weight, false, 600);
  CHECK_EQ(packed(p), std::string("exp pack gemm gemm gemm gemm"));
}

}  // namespace
}  // namespace hebb::testing

// What is made again to save memory, when, and what never is.
#include "check.h"
#include "kernels/copy.h"
#include "kernels/elementwise.h"
#include "ops/elementwise.h"
#include "ops/index.h"
#include "ops/matmul.h"
#include "ops/norm.h"
#include "ops/random.h"
#include "ops/shape.h"
#include "plan_harness.h"
#include "program_harness.h"
#include "stream/arena_layout.h"
#include "stream/passes/passes.h"

namespace hebb::testing {
namespace {

namespace passes = stream::passes;

const Shape kSquare{128, 128};
constexpr int64_t kBlock = 128 * 128 * 4;

int count_of(const stream::Program& program, const std::string& name) {
  int count = 0;
  for (const auto& command : program.commands) count += command.slot->name == name;
  return count;
}

// t is read early and late; in between, three other values are alive that nothing makes again.
struct Kept : TestProgram {
  PlanOperand x, z, s, t;

  explicit Kept(const Shape& shape = kSquare)
      : x(argument(shape)), z(argument(shape)), s(state(shape)), t(temporary(shape)) {}

  Shape shape() const { return {t.view.shape[0], t.view.shape[1]}; }
  void early() { add(kernels::copy, output(shape()), {t}); }
  void peak() {
    PlanOperand parts[3];
    for (auto& whole : parts) {
      whole = temporary(shape());
      add(kernels::copy_into, part(whole, 0, 64), {part(z, 0, 64)});
      add(kernels::copy_into, part(whole, 64, shape()[0] - 64), {part(x, 0, shape()[0] - 64)}, Role::kInOut);
    }
    const auto sum = map(kernels::add, temporary(shape()), {parts[0], parts[1]});
    map(kernels::add, output(shape()), {sum, parts[2]});
  }
  void late() { map(kernels::mul, output(shape()), {t, z}); }
  void rest() {
    early();
    peak();
    late();
  }
};

// Whether the pass changes the program: then the arena shrinks, and nothing that outlives a run differs.
bool remakes(TestProgram& made, int64_t budget = 0) {
  kernels::fill(cpu::best_isa());
  const stream::Program plain = made.program;
  const auto want = made.run(1);
  passes::rematerialise(made.program, budget);
  if (program_text(made.program) == program_text(plain)) return false;
  CHECK(stream::plan_arena(made.program).bytes < stream::plan_arena(plain).bytes);
  if (made.run(2) != want) throw Failure(__FILE__, __LINE__, "differs:\n" + program_text(made.program));
  return true;
}

TEST(rematerialise_makes_a_value_again) {
  Kept k;
  k.map(kernels::exp, k.t, {k.x});
  k.rest();
  CHECK_EQ(stream::plan_arena(k.program).bytes / kBlock, 5);
  CHECK(remakes(k));
  CHECK_EQ(count_of(k.program, "exp"), 2);
  CHECK_EQ(std::string(k.program.commands[k.program.commands.size() - 2].slot->name), std::string("exp"));
  CHECK_EQ(stream::plan_arena(k.program).bytes / kBlock, 4);
}

// Without an early reader, the value is only made later.
TEST(rematerialise_moves_what_is_read_late_alone) {
  Kept k;
  k.map(kernels::exp, k.t, {k.x});
  k.add(kernels::copy, k.output(kSquare), {k.z});
  k.peak();
  k.late();
  CHECK(remakes(k));
  CHECK_EQ(count_of(k.program, "exp"), 1);
}

TEST(rematerialise_makes_what_a_value_is_made_of) {
  Kept k;
  const auto u = k.map(kernels::exp, k.temporary(kSquare), {k.x});
  k.map(kernels::mul, k.t, {u, k.z});
  k.rest();
  CHECK(remakes(k));
  CHECK_EQ(count_of(k.program, "exp"), 2);
}

// The value's makers, one after the other, all but the last dead by the time of the peak.
TEST(rematerialise_ends_at_deep_chains) {
  for (const int length : {9, 10}) {
    Kept k;
    PlanOperand value = k.x;
    for (int i = 1; i < length; ++i) value = k.map(kernels::tanh, k.temporary(kSquare), {value});
    k.map(kernels::tanh, k.t, {value});
    k.rest();
    CHECK_EQ(remakes(k), length == 9);
  }
}

TEST(rematerialise_shares_what_is_made_again) {
  Kept k;
  const auto u = k.map(kernels::exp, k.temporary(kSquare), {k.x});
  k.map(kernels::mul, k.t, {u, k.z});
  k.add(kernels::copy, k.output(kSquare), {u});
  k.rest();
  k.map(kernels::add, k.output(kSquare), {u, k.x});
  CHECK(remakes(k));
  CHECK_EQ(count_of(k.program, "exp"), 2);
  CHECK_EQ(stream::plan_arena(k.program).bytes / kBlock, 4);
}

// Three blocks beside t are alive at the peak: with room for all four nothing changes.
TEST(rematerialise_respects_the_budget) {
  for (const int64_t spare : {0, -1}) {
    Kept k;
    k.map(kernels::exp, k.t, {k.x});
    k.rest();
    CHECK_EQ(remakes(k, 4 * kBlock + spare), spare < 0);
  }
}

TEST(rematerialise_stops_within_the_budget) {
  Kept k;
  const auto u = k.temporary(kSquare);
  k.map(kernels::exp, k.t, {k.x});
  k.map(kernels::exp, u, {k.z});
  k.add(kernels::copy, k.output(kSquare), {u});
  k.rest();
  k.map(kernels::mul, k.output(kSquare), {u, k.x});
  CHECK(remakes(k, 4 * kBlock));
  CHECK_EQ(count_of(k.program, "exp"), 3);
}

TEST(rematerialise_leaves_small_values) {
  Kept k(Shape{127, 128});
  k.map(kernels::exp, k.t, {k.x});
  k.rest();
  CHECK(!remakes(k));
}

TEST(rematerialise_sees_inputs_that_change) {
  Kept state;
  state.map(kernels::exp, state.t, {state.s});
  state.early();
  state.add(kernels::assign, state.s, {state.x}, Role::kInOut);
  state.peak();
  state.late();
  CHECK(!remakes(state));

  // Changed by the very command that reads late: still there for one before it.
  Kept update;
  update.map(kernels::exp, update.t, {update.s});
  update.early();
  update.peak();
  update.map(kernels::mul, update.s, {update.t, update.s});
  CHECK(remakes(update));

  Kept part;
  const auto u = part.temporary(kSquare);
  part.add(kernels::copy, u, {part.x});
  part.map(kernels::exp, part.t, {u});
  part.early();
  part.add(kernels::copy_into, TestProgram::part(u, 3, 1), {TestProgram::constant(5)}, Role::kInOut);
  part.add(kernels::copy, part.output(kSquare), {u});
  part.peak();
  part.late();
  CHECK(!remakes(part));
}

TEST(rematerialise_leaves_what_is_written_twice) {
  Kept k;
  k.map(kernels::exp, k.t, {k.x});
  k.add(kernels::copy_into, TestProgram::part(k.t, 3, 1), {TestProgram::constant(5)}, Role::kInOut);
  k.rest();
  CHECK(!remakes(k));
}

TEST(rematerialise_asks_the_slot) {
  kernels::fill(cpu::best_isa());
  const auto remade = [](stream::Traits traits, stream::Flops flops) {
    stream::Slot slot = kernels::exp;
    slot.traits = traits;
    slot.flops = flops;
    Kept k;
    k.map(slot, k.t, {k.x});
    k.rest();
    return remakes(k);
  };
  const stream::Flops few = [](const stream::Command&) { return 1e4; };
  CHECK(remade({}, few));
  CHECK(!remade({}, [](const stream::Command&) { return 1e9; }));
  CHECK(!remade({}, nullptr));
  CHECK(!remade({.writes_state = true}, few));
  CHECK(!remade({.guard = true}, few));
}

// The same with ops: `make` gives t first, then what the end of the step reads.
std::string remade_by(Compiling& c, const std::function<Tensors(const Tensors&)>& make) {
  Tensors args{c.random(kSquare, 1), c.random(kSquare, 2), c.random({128}, 3), c.random({128}, 4)};
  const Step step = [&](const Tensors& in) {
    const Tensors made = make(in);
    Tensors out{ops::exp(made[0])}, parts;
    const Tensor half = ops::slice(in[0], {0, 0}, {64, 128}, {1, 1});
    for (int i = 0; i < 3; ++i) parts.push_back(ops::concat({half, half}, 0));
    out.push_back(ops::add(ops::add(parts[0], parts[1]), parts[2]));
    for (const Tensor& x : made) out.push_back(ops::mul(x, 2));
    return out;
  };
  const auto plain = c.compile(args, step);
  const auto small =
      c.compile(args, step, [](stream::Program& program, auto*) { passes::rematerialise(program, 0); });
  const Floats want = c.values(c.run(*plain, args));
  c.environment.set_counter(0);
  CHECK(c.values(c.run(*small, args)) == want);
  c.environment.set_counter(0);
  if (small->program().commands.size() == plain->program().commands.size()) return "";
  CHECK(small->arena_bytes() < plain->arena_bytes());
  std::string names;
  for (const auto& command : small->program().commands) {
    const std::string name = command.slot->name;
    if (count_of(small->program(), name) > count_of(plain->program(), name)) names = name;
  }
  return names;
}

TEST(rematerialise_makes_narrow_products_again) {
  Compiling c;
  const auto product = [&](int64_t inner) {
    return remade_by(c, [inner](const Tensors& in) {
      return Tensors{ops::matmul(ops::slice(in[0], {0, 0}, {128, inner}, {1, 1}),
                                 ops::slice(in[1], {0, 0}, {inner, 128}, {1, 1}))};
    });
  };
  CHECK_EQ(product(8), std::string("gemm"));
  CHECK_EQ(product(128), std::string());
}

TEST(rematerialise_makes_batch_norm_again_from_its_statistics) {
  Compiling c;
  for (const bool affine : {true, false}) {
    const auto norm = [affine](const Tensors& in) {
      return affine ? ops::batch_norm(in[0], in[2], in[3], 1e-5)
                    : ops::batch_norm(in[0], std::nullopt, std::nullopt, 1e-5);
    };
    CHECK_EQ(remade_by(c, norm), std::string("batch_norm_eval"));
    // Without statistics that live as long, there is nothing to make it of.
    CHECK_EQ(remade_by(c, [&](const Tensors& in) { return Tensors{norm(in)[0]}; }), std::string());
  }
}

TEST(rematerialise_leaves_draws_and_guards) {
  Compiling c;
  CHECK_EQ(remade_by(c, [](const Tensors& in) { return Tensors{ops::dropout(in[0], 0.5)}; }), std::string());
  CHECK_EQ(remade_by(c,
                     [](const Tensors&) {
                       return Tensors{ops::uniform({128, 128}, 0, 1, DType::kF32)};
                     }),
           std::string());
  const Tensor ids = c.filled(3, {128}, DType::kI32);
  CHECK_EQ(remade_by(c, [&](const Tensors& in) { return Tensors{ops::take(in[0], ids, 0)}; }), std::string());
}

}  // namespace
}  // namespace hebb::testing

// Packs that plans keep between runs: made when the weight has changed, shared, poisoned with it, given back.
#include <atomic>
#include <thread>

#include "check.h"
#include "kernels/panels.h"
#include "ops/elementwise.h"
#include "ops/index.h"
#include "ops/matmul.h"
#include "ops/optimizer.h"
#include "ops/shape.h"
#include "plan_harness.h"

namespace hebb::testing {
namespace {

using Shared = std::shared_ptr<State>;
using Plans = std::unique_ptr<stream::Plan>;

const Shape kWeight{70, 80};
constexpr int64_t kRows = 33;

struct Layer {
  Compiling c;
  Shared weight = ops::make_state(c.random(kWeight, 1));
  Tensor x = c.random({kRows, 80}, 2);

  Tensor forward(const Tensor& in) { return ops::linear(in, weight->snapshot(), {}, "none"); }
  Plans inference(int64_t rows = kRows) {
    return c.compile(
        {c.zeros({rows, 80})}, [&](const Tensors& in) { return Tensors{forward(in[0])}; },
        ops::Environment::optimiser());
  }
  // weight -= gradient, as a step of its own.
  Plans update() {
    return c.compile({c.zeros(kWeight)}, [&](const Tensors& in) {
      ops::assign(*weight, ops::sub(weight->snapshot(), in[0]));
      return Tensors{};
    });
  }
  Floats eager() { return c.values(forward(x)); }

  // A run; whether it made the pack.
  bool makes(stream::Plan& plan, const Tensors& args, Tensors* results = nullptr) {
    CHECK(plan.program().commands[0].slot == &kernels::pack_panels);
    auto timing = std::make_shared<stream::Timing>();
    timing->begin.resize(plan.program().commands.size());
    timing->end.resize(plan.program().commands.size());
    const Tensors given = plan.run(args, nullptr, 0, timing);
    if (results != nullptr) *results = given;
    c.stream().drain();
    return timing->end[0] > timing->begin[0];
  }
  bool poisoned(const Tensor& y) {
    c.stream().drain();
    return c.stream().fault_of(*y.storage()->block()).has_value();
  }
};

TEST(plan_packs_are_made_once_for_each_version) {
  Layer l;
  const auto plan = l.inference(), update = l.update();
  Tensors results;
  const auto check = [&](bool made) {
    CHECK_EQ(l.makes(*plan, {l.x}, &results), made);
    CHECK(l.c.values(results[0]) == l.eager());
  };
  check(true);
  check(false);
  check(false);
  ops::assign(*l.weight, l.c.random(kWeight, 3));
  check(true);
  check(false);
  l.c.run(*update, {l.c.random(kWeight, 4)});
  check(true);
  check(false);
}

// Submitted one after another without waiting: order alone decides.
TEST(plan_packs_follow_the_order_of_submission) {
  Layer l;
  const auto plan = l.inference(), update = l.update();
  Tensors results, wanted;
  for (uint64_t i = 0; i < 6; ++i) {
    results.push_back(l.c.run(*plan, {l.x})[0]);
    wanted.push_back(l.forward(l.x));
    if (i % 2 == 1) l.c.run(*update, {l.c.random(kWeight, i)});
    if (i % 3 == 2) ops::assign(*l.weight, l.c.random(kWeight, 10 + i));
  }
  for (size_t i = 0; i < results.size(); ++i) CHECK(l.c.values(results[i]) == l.c.values(wanted[i]));
}

TEST(plan_packs_are_shared_and_given_back) {
  Layer l;
  const auto live = [&] { return l.c.allocator.stats().live_bytes; };
  auto first = l.inference(), second = l.inference(40);
  const Tensor wide = l.c.random({40, 80}, 5);
  const size_t before = live();
  CHECK(l.makes(*first, {l.x}));
  const size_t with_pack = live();
  CHECK(with_pack >= before + static_cast<size_t>(70 * 80) * sizeof(float));
  // Made for the other shape of the same layer.
  Tensors results;
  CHECK(!l.makes(*second, {wide}, &results));
  CHECK(l.c.values(results[0]) == l.c.values(l.forward(wide)));
  results.clear();
  CHECK_EQ(live(), with_pack);
  first.reset();
  CHECK_EQ(live(), with_pack);
  CHECK(!l.makes(*second, {wide}));
  second.reset();
  CHECK_EQ(live(), before);
  const auto third = l.inference();
  CHECK(l.makes(*third, {l.x}));
}

// Memory that is given back while runs wait is written by later commands alone.
TEST(plan_packs_serve_runs_that_wait) {
  Layer l;
  const Floats want = l.eager();
  auto plan = l.inference();
  std::atomic<bool> open{false};
  l.c.stream().then(
      [&](const Error*) {
        while (!open) std::this_thread::yield();
      },
      nullptr);
  const Tensor first = l.c.run(*plan, {l.x})[0], second = l.c.run(*plan, {l.x})[0];
  plan.reset();
  Tensors others;
  for (int64_t rows : {70, 80, 96, 128}) others.push_back(l.c.zeros({rows, 80}));
  open = true;
  CHECK(l.c.values(first) == want);
  CHECK(l.c.values(second) == want);
}

// x W^T and (x W^T) W: two packs of one state, of the same size where W is square.
TEST(plan_packs_are_told_apart_by_view) {
  Layer l;
  l.weight = ops::make_state(l.c.random({80, 80}, 3));
  const Step step = [&](const Tensors& in) {
    return Tensors{ops::matmul(l.forward(in[0]), l.weight->snapshot())};
  };
  const auto plan = l.c.compile({l.x}, step, ops::Environment::optimiser());
  CHECK(plan->program().commands[1].slot == &kernels::pack_panels);
  Tensors results;
  for (int i = 0; i < 2; ++i) {
    CHECK_EQ(l.makes(*plan, {l.x}, &results), i == 0);
    CHECK(l.c.values(results) == l.c.values(step({l.x})));
  }
}

// The memory of a state that is gone may be that of another.
TEST(plan_packs_end_with_their_state) {
  Layer l;
  auto plan = l.inference();
  CHECK(l.makes(*plan, {l.x}));
  for (uint64_t i = 0; i < 3; ++i) {
    plan.reset();
    l.weight.reset();
    l.weight = ops::make_state(l.c.random(kWeight, 20 + i));
    plan = l.inference();
    Tensors results;
    CHECK(l.makes(*plan, {l.x}, &results));
    CHECK(l.c.values(results[0]) == l.eager());
  }
}

TEST(plan_packs_captured_tensors_once) {
  Layer l;
  const Tensor captured = l.weight->snapshot();
  const auto plan = l.c.compile(
      {l.x}, [&](const Tensors& in) { return Tensors{ops::linear(in[0], captured, {}, "none")}; },
      ops::Environment::optimiser());
  const Floats want = l.eager();
  Tensors results;
  CHECK(l.makes(*plan, {l.x}));
  // The state it is a snapshot of goes on.
  ops::assign(*l.weight, l.c.random(kWeight, 3));
  const auto other = l.inference();
  CHECK(l.makes(*other, {l.x}));
  CHECK(!l.makes(*plan, {l.x}, &results));
  CHECK(l.c.values(results[0]) == want);
}

// A run that is left out because of bad contents has made the packs that later ones count on.
TEST(plan_packs_are_made_by_runs_that_are_left_out) {
  Layer l;
  const Tensor table = l.c.random({50, 80}, 6);
  const auto rows = [&](const Tensor& ids) { return l.forward(ops::take(table, ids, 0)); };
  const Tensor good = l.c.filled(7, {kRows}, DType::kI32), bad = l.c.filled(99, {kRows}, DType::kI32);
  const auto plan = l.c.compile(
      {good}, [&](const Tensors& in) { return Tensors{rows(in[0])}; }, ops::Environment::optimiser());
  Tensors results;
  CHECK(l.makes(*plan, {bad}, &results));
  CHECK(l.poisoned(results[0]));
  CHECK(!l.makes(*plan, {good}, &results));
  CHECK(!l.poisoned(results[0]));
  CHECK(l.c.values(results[0]) == l.c.values(rows(good)));
}

TEST(plan_packs_are_poisoned_with_their_state) {
  Layer l;
  const Tensor ids = l.c.filled(99, {70}, DType::kI32);
  l.weight = ops::make_state(ops::take(l.c.random(kWeight, 3), ids, 0));
  const auto plan = l.inference();
  Tensors results;
  for (int i = 0; i < 2; ++i) {
    CHECK_EQ(l.makes(*plan, {l.x}, &results), i == 0);
    CHECK(l.poisoned(results[0]));
    CHECK(l.poisoned(l.forward(l.x)));
  }
  // What an assignment makes of it, eagerly and here.
  ops::assign(*l.weight, l.c.random(kWeight, 3));
  CHECK(l.makes(*plan, {l.x}, &results));
  CHECK_EQ(l.poisoned(results[0]), l.poisoned(l.forward(l.x)));
}

}  // namespace
}  // namespace hebb::testing

// Recorded steps against the same steps run at once: arguments, captured tensors, states, gradients, outputs.
#include "stream/plan.h"

#include "autograd/engine.h"
#include "check.h"
#include "ops/elementwise.h"
#include "ops/index.h"
#include "ops/optimizer.h"
#include "ops/random.h"
#include "ops/shape.h"
#include "ops/softmax.h"
#include "plan_harness.h"

namespace hebb::testing {
namespace {

using Shared = std::shared_ptr<State>;

TEST(plan_runs_again_and_again_with_other_arguments) {
  Compiling c;
  const Tensor outer = c.random({4, 3}, 9);
  const Step step = [&](const Tensors& in) {
    return Tensors{ops::add(ops::exp(in[0]), ops::mul(in[1], outer))};
  };
  const auto plan = c.compile({c.zeros({4, 3}), c.zeros({3})}, step);
  const Tensor big = c.random({3, 8}, 5);
  const Tensors firsts{c.random({4, 3}, 1), ops::transpose(c.random({3, 4}, 2)),
                       ops::slice(ops::transpose(big), {2, 0}, {6, 3}, {1, 1}),
                       Tensor::constant(DType::kF32, 0.5, {4, 3})};
  for (uint64_t i = 0; i < 8; ++i) {
    const Tensors args{firsts[i % firsts.size()], c.random({3}, 20 + i)};
    CHECK(c.values(c.run(*plan, args)) == c.values(step(args)));
  }
}

TEST(plan_results_are_new_memory_and_outlive_it) {
  Compiling c;
  auto plan = c.compile({c.zeros({5})}, [](const Tensors& in) { return Tensors{ops::exp(in[0])}; });
  const Tensor zero = c.zeros({5});
  const Tensor first = c.run(*plan, {zero})[0], second = c.run(*plan, {c.random({5}, 1)})[0];
  plan.reset();
  CHECK(c.values(first) == Floats(5, 1));
  CHECK(c.values(second) == c.values(ops::exp(c.random({5}, 1))));
}

TEST(plan_keeps_captured_tensors) {
  Compiling c;
  Tensor outer = c.random({6}, 3);
  const Floats want = c.values(outer);
  const auto plan = c.compile({c.zeros({3})}, [&](const Tensors& in) {
    return Tensors{ops::add(in[0], ops::slice(outer, {2}, {5}, {1}))};
  });
  outer = {};
  // Whatever is free now is written.
  for (int i = 0; i < 10; ++i) c.random({6}, 4);
  for (int i = 0; i < 2; ++i)
    CHECK(c.values(c.run(*plan, {c.zeros({3})})) == Floats(want.begin() + 2, want.begin() + 5));
}

TEST(plan_gives_any_tensor_as_an_output) {
  Compiling c;
  const Tensor outer = c.random({2, 3}, 1);
  const Shared state = ops::make_state(c.random({2, 3}, 2));
  const Step step = [&](const Tensors& in) {
    const Tensor y = ops::exp(in[0]);
    return Tensors{y,     y,     ops::transpose(y), ops::slice(y, {1, 0}, {2, 3}, {1, 1}),
                   in[0], outer, state->snapshot(), Tensor::constant(DType::kF32, 7, {2})};
  };
  const Tensors args{c.random({2, 3}, 3)};
  for (const bool optimised : {false, true}) {
    const auto plan = c.compile(args, step, optimised ? ops::Environment::optimiser() : stream::Optimiser{});
    const Tensors results = c.run(*plan, args), want = step(args);
    CHECK(c.values(results) == c.values(want));
    for (size_t i = 0; i < results.size(); ++i) {
      CHECK(results[i].shape() == want[i].shape());
      for (size_t k = 0; k < i; ++k) CHECK(results[i].storage() != results[k].storage());
    }
  }
}

TEST(plan_writes_states_and_counts_versions) {
  Compiling c;
  const Shared state = ops::make_state(c.zeros({4})), other = ops::make_state(c.filled(1, {4}));
  const auto plan = c.compile({c.zeros({4})}, [&](const Tensors& in) {
    ops::assign(*state, ops::add(state->snapshot(), in[0]));
    const Tensor between = state->snapshot();
    ops::assign(*state, ops::mul(state->snapshot(), 2));
    return Tensors{between, ops::add(state->snapshot(), other->snapshot())};
  });
  CHECK(c.values(*state) == Floats(4, 0));
  const uint64_t version = state->version(), unchanged = other->version();
  const Tensors first = c.run(*plan, {c.filled(1, {4})}), second = c.run(*plan, {c.filled(3, {4})});
  CHECK(c.values(first) == Floats({1, 1, 1, 1, 3, 3, 3, 3}));
  CHECK(c.values(second) == Floats({5, 5, 5, 5, 11, 11, 11, 11}));
  CHECK(c.values(*state) == Floats(4, 10));
  CHECK_EQ(state->version(), version + 4);
  CHECK_EQ(other->version(), unchanged);
}

TEST(plan_moves_snapshots_before_it_writes) {
  Compiling c;
  const Shared state = ops::make_state(c.zeros({4})), kept = ops::make_state(c.zeros({4}));
  const Tensor captured = state->snapshot();
  const auto plan = c.compile({}, [&](const Tensors&) {
    ops::assign(*state, ops::add(state->snapshot(), ops::exp(kept->snapshot())));
    return Tensors{ops::add(captured, 5)};
  });
  const Tensor before = state->snapshot(), untouched = kept->snapshot();
  const void* home = untouched.storage()->block();
  CHECK(c.values(c.run(*plan, {})) == Floats(4, 5));
  const Tensor between = state->snapshot();
  CHECK(c.values(c.run(*plan, {})) == Floats(4, 5));
  CHECK(c.values(before) == Floats(4, 0));
  CHECK(c.values(captured) == Floats(4, 0));
  CHECK(c.values(between) == Floats(4, 1));
  CHECK(c.values(*state) == Floats(4, 2));
  CHECK(untouched.storage()->block() == home);
}

TEST(plan_reads_and_replaces_gradients) {
  Compiling c;
  const Shared state = ops::make_state(c.random({3, 3}, 1));
  state->set_requires_grad(true);
  state->set_grad(c.filled(4, {3, 3}));
  const auto reads = c.compile({}, [&](const Tensors&) { return Tensors{ops::mul(state->grad(), 2)}; });
  CHECK(c.values(c.run(*reads, {})) == Floats(9, 8));
  // Another gradient, of another layout, or none that takes memory.
  const Tensor turned = ops::transpose(c.random({3, 3}, 2));
  state->set_grad(turned);
  CHECK(c.values(c.run(*reads, {})) == c.values(ops::mul(turned, 2)));
  state->set_grad(Tensor::constant(DType::kF32, 3, {3, 3}));
  CHECK(c.values(c.run(*reads, {})) == Floats(9, 6));
  CHECK(state->grad().is_constant());

  const auto adds = c.compile({}, [&](const Tensors&) {
    const Tensor ones = Tensor::constant(DType::kF32, 1, {3, 3});
    autograd::backward(ops::mul(autograd::read_state(*state), 2), ones, {});
    return Tensors{};
  });
  for (float want : {5.0f, 7.0f}) {
    CHECK(c.run(*adds, {}).empty());
    CHECK(c.values(state->grad()) == Floats(9, want));
  }
  const auto clears = c.compile({}, [&](const Tensors&) {
    const Tensor last = ops::add(state->grad(), 0);
    state->set_grad({});
    return Tensors{last};
  });
  CHECK(clears->matches());
  CHECK(c.values(c.run(*clears, {})) == Floats(9, 7));
  CHECK(!state->grad().defined());
  CHECK(!clears->matches());
  CHECK(!reads->matches());
}

// A gradient that is another view of the one at entry is another gradient.
TEST(plan_replaces_a_gradient_by_a_view_of_itself) {
  Compiling c;
  const Shared state = ops::make_state(c.random({3, 3}, 1));
  const Tensor grad = c.random({3, 3}, 2);
  state->set_grad(grad);
  const auto turns = c.compile({}, [&](const Tensors&) {
    state->set_grad(ops::transpose(state->grad()));
    return Tensors{};
  });
  c.run(*turns, {});
  CHECK(c.values(state->grad()) == c.values(ops::transpose(grad)));
  c.run(*turns, {});
  CHECK(c.values(state->grad()) == c.values(grad));
  const auto same = c.compile({}, [&](const Tensors&) {
    state->set_grad(state->grad());
    return Tensors{};
  });
  const Tensor before = state->grad();
  c.run(*same, {});
  CHECK(state->grad().storage() == before.storage());
}

TEST(plan_matches_tells_what_has_changed) {
  Compiling c;
  const Shared state = ops::make_state(c.zeros({2}));
  const auto plan = c.compile({}, [&](const Tensors&) { return Tensors{ops::exp(state->snapshot())}; });
  CHECK(plan->matches());
  state->set_grad(c.zeros({2}));
  CHECK(plan->matches());  // the step does not look at it
  state->set_requires_grad(true);
  CHECK(!plan->matches());
}

TEST(plan_names_parameters_that_it_forgets) {
  Compiling c;
  const Shared a = ops::make_state(c.random({2}, 1)), b = ops::make_state(c.random({2}, 2));
  for (const Shared& state : {a, b}) state->set_requires_grad(true);
  const auto plan = c.compile({}, [&](const Tensors&) {
    autograd::backward(ops::mul(autograd::read_state(*a), autograd::read_state(*b)),
                       Tensor::constant(DType::kF32, 1, {2}), {});
    ops::sgd_step({a}, {}, {}, {a->grad()}, Tensor::constant(DType::kF32, 0.1), 0, 0, false, 0, false);
    a->set_grad({});
    return Tensors{};
  });
  const auto forgotten = plan->forgotten();
  CHECK_EQ(forgotten.size(), 1u);
  CHECK(forgotten[0] == b);
}

TEST(plan_draws_what_the_ops_would) {
  Compiling c;
  const Step step = [](const Tensors& in) {
    return Tensors{ops::dropout(in[0], 0.5), ops::uniform({7}, 0, 1, DType::kF32)};
  };
  const Tensors args{c.random({33}, 1)};
  const auto plan = c.compile(args, step, ops::Environment::optimiser());
  c.environment.set_seed(5);
  const Floats first = c.values(step(args)), second = c.values(step(args));
  const uint64_t counter = c.environment.counter();
  c.environment.set_seed(5);
  CHECK(c.values(c.run(*plan, args)) == first);
  CHECK(c.values(c.run(*plan, args)) == second);
  CHECK(first != second);
  CHECK_EQ(c.environment.counter(), counter);
}

struct Model {
  ops::States params, moments, second, steps;
  explicit Model(Compiling& c) {
    for (const Shape& shape : {Shape{300, 256}, Shape{256}, Shape{256, 5}}) {
      params.push_back(ops::make_state(c.random(shape, params.size())));
      params.back()->set_requires_grad(true);
      for (auto* list : {&moments, &second}) list->push_back(ops::make_state(c.zeros(shape)));
      steps.push_back(ops::make_state(c.zeros({}, DType::kI32)));
    }
  }
  Tensors step(const Tensors& in) const {
    const Tensor rows = ops::take(autograd::read_state(*params[0]), in[0], 0);
    const Tensor hidden = ops::exp(ops::mul(rows, autograd::read_state(*params[1])));
    const Tensor logits = ops::add(ops::slice(hidden, {0, 0}, {6, 5}, {1, 1}),
                                   ops::slice(autograd::read_state(*params[2]), {0, 0}, {6, 5}, {1, 1}));
    const Tensor loss = ops::cross_entropy(logits, in[1], std::nullopt, -100, 0, "mean");
    autograd::backward(loss, {}, {});
    Tensors grads;
    for (const auto& param : params) grads.push_back(param->grad());
    ops::adam_step(params, moments, second, {}, steps, grads, in[2], 0.9, 0.99, 1e-8, 0.1, true, false);
    for (const auto& param : params) param->set_grad({});
    return {loss};
  }
  Floats values(Compiling& c) const {
    Tensors all;
    for (const auto* list : {&params, &moments, &second}) {
      for (const auto& state : *list) all.push_back(state->snapshot());
    }
    return c.values(all);
  }
};

TEST(plan_trains_as_the_ops_do) {
  Compiling c;
  const Model eager(c), compiled(c);
  const Tensors args{c.filled(2, {6}, DType::kI32), c.filled(1, {6}, DType::kI32), c.filled(0.01, {})};
  const auto plan = c.compile(
      args, [&](const Tensors& in) { return compiled.step(in); }, ops::Environment::optimiser());
  for (int i = 0; i < 4; ++i) {
    CHECK(c.values(c.run(*plan, args)) == c.values(eager.step(args)));
    CHECK(compiled.values(c) == eager.values(c));
  }
  const auto reports = plan->explain();
  CHECK_EQ(reports.front().pass, std::string("recorded"));
  CHECK(reports.size() > 4);
  CHECK_EQ(reports.back().text, program_text(plan->program()));
  CHECK_EQ(reports.back().arena_bytes, plan->arena_bytes());
  CHECK(reports.back().commands != reports.front().commands);
}

// What an argument holds is looked at before the first write, whatever the order in the step.
TEST(plan_leaves_states_alone_where_an_argument_is_bad) {
  Compiling c;
  for (const bool optimised : {false, true}) {
    const Model model(c);
    const Shared count = ops::make_state(c.zeros({1}));
    const Tensors good{c.filled(2, {6}, DType::kI32), c.filled(1, {6}, DType::kI32), c.filled(0.01, {})};
    Tensors bad = good;
    bad[1] = c.filled(5, {6}, DType::kI32);
    const auto plan = c.compile(
        good,
        [&](const Tensors& in) {
          ops::assign(*count, ops::add(count->snapshot(), 1));
          return model.step(in);
        },
        optimised ? ops::Environment::optimiser() : stream::Optimiser{});
    const Floats before = model.values(c);
    const Tensor lost = c.run(*plan, bad)[0];
    c.stream().drain();
    const auto fault = c.stream().fault_of(*lost.storage()->block());
    CHECK(fault.has_value());
    CHECK_EQ(fault->op(), std::string("cross_entropy"));
    CHECK(model.values(c) == before);
    CHECK(c.values(*count) == Floats{0});
    // Poison that arrives with an argument does the same.
    bad[1] = ops::take(c.filled(1, {6}, DType::kI32), c.filled(9, {6}, DType::kI32), 0);
    const Tensor again = c.run(*plan, bad)[0], fine = c.run(*plan, good)[0];
    c.stream().drain();
    CHECK_EQ(c.stream().fault_of(*again.storage()->block())->op(), std::string("take"));
    CHECK(!c.stream().fault_of(*fine.storage()->block()).has_value());
    CHECK(c.values(*count) == Floats{1});
    CHECK(model.values(c) != before);
  }
}

}  // namespace
}  // namespace hebb::testing

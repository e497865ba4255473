// The memory of plans: the arena that they share, runs that wait when a plan goes, allocations that fail.
#include <atomic>
#include <thread>

#include "autograd/engine.h"
#include "check.h"
#include "heap_failure.h"
#include "ops/elementwise.h"
#include "ops/index.h"
#include "ops/optimizer.h"
#include "ops/reduce.h"
#include "ops/shape.h"
#include "plan_harness.h"

namespace hebb::testing {
namespace {

// A chain that needs two temporaries of the argument's size.
std::unique_ptr<stream::Plan> chain(Compiling& c, const Shape& shape) {
  return c.compile({c.zeros(shape)}, [](const Tensors& in) {
    return Tensors{ops::sum(ops::exp(ops::neg(ops::mul(in[0], 2))), {}, false)};
  });
}

TEST(plan_arena_is_that_of_the_largest_plan) {
  Compiling c;
  auto small = chain(c, {1000}), large = chain(c, {50000});
  const Tensor x = c.random({1000}, 1), wide = c.random({50000}, 2);
  CHECK(small->arena_bytes() < large->arena_bytes());
  CHECK_EQ(c.stream().arena().bytes(), 0);
  const Floats want = c.values(c.run(*small, {x})), other = c.values(c.run(*large, {wide}));
  CHECK_EQ(c.stream().arena().bytes(), large->arena_bytes());
  // In turn, without waiting in between.
  Tensors results;
  for (int i = 0; i < 6; ++i) results.push_back(i % 2 ? c.run(*small, {x})[0] : c.run(*large, {wide})[0]);
  for (size_t i = 0; i < 6; ++i) CHECK(c.values(results[i]) == (i % 2 ? want : other));
  const size_t with_large = c.allocator.stats().live_bytes;
  const auto needed = static_cast<size_t>(large->arena_bytes());
  large.reset();
  CHECK_EQ(c.allocator.stats().live_bytes, with_large - needed);
  CHECK(c.values(c.run(*small, {x})) == want);
  CHECK_EQ(c.stream().arena().bytes(), small->arena_bytes());
  // One that needs less leaves it as it is.
  chain(c, {500}).reset();
  CHECK_EQ(c.stream().arena().bytes(), small->arena_bytes());
  small.reset();
  CHECK_EQ(c.stream().arena().bytes(), 0);
}

TEST(plan_without_temporaries_needs_no_arena) {
  Compiling c;
  const auto plan = c.compile({c.zeros({5})}, [](const Tensors& in) { return Tensors{ops::exp(in[0])}; });
  CHECK_EQ(plan->arena_bytes(), 0);
  CHECK(c.values(c.run(*plan, {c.zeros({5})})) == Floats(5, 1));
  CHECK_EQ(c.stream().arena().bytes(), 0);
}

// What the allocator has cached in pieces that are too small makes room.
TEST(plan_arena_is_given_what_a_trim_frees) {
  struct Cap {
    size_t before = cpu::memory_cap();
    ~Cap() { cpu::set_memory_cap(before); }
  } cap;
  Compiling c;
  const int64_t size = 9 << 20;
  const auto plan = c.compile({}, [&](const Tensors&) {
    const Tensor ones = ops::exp(Tensor::constant(DType::kF32, 0, {size}));
    return Tensors{ops::sum(ops::neg(ones), {}, false)};
  });
  CHECK(plan->arena_bytes() >= 8 * size);
  // 64 MiB, free again.
  ops::empty(DType::kF32, {16 << 20});
  CHECK(c.allocator.stats().cached_bytes >= 64u << 20);
  cpu::set_memory_cap(cpu::process_reserved_bytes() + (24u << 20));
  CHECK(c.values(c.run(*plan, {})) == Floats{-static_cast<float>(size)});
}

// Keeps the executor until it is opened.
struct Gate {
  std::atomic<bool> open{false};
  explicit Gate(Compiling& c) {
    c.stream().then(
        [this](const Error*) {
          while (!open) std::this_thread::yield();
        },
        nullptr);
  }
};

TEST(plan_may_go_while_runs_wait) {
  Compiling c;
  const Shape shape{20000};
  Tensor outer = c.random(shape, 1), x = c.random(shape, 2);
  auto state = ops::make_state(c.zeros({1}));
  const Step step = [&](const Tensors& in) {
    const Tensor total = ops::sum(ops::exp(ops::mul(in[0], outer)), {}, true);
    ops::assign(*state, ops::add(state->snapshot(), ops::reshape(total, {1})));
    return Tensors{total, state->snapshot()};
  };
  const Floats once = c.values(step({x})[0]);
  ops::assign(*state, Tensor::constant(DType::kF32, 0));
  auto plan = c.compile({x}, step);
  const int64_t arena = plan->arena_bytes();
  Tensors results;
  {
    Gate gate(c);
    for (int i = 0; i < 2; ++i) {
      for (const Tensor& y : c.run(*plan, {x})) results.push_back(y);
    }
    plan.reset();
    outer = x = {};
    state.reset();
    // All that they used is free now, and is written after them.
    Tensors others;
    for (int i = 0; i < 6; ++i) others.push_back(c.filled(7, shape));
    others.push_back(c.filled(7, {arena / 4}));
    gate.open = true;
    c.stream().drain();
  }
  CHECK(c.values(results[0]) == once);
  CHECK(c.values(results[2]) == once);
  CHECK(c.values(results[1]) == once);
  CHECK(c.values(results[3]) == Floats{once[0] + once[0]});
}

// Without elements, no command writes: what had the memory before must not show.
TEST(empty_results_are_never_poisoned) {
  Compiling c;
  const auto poisoned = [&](const Tensor& x) {
    c.stream().drain();
    return c.stream().fault_of(*x.storage()->block()).has_value();
  };
  const Tensor x = c.random({3}, 1);
  const Step step = [](const Tensors& in) {
    const Tensor none = ops::exp(ops::slice(in[0], {0}, {0}, {1}));
    return Tensors{none, ops::add(in[0], ops::sum(none, {}, false))};
  };
  const auto plan = c.compile({x}, step);
  const Tensor ids = c.filled(9, {1}, DType::kI32);
  for (const bool compiled : {false, true}) {
    Tensor bad = ops::take(x, ids, 0);
    CHECK(poisoned(bad));
    const Block* block = bad.storage()->block();
    bad = {};
    const Tensors results = compiled ? c.run(*plan, {x}) : step({x});
    CHECK(results[0].storage()->block() == block);
    for (const Tensor& y : results) CHECK(!poisoned(y));
  }
}

// A step whose first call makes the momenta.
struct Training {
  Compiling c;
  ops::States params{ops::make_state(c.random({40, 30}, 1)), ops::make_state(c.random({30}, 2))};
  ops::States momenta, steps;
  Tensor turned = ops::transpose(c.random({40, 30}, 3)), rate = c.filled(0.1, {});
  Tensor x = ops::transpose(turned);

  Training() {
    for (const auto& param : params) param->set_requires_grad(true);
    c.stream().drain();
  }

  Tensors step(const Tensors& in) {
    ops::States made, counts;
    for (const auto& param : params) {
      if (!momenta.empty()) break;
      made.push_back(ops::make_state(Tensor::constant(DType::kF32, 0, param->shape())));
      counts.push_back(ops::make_state(Tensor::constant(DType::kI32, 0, {})));
    }
    if (momenta.empty()) {
      momenta = made;
      steps = counts;
    }
    const Tensor product = ops::mul(ops::transpose(in[0]), autograd::read_state(*params[0]));
    const Tensor loss = ops::sum(ops::exp(ops::add(product, autograd::read_state(*params[1]))), {}, false);
    autograd::backward(loss, {}, {});
    Tensors grads;
    for (const auto& param : params) grads.push_back(param->grad());
    ops::sgd_step(params, momenta, steps, grads, in[1], 0.9, 0, false, 0, false);
    return {loss};
  }
  // The transposed argument is copied; so is the snapshot that is alive.
  Floats compile_and_run() {
    const Tensors args{turned, rate};
    const Tensor snapshot = params[0]->snapshot();
    const auto plan = c.compile(
        args, [&](const Tensors& in) { return step(in); }, ops::Environment::optimiser());
    Floats all = c.values(c.run(*plan, args));
    const Floats old = c.values(snapshot);
    all.insert(all.end(), old.begin(), old.end());
    return all;
  }
  void forget() {
    momenta.clear();
    steps.clear();
    for (const auto& param : params) param->set_grad({});
  }
  Floats values() {
    Floats all;
    for (const auto& param : params) {
      const Floats some = c.values(*param);
      all.insert(all.end(), some.begin(), some.end());
    }
    return all;
  }
};

TEST(plan_survives_the_failure_of_every_tensor_allocation) {
  Floats losses, written;
  {
    Training training;
    losses = training.compile_and_run();
    written = training.values();
  }
  int thrown = 0;
  for (int64_t n = 1;; ++n) {
    Training training;
    const Floats before = training.values();
    const uint64_t version = training.params[0]->version();
    const auto stats = training.c.allocator.stats();
    bool failed = false;
    training.c.allocator.set_fail_at(n);
    try {
      training.compile_and_run();
    } catch (const Error& error) {
      CHECK_EQ(error.kind(), ErrorKind::kMemory);
      failed = true;
    }
    const bool reached = training.c.allocator.fail_at() == 0;
    training.c.allocator.set_fail_at(0);
    CHECK(training.c.stream().recorder() == nullptr);
    CHECK_EQ(training.params[0]->grad().defined(), !failed);
    training.forget();
    CHECK_EQ(training.c.allocator.stats().live_bytes, stats.live_bytes);
    CHECK_EQ(training.c.allocator.stats().live_blocks, stats.live_blocks);
    CHECK(training.values() == (failed ? before : written));
    if (failed) {
      CHECK_EQ(training.params[0]->version(), version);
      CHECK(training.compile_and_run() == losses);
      CHECK(training.values() == written);
      ++thrown;
    }
    if (!reached) break;
  }
  // Four states, a snapshot, a loss, two gradients, an argument, the arena.
  CHECK(thrown >= 10);
}

// As above, with a plan that has run before.
TEST(plan_runs_after_a_run_that_had_no_memory) {
  for (int64_t n = 1;; ++n) {
    Training training;
    Compiling& c = training.c;
    const Tensors args{training.turned, training.rate};
    const auto plan = c.compile(args, [&](const Tensors& in) { return training.step(in); });
    c.run(*plan, args);
    const Floats before = training.values();
    for (const auto& param : training.params) param->set_grad({});
    const size_t live = c.allocator.stats().live_bytes;
    bool failed = false;
    c.allocator.set_fail_at(n);
    try {
      c.run(*plan, args);
    } catch (const Error& error) {
      failed = error.kind() == ErrorKind::kMemory;
      CHECK(failed);
    }
    c.allocator.set_fail_at(0);
    if (!failed) break;
    CHECK_EQ(c.allocator.stats().live_bytes, live);
    CHECK(training.values() == before);
    c.run(*plan, args);
    CHECK(training.values() != before);
  }
}

// The nth allocation of `body` on the heap fails, for every n, until it goes through; `check` looks at what
// is left. Some library functions do without what they asked for. How many failed.
template <class F, class G>
int fail_each_heap_allocation(F&& body, G&& check) {
  int failures = 0;
  for (int n = 1;; ++n) {
    bool failed = false;
    heap_fails_at = n;
    try {
      body();
    } catch (const std::bad_alloc&) {
      failed = true;
    } catch (const Error& error) {
      failed = error.kind() == ErrorKind::kMemory;
    }
    const bool reached = heap_fails_at == 0;
    heap_fails_at = 0;
    CHECK(reached || !failed);
    check(failed);
    if (!reached) return failures;
    failures += failed;
  }
}

TEST(plan_survives_the_failure_of_every_heap_allocation) {
  Training training;
  Compiling& c = training.c;
  const Tensors args{training.turned, training.rate};
  std::unique_ptr<stream::Plan> plan;
  training.step(args);
  training.forget();
  Floats before = training.values();
  const size_t blocks = c.allocator.stats().live_blocks;
  const int planning = fail_each_heap_allocation(
      [&] {
        plan.reset();
        plan = c.compile(
            args, [&](const Tensors& in) { return training.step(in); }, ops::Environment::optimiser());
      },
      [&](bool failed) {
        CHECK_EQ(plan == nullptr, failed);
        CHECK(c.stream().recorder() == nullptr);
        if (!failed) return;
        training.forget();
        CHECK_EQ(c.allocator.stats().live_blocks, blocks);
      });
  CHECK(planning > 100);
  CHECK(training.values() == before);
  bool told = false;
  const int running =
      fail_each_heap_allocation([&] { c.run(*plan, args); },
                                [&](bool failed) {
                                  // What comes next in the queue is what it would have been.
                                  told = false;
                                  c.stream().then([&](const Error*) { told = true; }, nullptr);
                                  c.stream().drain();
                                  CHECK(told);
                                  const Floats now = training.values();
                                  CHECK_EQ(now == before, failed);
                                  before = now;
                                });
  CHECK(running > 5);
}

}  // namespace
}  // namespace hebb::testing

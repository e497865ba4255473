// The walk back, on scalars: an arithmetic of the test's own whose tensors are constants, so that no kernel
// takes part.
#include "autograd/engine.h"

#include <pthread.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "check.h"
#include "device/cpu/allocator.h"

using namespace hebb;
using autograd::Grads;
using autograd::Walk;

namespace {

Tensor scalar(double value) { return Tensor::constant(DType::kF64, value); }
double value_of(const Tensor& x) { return x.storage()->constant(); }

std::vector<double> sums;  // the right-hand sides of all additions, in order

Tensor add(const Tensor& a, const Tensor& b) {
  sums.push_back(value_of(b));
  return autograd::record(scalar(value_of(a) + value_of(b)), {a, b}, [](const Tensor& dy) {
    return Grads{dy, dy};
  });
}

Tensor mul(const Tensor& a, const Tensor& b) {
  return autograd::record(scalar(value_of(a) * value_of(b)), {a, b}, [a, b](const Tensor& dy) {
    return Grads{autograd::wants(a) ? mul(dy, b) : Tensor(), autograd::wants(b) ? mul(dy, a) : Tensor()};
  });
}

// Its gradient is written with the output, which the closure is given.
Tensor exp(const Tensor& x) {
  return autograd::record(scalar(std::exp(value_of(x))), {x},
                          [](const Tensor& dy, const Tensor& y) { return Grads{mul(dy, y)}; });
}

// Two outputs, x and x^2.
std::vector<Tensor> powers(const Tensor& x) {
  return autograd::record_many({scalar(value_of(x)), scalar(value_of(x) * value_of(x))}, {x},
                               [x](const Grads& dys, const std::vector<Tensor>&) {
                                 Tensor dx = dys[0];
                                 if (dys[1]) {
                                   const Tensor second = mul(dys[1], mul(scalar(2), x));
                                   dx = dx ? add(dx, second) : second;
                                 }
                                 return Grads{dx};
                               });
}

Tensor cast(const Tensor& x, DType dtype) { return Tensor::constant(dtype, value_of(x)); }

void use_scalars() {
  autograd::set_arithmetic({&add, &cast});
  sums.clear();
}

Tensor grad_of(const Tensor& y, const Tensor& x, Walk walk = {}) {
  return autograd::gradients(y, {}, {x}, walk)[0];
}

}  // namespace

TEST(autograd_records_only_what_needs_it) {
  use_scalars();
  const Tensor a = scalar(2);
  CHECK(!mul(a, a).requires_grad());
  const Tensor x = autograd::leaf(a);
  CHECK(x.requires_grad());
  CHECK(!a.requires_grad());
  CHECK(mul(a, x).requires_grad());
  CHECK(!mul(a, x).detached().requires_grad());
  {
    const autograd::GradMode off(false);
    CHECK(!mul(a, x).requires_grad());
    {
      const autograd::GradMode on(true);
      CHECK(mul(a, x).requires_grad());
    }
    CHECK(!autograd::grad_enabled());
  }
  CHECK(autograd::grad_enabled());
  CHECK_THROWS(autograd::leaf(Tensor::constant(DType::kI32, 1)), "grad: needs a float dtype, got i32");
}

TEST(autograd_first_and_higher_derivatives) {
  use_scalars();
  const Tensor x = autograd::leaf(scalar(1.5));
  // y = x^3 exp(x): derivatives (x^3 + 3x^2) e^x, (x^3 + 6x^2 + 6x) e^x, (x^3 + 9x^2 + 18x + 6) e^x.
  const Tensor y = mul(mul(mul(x, x), x), exp(x));
  const Walk create{true, false};
  const Tensor first = grad_of(y, x, create);
  const Tensor second = grad_of(first, x, create);
  const Tensor third = grad_of(second, x);
  const double v = 1.5, e = std::exp(v);
  CHECK_NEAR(value_of(first), (v * v * v + 3 * v * v) * e, 1e-12);
  CHECK_NEAR(value_of(second), (v * v * v + 6 * v * v + 6 * v) * e, 1e-11);
  CHECK_NEAR(value_of(third), (v * v * v + 9 * v * v + 18 * v + 6) * e, 1e-11);
  CHECK(!third.requires_grad());
}

TEST(autograd_several_targets_and_outputs) {
  use_scalars();
  const Tensor x = autograd::leaf(scalar(3)), z = autograd::leaf(scalar(5)),
               unused = autograd::leaf(scalar(1));
  const std::vector<Tensor> both = powers(x);
  const Tensor y = add(mul(both[1], z), both[0]);
  const Grads grads = autograd::gradients(y, scalar(2), {x, unused, z, y, both[1]}, {false, true});
  CHECK_EQ(value_of(grads[0]), 2.0 * (2 * 3 * 5 + 1));
  CHECK(!grads[1]);
  CHECK_EQ(value_of(grads[2]), 18.0);
  CHECK_EQ(value_of(grads[3]), 2.0);
  CHECK_EQ(value_of(grads[4]), 10.0);
  // One output alone: the closure is given no gradient for the other.
  CHECK_EQ(value_of(grad_of(powers(x)[1], x)), 6.0);
  CHECK_EQ(value_of(grad_of(powers(x)[0], x)), 1.0);
}

TEST(autograd_fan_in_is_summed_in_creation_order) {
  use_scalars();
  const Tensor x = autograd::leaf(scalar(1));
  std::vector<Tensor> uses;
  for (double factor : {10.0, 20.0, 30.0, 40.0}) uses.push_back(mul(x, scalar(factor)));
  // Joined in another order than they were made.
  const Tensor y = add(add(uses[3], uses[0]), add(uses[2], uses[1]));
  sums.clear();
  CHECK_EQ(value_of(grad_of(y, x)), 100.0);
  CHECK(sums == std::vector<double>({20, 30, 40}));
}

TEST(autograd_graph_is_freed_by_the_walk) {
  use_scalars();
  const Tensor x = autograd::leaf(scalar(2));
  const Tensor held = scalar(7);
  const std::weak_ptr<const void> watch = held.weak();
  Tensor y;
  {
    const Tensor inner = scalar(4);
    y = mul(x, mul(x, inner));
    autograd::backward(y, {}, {false, true});
    autograd::backward(y, {}, {});
    CHECK_THROWS(autograd::backward(y, {}, {}),
                 "backward: the graph was freed by an earlier backward; pass keepGraph");
  }
  std::weak_ptr<const void> saved;
  {
    const Tensor factor = scalar(3);
    saved = factor.weak();
    y = mul(x, factor);
  }
  CHECK(!saved.expired());
  autograd::backward(y, {}, {});
  CHECK(saved.expired());
  CHECK(!watch.expired());
}

TEST(autograd_dropping_a_tensor_drops_its_tape) {
  use_scalars();
  std::weak_ptr<const void> saved;
  {
    const Tensor x = autograd::leaf(scalar(2));
    const Tensor y = exp(mul(x, x));
    saved = x.weak();
    CHECK(!saved.expired());
    // The kept output must not own its own node.
    CHECK(y.requires_grad());
  }
  CHECK(saved.expired());
}

// One stack frame a node would need far more than the 256 KB that this thread has.
TEST(autograd_graphs_are_deep) {
  use_scalars();
  double grad = 0;
  bool freed_by_drop = false;
  const auto body = [&] {
    const Tensor x = autograd::leaf(scalar(1));
    Tensor y = x;
    for (int i = 0; i < 100000; ++i) y = add(y, scalar(1));
    grad = value_of(grad_of(y, x));
    std::weak_ptr<const void> middle;
    y = x;
    for (int i = 0; i < 1000000; ++i) {
      y = mul(y, scalar(1));
      if (i == 500000) middle = y.weak();
    }
    y = Tensor();
    freed_by_drop = middle.expired();
  };
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 256 << 10);
  pthread_t thread;
  const auto start = [](void* call) -> void* {
    (*static_cast<decltype(&body)>(call))();
    return nullptr;
  };
  CHECK_EQ(pthread_create(&thread, &attributes, start, const_cast<void*>(static_cast<const void*>(&body))),
           0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
  CHECK_EQ(grad, 1.0);
  CHECK(freed_by_drop);
}

TEST(autograd_errors) {
  use_scalars();
  CHECK_THROWS(autograd::backward(scalar(1), {}, {}), "backward: the loss does not depend on anything");
  const Tensor x = autograd::leaf(Tensor::constant(DType::kF64, 1, {2, 3}));
  CHECK_THROWS(autograd::backward(x, {}, {}),
               "backward: the loss has shape [2, 3]; reduce it to one element");
  CHECK_THROWS(autograd::backward(x, Tensor::constant(DType::kF64, 1, {3, 2}), {}),
               "backward: the seed has shape [3, 2], the loss [2, 3]; they must be equal");
  const Tensor y = autograd::record(Tensor::constant(DType::kF64, 1, {2}), {x},
                                    [](const Tensor& dy) { return Grads{dy}; });
  CHECK_THROWS(grad_of(y, x), "the loss has shape [2]");
  CHECK_THROWS(autograd::gradients(y, Tensor::constant(DType::kF64, 1, {2}), {x}, {}),
               "backward: a gradient of shape [2] for a value of shape [2, 3]");
}

TEST(autograd_states_accumulate) {
  use_scalars();
  cpu::CpuAllocator memory;
  {
    auto state = std::make_shared<State>(std::make_shared<Storage>(memory.allocate(8)), DType::kF64, Shape());
    state->set_requires_grad(true);
    const auto times = [&](double factor) {
      const Tensor value = autograd::read_state(*state);
      return autograd::record(scalar(factor), {value},
                              [factor](const Tensor& dy) { return Grads{mul(dy, scalar(factor))}; });
    };
    autograd::backward(times(3), {}, {});
    CHECK_EQ(value_of(state->grad()), 3.0);
    autograd::backward(add(times(4), times(5)), {}, {});
    CHECK_EQ(value_of(state->grad()), 12.0);
    // gradients() leaves .grad alone.
    const Tensor w = autograd::read_state(*state);
    autograd::gradients(times(4), {}, {w}, {});
    CHECK_EQ(value_of(state->grad()), 12.0);
    {
      const autograd::GradMode off(false);
      CHECK(!autograd::read_state(*state).requires_grad());
    }
    state->set_requires_grad(false);
    CHECK(!autograd::read_state(*state).requires_grad());
  }
  CHECK_EQ(memory.stats().live_blocks, 0u);
}

TEST(state_snapshots_of_one_version_share_a_storage) {
  cpu::CpuAllocator memory;
  {
    State state(std::make_shared<Storage>(memory.allocate(8)), DType::kF64, {});
    const Tensor a = state.snapshot(), b = state.snapshot();
    CHECK(a.storage() == b.storage());
    CHECK(state.live_snapshot() == a.storage());
    CHECK_EQ(state.version(), 0u);
    const Tensor home = state.writable();
    CHECK_EQ(state.version(), 1u);
    CHECK(state.live_snapshot() == nullptr);
    CHECK(state.snapshot().storage() != a.storage());
    CHECK(home.storage()->block() == state.snapshot().storage()->block());
  }
  CHECK_EQ(memory.stats().live_blocks, 0u);
}

TEST(state_value_outlives_its_cell) {
  cpu::CpuAllocator memory;
  Tensor last;
  {
    State state(std::make_shared<Storage>(memory.allocate(8)), DType::kF64, {});
    last = state.snapshot();
  }
  CHECK_EQ(memory.stats().live_blocks, 1u);
  last = Tensor();
  CHECK_EQ(memory.stats().live_blocks, 0u);
}

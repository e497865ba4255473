// A training step in which the nth allocation fails, for every n: it throws, frees what it took, and leaves
// every state either as it was or fully written. First for tensors, then for the C++ heap.
#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#include "autograd/engine.h"
#include "check.h"
#include "core/error.h"
#include "device/cpu/allocator.h"
#include "device/cpu/isa.h"
#include "device/cpu/pool.h"
#include "heap_failure.h"
#include "ops/elementwise.h"
#include "ops/environment.h"
#include "ops/matmul.h"
#include "ops/optimizer.h"
#include "ops/registry.h"
#include "ops/softmax.h"

thread_local long hebb::testing::heap_fails_at = 0;

using hebb::testing::heap_fails_at;

namespace {

void* counted(std::size_t bytes) {
  if (heap_fails_at > 0 && --heap_fails_at == 0) throw std::bad_alloc();
  void* memory = std::malloc(bytes > 0 ? bytes : 1);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t bytes) { return counted(bytes); }
void* operator new[](std::size_t bytes) { return counted(bytes); }
// What may do without, as the buffer of a stable sort, never counts as a failure.
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return std::malloc(bytes > 0 ? bytes : 1);
}
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
  return std::malloc(bytes > 0 ? bytes : 1);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

using namespace hebb;

namespace {

using Floats = std::vector<float>;

// The executor's pool of this test.
cpu::ThreadPool& pool() {
  static cpu::ThreadPool threads(1);
  return threads;
}

struct Training {
  stream::Executor executor{
      std::make_unique<stream::HostRuntime>([](int count) { return pool().threads(count); })};
  cpu::CpuAllocator allocator;
  ops::Environment environment{executor, allocator};
  ops::States params, momenta, steps;

  Training() {
    ops::load_kernels(cpu::best_isa());
    ops::registry();
    environment.make_current();
    for (const Shape& shape : {Shape{8, 6}, Shape{8}, Shape{4, 8}}) {
      params.push_back(ops::make_state(Tensor::constant(DType::kF32, 0.1, shape)));
      params.back()->set_requires_grad(true);
      momenta.push_back(ops::make_state(Tensor::constant(DType::kF32, 0, shape)));
      steps.push_back(ops::make_state(Tensor::constant(DType::kI32, 0, {})));
    }
    environment.stream().drain();
  }

  void step() {
    const Tensor x = Tensor::constant(DType::kF32, 0.5, {5, 6}), ids = Tensor::constant(DType::kI32, 1, {5});
    const Tensor hidden =
        ops::linear(x, autograd::read_state(*params[0]), autograd::read_state(*params[1]), "relu");
    const Tensor logits = ops::linear(ops::exp(hidden), autograd::read_state(*params[2]));
    autograd::backward(ops::cross_entropy(logits, ids, std::nullopt, -100, 0, "mean"), {}, {});
    std::vector<Tensor> grads;
    for (const auto& param : params) grads.push_back(param->grad());
    ops::sgd_step(params, momenta, steps, grads, Tensor::constant(DType::kF32, 0.1), 0.9, 0, false, 0, false);
  }

  void clear_grads() {
    for (const auto& param : params) param->set_grad({});
  }

  // What all parameters and moments hold, one after the other.
  Floats values() {
    Floats all;
    for (const auto* list : {&params, &momenta}) {
      for (const auto& state : *list) {
        const Tensor x = state->snapshot();
        environment.stream().drain();
        const auto* data = static_cast<const float*>(x.storage()->block()->data);
        all.insert(all.end(), data, data + x.size());
      }
    }
    return all;
  }
};

// What one step writes when nothing fails.
Floats after_one_step() {
  Training training;
  training.step();
  return training.values();
}

// Runs the step with its nth allocation failing, on a fresh model each time, until one goes through; returns
// how many threw.
template <class Arm, class Disarm>
int fail_each(Arm arm, Disarm disarm) {
  const Floats written = after_one_step();
  int thrown = 0;
  for (long n = 1;; ++n) {
    Training training;
    const Floats before = training.values();
    CHECK(before != written);
    const size_t blocks = training.allocator.stats().live_blocks;
    bool failed = false;
    arm(training, n);
    try {
      training.step();
    } catch (const Error& error) {
      failed = error.kind() == ErrorKind::kMemory;
      CHECK(failed);
    } catch (const std::bad_alloc&) {
      failed = true;
    }
    const bool reached = disarm(training);
    training.clear_grads();
    const Floats now = training.values();
    CHECK(now == before || now == written);
    if (!failed) CHECK(now == written);
    CHECK_EQ(training.allocator.stats().live_blocks, blocks);
    CHECK(autograd::grad_enabled());
    // The next step works as if nothing had been.
    if (failed && now == before) {
      training.step();
      CHECK(training.values() == written);
    }
    thrown += failed;
    if (!reached) return thrown;
  }
}

}  // namespace

TEST(training_step_survives_the_failure_of_every_tensor_allocation) {
  const int thrown = fail_each([](Training& training, long n) { training.allocator.set_fail_at(n); },
                               [](Training& training) {
                                 const bool reached = training.allocator.fail_at() == 0;
                                 training.allocator.set_fail_at(0);
                                 return reached;
                               });
  CHECK(thrown > 10);
}

TEST(training_step_survives_the_failure_of_every_heap_allocation) {
  const int thrown = fail_each([](Training&, long n) { heap_fails_at = n; },
                               [](Training&) {
                                 const bool reached = heap_fails_at == 0;
                                 heap_fails_at = 0;
                                 return reached;
                               });
  CHECK(thrown > 100);
}

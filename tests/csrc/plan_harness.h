// An environment of the test's own in which steps written with ops are recorded and run as plans.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "core/random.h"
#include "device/cpu/allocator.h"
#include "device/cpu/isa.h"
#include "device/cpu/pool.h"
#include "ops/environment.h"
#include "ops/op.h"
#include "ops/registry.h"
#include "stream/plan.h"
#include "stream/recorder.h"

namespace hebb::testing {

using Floats = std::vector<float>;
using Tensors = std::vector<Tensor>;
using Step = std::function<Tensors(const Tensors&)>;

struct Compiling {
  stream::Executor executor{std::make_unique<stream::HostRuntime>(&Compiling::threads)};
  cpu::CpuAllocator allocator;
  ops::Environment environment{executor, allocator};

  Compiling() {
    ops::load_kernels(cpu::best_isa());
    ops::registry();
    environment.make_current();
  }

  stream::Stream& stream() { return environment.stream(); }

  // The step, with arguments like these.
  std::unique_ptr<stream::Plan> compile(const Tensors& args, const Step& step,
                                        stream::Optimiser optimise = {}) {
    stream::Recorder recorder;
    const Recording recording{*this, recorder};
    Tensors placeholders;
    for (size_t i = 0; i < args.size(); ++i)
      placeholders.push_back(recorder.argument(args[i].dtype(), args[i].shape()));
    const Tensors outputs = step(placeholders);
    return std::make_unique<stream::Plan>(stream(), recorder, outputs, std::move(optimise));
  }

  Tensors run(stream::Plan& plan, const Tensors& args) {
    State* seed = nullptr;
    if (plan.drawn() > 0) {
      environment.advance(0);
      seed = environment.seed_cell().get();
    }
    Tensors results = plan.run(args, seed, environment.counter());
    if (plan.drawn() > 0) environment.advance(plan.drawn());
    return results;
  }

  // Seeded numbers in -1..1.
  Tensor random(const Shape& shape, uint64_t seed) {
    Tensor x = zeros(shape);
    stream().drain();
    auto* data = static_cast<float*>(x.storage()->block()->data);
    for (int64_t i = 0; i < x.size(); ++i)
      data[i] = uniform_float(philox(seed, static_cast<uint64_t>(i)).w[0]) * 2 - 1;
    return x;
  }
  Tensor zeros(const Shape& shape, DType dtype = DType::kF32) { return filled(0, shape, dtype); }
  Tensor filled(double value, const Shape& shape, DType dtype = DType::kF32) {
    Tensor x = ops::empty(dtype, shape);
    ops::submit(stream().copy_slot(), {x}, {Tensor::constant(dtype, value, shape)});
    return x;
  }

  Floats values(const Tensor& x) {
    const Tensor whole = x.is_contiguous() ? x : copied(x);
    stream().drain();
    const auto* data = static_cast<const float*>(whole.storage()->block()->data) + whole.offset();
    return Floats(data, data + whole.size());
  }
  Floats values(State& state) { return values(state.snapshot()); }
  Floats values(const Tensors& list) {
    Floats all;
    for (const Tensor& x : list) {
      const Floats some = values(x);
      all.insert(all.end(), some.begin(), some.end());
    }
    return all;
  }

 private:
  struct Recording {
    Compiling& compiling;
    Recording(Compiling& c, stream::Recorder& recorder) : compiling(c) { c.stream().set_recorder(&recorder); }
    ~Recording() { compiling.stream().set_recorder(nullptr); }
  };

  Tensor copied(const Tensor& x) {
    Tensor y = ops::empty(x.dtype(), x.shape());
    ops::submit(stream().copy_slot(), {y}, {x});
    return y;
  }

  static stream::Threads threads(int count) {
    static cpu::ThreadPool pool(1);
    return pool.threads(count);
  }
};

}  // namespace hebb::testing

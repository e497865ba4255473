// Fused optimizers: one grid updates many parameters, in chunks that its blocks find in a table.
#include "kernels/optimizer.h"

#include "kernels/cuda/fill.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/quad.h"
#include "kernels/optimizer_math.h"

namespace hebb::kernels::cuda {
namespace {

using stream::Command;
using stream::DeviceContext;
using stream::Operand;

constexpr int kChunkThreads = 256;
constexpr int64_t kChunk = 4096;  // elements of a block
constexpr int kMostArrays = 5;

// A parameter, what is kept for it, and last its gradient.
struct Listed {
  void* arrays[kMostArrays];
  const int32_t* step;  // null where none is counted
  int64_t size;
  int32_t first_chunk;
  bool is_double;
  bool by_quads;
};
// An argument of a grid, of which old devices take 4 KB.
constexpr int kMostListed = 48;
struct Table {
  int count = 0;
  int32_t chunks = 0;
  Listed entries[kMostListed];
};
constexpr int kMostSteps = 480;
struct Steps {
  int count = 0;
  int32_t* steps[kMostSteps];
};
struct Rate {
  const void* data;
  bool is_double;
};

HEBB_DEVICE double rate_at(const Rate& rate) {
  return rate.is_double ? *static_cast<const double*>(rate.data)
                        : static_cast<double>(*static_cast<const float*>(rate.data));
}

// The last parameter that starts at or before the block's chunk.
HEBB_DEVICE int listed_of_block(const Table& table) {
  int low = 0, high = table.count;
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    (table.entries[middle].first_chunk <= hw::block() ? low : high) = middle;
  }
  return low;
}

// update(x) for element after element of the block's chunk, x[i] that of array i; all arrays but the last are
// written.
template <int kArrays, class T, class F>
HEBB_DEVICE void for_chunk(const Listed& listed, const F& update) {
  const int64_t begin = static_cast<int64_t>(hw::block() - listed.first_chunk) * kChunk;
  const int64_t end = begin + kChunk < listed.size ? begin + kChunk : listed.size;
  const int64_t quads_end = listed.by_quads ? end / 4 * 4 : begin;
  for (int64_t i = begin + 4 * hw::thread(); i < quads_end; i += 4 * kChunkThreads) {
    Quad<T> quads[kArrays];
    HEBB_UNROLL for (int k = 0; k < kArrays; ++k) quads[k] =
        *reinterpret_cast<const Quad<T>*>(static_cast<const T*>(listed.arrays[k]) + i);
    HEBB_UNROLL for (int e = 0; e < 4; ++e) {
      T x[kArrays];
      HEBB_UNROLL for (int k = 0; k < kArrays; ++k) x[k] = quads[k].x[e];
      update(x);
      HEBB_UNROLL for (int k = 0; k < kArrays - 1; ++k) quads[k].x[e] = x[k];
    }
    HEBB_UNROLL for (int k = 0; k < kArrays - 1; ++k) *
        reinterpret_cast<Quad<T>*>(static_cast<T*>(listed.arrays[k]) + i) = quads[k];
  }
  for (int64_t i = quads_end + hw::thread(); i < end; i += kChunkThreads) {
    T x[kArrays];
    HEBB_UNROLL for (int k = 0; k < kArrays; ++k) x[k] = static_cast<const T*>(listed.arrays[k])[i];
    update(x);
    HEBB_UNROLL for (int k = 0; k < kArrays - 1; ++k) static_cast<T*>(listed.arrays[k])[i] = x[k];
  }
}

template <class T>
HEBB_DEVICE void sgd_chunk(const Listed& listed, const SgdParams& params, const StepScalars& scalars,
                           double rate) {
  const SgdStep<T> step(params, scalars, rate);
  if (params.momentum == 0) {
    for_chunk<2, T>(listed, [&](T* x) { step.plain(x[0], x[1]); });
  } else {
    for_chunk<3, T>(listed, [&](T* x) { step.with_momentum(x[0], x[1], x[2]); });
  }
}

template <class T>
HEBB_DEVICE void adam_chunk(const Listed& listed, const AdamParams& params, const StepScalars& scalars,
                            double rate) {
  const AdamStep<T> step(params, scalars, rate);
  if (params.amsgrad) {
    for_chunk<5, T>(listed, [&](T* x) { step.with_most(x[0], x[1], x[2], x[3], x[4]); });
  } else {
    for_chunk<4, T>(listed, [&](T* x) { step.plain(x[0], x[1], x[2], x[3]); });
  }
}

HEBB_KERNEL HEBB_BOUNDS(kChunkThreads, 2) void update_sgd(Table table, SgdParams params, Rate rate) {
  const Listed& listed = table.entries[listed_of_block(table)];
  const StepScalars scalars = sgd_scalars(params, listed.step == nullptr ? 0 : *listed.step);
  if (listed.is_double) return sgd_chunk<double>(listed, params, scalars, rate_at(rate));
  sgd_chunk<float>(listed, params, scalars, rate_at(rate));
}

HEBB_KERNEL HEBB_BOUNDS(kChunkThreads, 2) void update_adam(Table table, AdamParams params, Rate rate) {
  auto& scalars = hw::shared<StepScalars>();
  const Listed& listed = table.entries[listed_of_block(table)];
  const double lr = rate_at(rate);
  // Powers in f64 are slow on many devices, so that one thread computes them for all.
  if (hw::thread() == 0) scalars = adam_scalars(params, lr, *listed.step);
  hw::sync();
  if (listed.is_double) return adam_chunk<double>(listed, params, scalars, lr);
  adam_chunk<float>(listed, params, scalars, lr);
}

// Behind all updates, which read the old counts.
HEBB_KERNEL void count_steps(Steps steps) {
  for (int i = hw::thread(); i < steps.count; i += hw::threads()) ++*steps.steps[i];
}

// What a list of `count` parameters with `kept` arrays besides looks like among the operands: the parameters,
// the arrays, the step counts where there are any, the gradients, the rate.
struct Lists {
  int count, kept;
  bool counts;

  int steps() const { return (1 + kept) * count; }
  int grads() const { return (1 + kept + (counts ? 1 : 0)) * count; }
  int rate() const { return grads() + count; }
};

template <class T>
bool all_in_quads(const Listed& listed, int arrays) {
  for (int k = 0; k < arrays; ++k)
    if (!in_quads<T>(listed.arrays[k])) return false;
  return true;
}

Listed listed_of(const Command& command, const Lists& lists, int index) {
  const Operand& parameter = command[index];
  Listed listed{};
  for (int k = 0; k <= lists.kept; ++k) listed.arrays[k] = command[index + k * lists.count].data;
  listed.arrays[lists.kept + 1] = command[lists.grads() + index].data;
  if (lists.counts) listed.step = command[lists.steps() + index].as<int32_t>();
  listed.size = parameter.size();
  listed.is_double = parameter.dtype == DType::kF64;
  listed.by_quads = listed.is_double ? all_in_quads<double>(listed, lists.kept + 2)
                                     : all_in_quads<float>(listed, lists.kept + 2);
  return listed;
}

void count_all(const Command& command, DeviceContext& context, const Lists& lists) {
  Steps steps;
  for (int i = 0; i < lists.count; ++i) {
    steps.steps[steps.count++] = command[lists.steps() + i].as<int32_t>();
    if (steps.count < kMostSteps && i + 1 < lists.count) continue;
    launch(context, Grid{.threads = kChunkThreads}, &count_steps, steps);
    steps.count = 0;
  }
}

template <class Params>
void update_all(const Command& command, DeviceContext& context, const Lists& lists,
                void (*kernel)(Table, Params, Rate)) {
  const Operand& rate = command[lists.rate()];
  Table table;
  const auto flush = [&] {
    if (table.count == 0) return;
    launch(context, Grid{.threads = kChunkThreads, .blocks = table.chunks}, kernel, table,
           command.param<Params>(), Rate{rate.data, rate.dtype == DType::kF64});
    table.count = table.chunks = 0;
  };
  for (int i = 0; i < lists.count; ++i) {
    Listed listed = listed_of(command, lists, i);
    if (listed.size == 0) continue;
    listed.first_chunk = table.chunks;
    table.chunks += static_cast<int32_t>((listed.size + kChunk - 1) / kChunk);
    table.entries[table.count++] = listed;
    if (table.count == kMostListed) flush();
  }
  flush();
  if (lists.counts) count_all(command, context, lists);
}

void sgd_kernel(const Command& command, DeviceContext& context) {
  const auto& params = command.param<SgdParams>();
  const bool keeps = params.momentum != 0;
  update_all<SgdParams>(command, context, {static_cast<int>(params.count), keeps ? 1 : 0, keeps},
                        &update_sgd);
}

void adam_kernel(const Command& command, DeviceContext& context) {
  const auto& params = command.param<AdamParams>();
  update_all<AdamParams>(command, context, {static_cast<int>(params.count), params.amsgrad ? 3 : 2, true},
                         &update_adam);
}

}  // namespace

void fill_optimizer() {
  kernels::sgd_step.cuda = &sgd_kernel;
  kernels::adam_step.cuda = &adam_kernel;
}

}  // namespace hebb::kernels::cuda

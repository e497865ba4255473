// Fused optimizer kernels: one parallel region over fixed chunks of all parameters together. Every element is
// a formula of its own, without FMA, so the bits depend neither on threads nor on where a chunk ends.
#include "kernels/optimizer.h"

#include "kernels/optimizer_math.h"
#include "stream/context.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

using stream::Command;
using stream::Context;
using stream::Operand;

// Some microseconds of work, and what it touches fits the second cache.
constexpr int64_t kChunk = 8192;

// One parameter in the table that chunks are looked up in.
struct Entry {
  int64_t first_chunk;
  StepScalars scalars;
};

HEBB_INLINE double number(const Operand& x) {
  return x.dtype == DType::kF64 ? *x.as<double>() : static_cast<double>(*x.as<float>());
}

// scalars_of(step) gives the scalars, update(parameter, scalars, begin, end) one chunk. `steps` is the index
// of the first step count among the operands, which count up when all chunks are done; negative where there
// are none.
template <class ScalarsOf, class Update>
HEBB_INLINE void for_chunks(const Command& command, Context& context, int64_t count, int64_t steps,
                            ScalarsOf&& scalars_of, Update&& update) {
  Entry* table = context.scratch<Entry>(0, count + 1);
  int64_t chunks = 0;
  for (int64_t i = 0; i < count; ++i) {
    const int32_t step = steps < 0 ? 0 : *command[static_cast<int>(steps + i)].as<int32_t>();
    table[i] = {chunks, scalars_of(step)};
    chunks += (command[static_cast<int>(i)].size() + kChunk - 1) / kChunk;
  }
  context.parallel(chunks, [&](int64_t chunk, int) {
    // The last parameter that starts at or before the chunk: empty ones share their start with the next.
    int64_t low = 0, high = count;
    while (high - low > 1) {
      const int64_t middle = (low + high) / 2;
      (table[middle].first_chunk <= chunk ? low : high) = middle;
    }
    const int64_t size = command[static_cast<int>(low)].size();
    const int64_t begin = (chunk - table[low].first_chunk) * kChunk;
    update(low, table[low].scalars, begin, begin + kChunk < size ? begin + kChunk : size);
  });
  if (steps < 0) return;
  for (int64_t i = 0; i < count; ++i) ++*command[static_cast<int>(steps + i)].as<int32_t>();
}

template <class T>
HEBB_INLINE void sgd_chunk(const SgdStep<T>& step, T* __restrict p, T* __restrict buffer,
                           const T* __restrict grad, int64_t count) {
  if (!buffer) {
    for (int64_t i = 0; i < count; ++i) step.plain(p[i], grad[i]);
    return;
  }
  for (int64_t i = 0; i < count; ++i) step.with_momentum(p[i], buffer[i], grad[i]);
}

void run_sgd(const Command& command, Context& context) {
  const auto& params = command.param<SgdParams>();
  const int64_t n = params.count;
  const bool keeps = params.momentum != 0;
  const int64_t grads = keeps ? 3 * n : n;
  const double rate = number(command[static_cast<int>(grads + n)]);
  const auto scalars_of = [&](int32_t step) { return sgd_scalars(params, step); };
  for_chunks(command, context, n, keeps ? 2 * n : -1, scalars_of,
             [&](int64_t i, const StepScalars& scalars, int64_t begin, int64_t end) {
               const auto at = [&](int64_t index) -> const Operand& {
                 return command[static_cast<int>(index)];
               };
               if (at(i).dtype == DType::kF64) {
                 sgd_chunk<double>(SgdStep<double>(params, scalars, rate), at(i).as<double>() + begin,
                                   keeps ? at(n + i).as<double>() + begin : nullptr,
                                   at(grads + i).as<double>() + begin, end - begin);
               } else {
                 sgd_chunk<float>(SgdStep<float>(params, scalars, rate), at(i).as<float>() + begin,
                                  keeps ? at(n + i).as<float>() + begin : nullptr,
                                  at(grads + i).as<float>() + begin, end - begin);
               }
             });
}

template <class T>
HEBB_INLINE void adam_chunk(const AdamStep<T>& step, T* __restrict p, T* __restrict m, T* __restrict v,
                            T* __restrict most, const T* __restrict grad, int64_t count) {
  if (!most) {
    for (int64_t i = 0; i < count; ++i) step.plain(p[i], m[i], v[i], grad[i]);
    return;
  }
  for (int64_t i = 0; i < count; ++i) step.with_most(p[i], m[i], v[i], most[i], grad[i]);
}

void run_adam(const Command& command, Context& context) {
  const auto& params = command.param<AdamParams>();
  const int64_t n = params.count;
  const int64_t steps = params.amsgrad ? 4 * n : 3 * n, grads = steps + n;
  const double rate = number(command[static_cast<int>(grads + n)]);
  const auto scalars_of = [&](int32_t step) { return adam_scalars(params, rate, step); };
  for_chunks(command, context, n, steps, scalars_of,
             [&](int64_t i, const StepScalars& scalars, int64_t begin, int64_t end) {
               const auto at = [&](int64_t index) -> const Operand& {
                 return command[static_cast<int>(index)];
               };
               if (at(i).dtype == DType::kF64) {
                 adam_chunk<double>(AdamStep<double>(params, scalars, rate), at(i).as<double>() + begin,
                                    at(n + i).as<double>() + begin, at(2 * n + i).as<double>() + begin,
                                    params.amsgrad ? at(3 * n + i).as<double>() + begin : nullptr,
                                    at(grads + i).as<double>() + begin, end - begin);
               } else {
                 adam_chunk<float>(AdamStep<float>(params, scalars, rate), at(i).as<float>() + begin,
                                   at(n + i).as<float>() + begin, at(2 * n + i).as<float>() + begin,
                                   params.amsgrad ? at(3 * n + i).as<float>() + begin : nullptr,
                                   at(grads + i).as<float>() + begin, end - begin);
               }
             });
}

}  // namespace

void fill_optimizer() {
  kernels::sgd_step.cpu = run_sgd;
  kernels::adam_step.cpu = run_adam;
}

}  // namespace hebb::kernels::HEBB_ISA

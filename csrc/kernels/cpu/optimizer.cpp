// Fused optimizer kernels: one parallel region over fixed chunks of all parameters together. Every element is
// a formula of its own, without FMA, so the bits depend neither on threads nor on where a chunk ends.
#include "kernels/optimizer.h"

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
  // What depends on the step count, which differs between parameters that were skipped.
  double a;
  double b;
};

HEBB_INLINE double number(const Operand& x) {
  return x.dtype == DType::kF64 ? *x.as<double>() : static_cast<double>(*x.as<float>());
}

// entry_of(step) gives the scalars, update(parameter, entry, begin, end) one chunk. `steps` is the index of
// the first step count among the operands, which count up when all chunks are done; negative where there are
// none.
template <class EntryOf, class Update>
HEBB_INLINE void for_chunks(const Command& command, Context& context, int64_t count, int64_t steps,
                            EntryOf&& entry_of, Update&& update) {
  Entry* table = context.scratch<Entry>(0, count + 1);
  int64_t chunks = 0;
  for (int64_t i = 0; i < count; ++i) {
    table[i] = entry_of(steps < 0 ? int32_t{0} : *command[static_cast<int>(steps + i)].as<int32_t>());
    table[i].first_chunk = chunks;
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
    update(low, table[low], begin, begin + kChunk < size ? begin + kChunk : size);
  });
  if (steps < 0) return;
  for (int64_t i = 0; i < count; ++i) ++*command[static_cast<int>(steps + i)].as<int32_t>();
}

// a: what the old momentum counts, b: what the gradient adds; the first step takes the gradient as it is.
template <class T>
HEBB_INLINE void sgd_chunk(const SgdParams& params, const Entry& entry, double rate, T* __restrict p,
                           T* __restrict buffer, const T* __restrict grad, int64_t count) {
  const T lr = static_cast<T>(rate), decay = static_cast<T>(params.weight_decay);
  const T sign = params.maximize ? T(-1) : T(1);
  const T momentum = static_cast<T>(params.momentum), old = static_cast<T>(entry.a),
          add = static_cast<T>(entry.b);
  const bool decays = params.weight_decay != 0, nesterov = params.nesterov;
  if (!buffer) {
    for (int64_t i = 0; i < count; ++i) {
      const T g = sign * grad[i];
      p[i] = p[i] - lr * (decays ? g + decay * p[i] : g);
    }
    return;
  }
  for (int64_t i = 0; i < count; ++i) {
    const T plain = sign * grad[i];
    const T g = decays ? plain + decay * p[i] : plain;
    const T b = old * buffer[i] + add * g;
    buffer[i] = b;
    p[i] = p[i] - lr * (nesterov ? g + momentum * b : b);
  }
}

void run_sgd(const Command& command, Context& context) {
  const auto& params = command.param<SgdParams>();
  const int64_t n = params.count;
  const bool keeps = params.momentum != 0;
  const int64_t grads = keeps ? 3 * n : n;
  const double rate = number(command[static_cast<int>(grads + n)]);
  const auto entry_of = [&](int32_t step) {
    return step == 0 ? Entry{0, 0, 1} : Entry{0, params.momentum, 1 - params.dampening};
  };
  for_chunks(command, context, n, keeps ? 2 * n : -1, entry_of,
             [&](int64_t i, const Entry& entry, int64_t begin, int64_t end) {
               const auto at = [&](int64_t index) -> const Operand& {
                 return command[static_cast<int>(index)];
               };
               if (at(i).dtype == DType::kF64) {
                 sgd_chunk<double>(params, entry, rate, at(i).as<double>() + begin,
                                   keeps ? at(n + i).as<double>() + begin : nullptr,
                                   at(grads + i).as<double>() + begin, end - begin);
               } else {
                 sgd_chunk<float>(params, entry, rate, at(i).as<float>() + begin,
                                  keeps ? at(n + i).as<float>() + begin : nullptr,
                                  at(grads + i).as<float>() + begin, end - begin);
               }
             });
}

HEBB_INLINE float root(float x) { return __builtin_sqrtf(x); }
HEBB_INLINE double root(double x) { return __builtin_sqrt(x); }

// base to a whole power, by squaring: the same bits everywhere, which pow() does not promise.
HEBB_INLINE double power(double base, int64_t exponent) {
  double result = 1;
  for (; exponent > 0; exponent >>= 1, base *= base) {
    if (exponent & 1) result *= base;
  }
  return result;
}

// a: lr / (1 - beta1^t), b: 1 / sqrt(1 - beta2^t), the bias corrections of step t.
template <class T>
HEBB_INLINE void adam_chunk(const AdamParams& params, const Entry& entry, double rate, T* __restrict p,
                            T* __restrict m, T* __restrict v, T* __restrict most, const T* __restrict grad,
                            int64_t count) {
  const T size = static_cast<T>(entry.a), correction = static_cast<T>(entry.b),
          eps = static_cast<T>(params.eps);
  const T take1 = static_cast<T>(1 - params.beta1), take2 = static_cast<T>(1 - params.beta2);
  const T keep2 = static_cast<T>(params.beta2);
  // Decoupled decay (AdamW) shrinks the parameter, the other kind adds to the gradient.
  const T shrink = params.decoupled ? static_cast<T>(1 - rate * params.weight_decay) : T(1);
  const T decay = static_cast<T>(params.weight_decay);
  const bool adds = !params.decoupled && params.weight_decay != 0;
  if (!most) {
    for (int64_t i = 0; i < count; ++i) {
      const T g = adds ? grad[i] + decay * p[i] : grad[i];
      m[i] = m[i] + take1 * (g - m[i]);
      v[i] = keep2 * v[i] + take2 * g * g;
      p[i] = shrink * p[i] - size * (m[i] / (root(v[i]) * correction + eps));
    }
    return;
  }
  for (int64_t i = 0; i < count; ++i) {
    const T g = adds ? grad[i] + decay * p[i] : grad[i];
    m[i] = m[i] + take1 * (g - m[i]);
    v[i] = keep2 * v[i] + take2 * g * g;
    // Written so that a NaN in v stays one.
    most[i] = v[i] <= most[i] ? most[i] : v[i];
    p[i] = shrink * p[i] - size * (m[i] / (root(most[i]) * correction + eps));
  }
}

void run_adam(const Command& command, Context& context) {
  const auto& params = command.param<AdamParams>();
  const int64_t n = params.count;
  const int64_t steps = params.amsgrad ? 4 * n : 3 * n, grads = steps + n;
  const double rate = number(command[static_cast<int>(grads + n)]);
  const auto entry_of = [&](int32_t step) {
    const int64_t t = int64_t{step} + 1;
    return Entry{0, rate / (1 - power(params.beta1, t)), 1 / root(1 - power(params.beta2, t))};
  };
  for_chunks(
      command, context, n, steps, entry_of, [&](int64_t i, const Entry& entry, int64_t begin, int64_t end) {
        const auto at = [&](int64_t index) -> const Operand& { return command[static_cast<int>(index)]; };
        if (at(i).dtype == DType::kF64) {
          adam_chunk<double>(params, entry, rate, at(i).as<double>() + begin, at(n + i).as<double>() + begin,
                             at(2 * n + i).as<double>() + begin,
                             params.amsgrad ? at(3 * n + i).as<double>() + begin : nullptr,
                             at(grads + i).as<double>() + begin, end - begin);
        } else {
          adam_chunk<float>(params, entry, rate, at(i).as<float>() + begin, at(n + i).as<float>() + begin,
                            at(2 * n + i).as<float>() + begin,
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

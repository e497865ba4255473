// Random kernels: tiles of Philox words, turned into numbers by the formulas of random_math.h.
#include "kernels/random.h"

#include "kernels/cpu/philox_tile.h"
#include "kernels/random_math.h"
#include "stream/context.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

using stream::Command;
using stream::Context;
using stream::Operand;

constexpr int64_t kTilesPerTask = 64;

// make(words, first, count) gets the words of elements first .. first + count - 1, a whole tile of them
// always.
template <int kWordsPerElement, class Make>
HEBB_INLINE void for_tiles(Context& context, const Operand& seed, int64_t counter, int64_t size,
                           Make&& make) {
  constexpr int64_t kPerTile = kTileWords / kWordsPerElement;
  const uint64_t key = static_cast<uint64_t>(seed.as<int64_t>()[0]);
  const uint64_t base = static_cast<uint64_t>(seed.as<int64_t>()[1]) + static_cast<uint64_t>(counter);
  const int64_t tiles = (size + kPerTile - 1) / kPerTile;
  context.parallel((tiles + kTilesPerTask - 1) / kTilesPerTask, [&](int64_t task, int) {
    alignas(64) uint32_t words[kTileWords];
    const int64_t end = (task + 1) * kTilesPerTask < tiles ? (task + 1) * kTilesPerTask : tiles;
    for (int64_t tile = task * kTilesPerTask; tile < end; ++tile) {
      philox_tile(key, base + static_cast<uint64_t>(tile * kTileBlocks), words);
      const int64_t first = tile * kPerTile;
      make(words, first, size - first < kPerTile ? size - first : kPerTile);
    }
  });
}

HEBB_INLINE void store(const float* values, int64_t first, int64_t count, const Operand& out) {
  switch (out.dtype) {
    case DType::kF16:
      for (int64_t i = 0; i < count; ++i) out.as<F16>()[first + i] = to_f16(values[i]);
      return;
    case DType::kBF16:
      for (int64_t i = 0; i < count; ++i) out.as<BF16>()[first + i] = to_bf16(values[i]);
      return;
    default:
      __builtin_memcpy(out.as<float>() + first, values, static_cast<size_t>(count) * sizeof(float));
  }
}

HEBB_INLINE void store(const double* values, int64_t first, int64_t count, const Operand& out) {
  __builtin_memcpy(out.as<double>() + first, values, static_cast<size_t>(count) * sizeof(double));
}

void run_uniform(const Command& command, Context& context) {
  const auto& p = command.param<UniformParams>();
  const Operand& out = command[0];
  const double limit = below(p.high, p.low, out.dtype);
  if (out.dtype == DType::kF64) {
    const double low = p.low, range = p.high - p.low;
    for_tiles<2>(context, command[1], p.counter, out.size(),
                 [&](const uint32_t* words, int64_t first, int64_t count) {
                   double values[kTileWords / 2];
                   for (int i = 0; i < kTileWords / 2; ++i) {
                     const double y = low + uniform_double(words[2 * i], words[2 * i + 1]) * range;
                     values[i] = y < limit ? y : limit;
                   }
                   store(values, first, count, out);
                 });
    return;
  }
  const UniformBits bits = uniform_bits(out.dtype);
  const int shift = bits.shift;
  const float scale = bits.scale;
  const float low = static_cast<float>(p.low), range = static_cast<float>(p.high - p.low);
  const float most = static_cast<float>(limit);
  for_tiles<1>(
      context, command[1], p.counter, out.size(), [&](const uint32_t* words, int64_t first, int64_t count) {
        float values[kTileWords];
        for (int i = 0; i < kTileWords; ++i) {
          const float y = low + static_cast<float>(static_cast<int32_t>(words[i] >> shift)) * scale * range;
          values[i] = y < most ? y : most;
        }
        store(values, first, count, out);
      });
}

// Elements 2k and 2k + 1 are those of pair k.
template <class T, int kPairs>
HEBB_INLINE void box_muller(const T* u1, const T* u2, T mean, T std, T* values) {
  T cosines[kPairs], sines[kPairs];
  for (int k = 0; k < kPairs; ++k) {
    const Pair<T> pair = box_muller(u1[k], u2[k], mean, std);
    cosines[k] = pair.first;
    sines[k] = pair.second;
  }
  for (int k = 0; k < kPairs; ++k) {
    values[2 * k] = cosines[k];
    values[2 * k + 1] = sines[k];
  }
}

void run_normal(const Command& command, Context& context) {
  const auto& p = command.param<NormalParams>();
  const Operand& out = command[0];
  if (out.dtype == DType::kF64) {
    for_tiles<2>(context, command[1], p.counter, out.size(),
                 [&](const uint32_t* words, int64_t first, int64_t count) {
                   constexpr int kPairs = kTileBlocks;
                   double u1[kPairs], u2[kPairs], values[2 * kPairs];
                   for (int k = 0; k < kPairs; ++k) {
                     u1[k] = uniform_double(words[4 * k], words[4 * k + 1]) + 0x1p-53;
                     u2[k] = uniform_double(words[4 * k + 2], words[4 * k + 3]);
                   }
                   box_muller<double, kPairs>(u1, u2, p.mean, p.std, values);
                   store(values, first, count, out);
                 });
    return;
  }
  const float mean = static_cast<float>(p.mean), std = static_cast<float>(p.std);
  for_tiles<1>(context, command[1], p.counter, out.size(),
               [&](const uint32_t* words, int64_t first, int64_t count) {
                 constexpr int kPairs = kTileWords / 2;
                 float u1[kPairs], u2[kPairs], values[2 * kPairs];
                 for (int k = 0; k < kPairs; ++k) {
                   u1[k] = radius_float(words[2 * k]);
                   u2[k] = turn_float(words[2 * k + 1]);
                 }
                 box_muller<float, kPairs>(u1, u2, mean, std, values);
                 store(values, first, count, out);
               });
}

template <class T>
HEBB_INLINE void fill_bernoulli(const Command& command, Context& context, T one) {
  const auto& p = command.param<BernoulliParams>();
  const int32_t limit = threshold(p.p);
  T* out = command[0].as<T>();
  for_tiles<1>(context, command[1], p.counter, command[0].size(),
               [=](const uint32_t* words, int64_t first, int64_t count) {
                 const T yes = one, no{};
                 T* to = out + first;
                 for (int64_t i = 0; i < count; ++i) {
                   const bool kept = static_cast<int32_t>(words[i] >> 8) < limit;
                   to[i] = kept ? yes : no;
                 }
               });
}

void run_bernoulli(const Command& command, Context& context) {
  switch (command[0].dtype) {
    case DType::kF32:
      return fill_bernoulli<float>(command, context, 1.0f);
    case DType::kF64:
      return fill_bernoulli<double>(command, context, 1.0);
    case DType::kF16:
      return fill_bernoulli<uint16_t>(command, context, to_f16(1.0f).bits);
    case DType::kBF16:
      return fill_bernoulli<uint16_t>(command, context, to_bf16(1.0f).bits);
    case DType::kI32:
      return fill_bernoulli<int32_t>(command, context, 1);
    case DType::kI64:
      return fill_bernoulli<int64_t>(command, context, 1);
    case DType::kU8:
    case DType::kBool:
      return fill_bernoulli<uint8_t>(command, context, 1);
  }
}

void run_randint(const Command& command, Context& context) {
  const auto& p = command.param<RandintParams>();
  int32_t* out = command[0].as<int32_t>();
  const uint64_t range = static_cast<uint64_t>(p.high - p.low);
  for_tiles<2>(context, command[1], p.counter, command[0].size(),
               [=](const uint32_t* words, int64_t first, int64_t count) {
                 for (int64_t i = 0; i < count; ++i) {
                   out[first + i] = integer_of(words[2 * i], words[2 * i + 1], p.low, range);
                 }
               });
}

template <class T, class Compute, class Load, class Store>
HEBB_INLINE void drop(const Command& command, Context& context, Load load, Store convert) {
  const auto& p = command.param<DropoutParams>();
  const int32_t limit = threshold(1 - p.p);
  const Compute scale = static_cast<Compute>(1 / (1 - p.p));
  const T* x = command[1].as<T>();
  T* out = command[0].as<T>();
  for_tiles<1>(context, command[2], p.counter, command[0].size(),
               [=](const uint32_t* words, int64_t first, int64_t count) {
                 for (int64_t i = 0; i < count; ++i) {
                   // The product is taken of what is kept alone: a dropped infinity becomes 0 too.
                   const Compute y = load(x[first + i]) * scale;
                   out[first + i] = convert(static_cast<int32_t>(words[i] >> 8) < limit ? y : Compute(0));
                 }
               });
}

template <class T>
void drop_tile(void* out, const void* const* in, int count, const double* scalars) {
  const int32_t limit = threshold(1 - scalars[0]);
  const T scale = static_cast<T>(1 / (1 - scalars[0]));
  T* __restrict y = static_cast<T*>(out);
  const T* x = static_cast<const T*>(in[0]);
  const uint32_t* words = static_cast<const uint32_t*>(in[1]);
  for (int i = 0; i < count; ++i) {
    const T product = x[i] * scale;
    y[i] = static_cast<int32_t>(words[i] >> 8) < limit ? product : T(0);
  }
}

void run_dropout(const Command& command, Context& context) {
  switch (command[0].dtype) {
    case DType::kF64:
      return drop<double, double>(
          command, context, [](double x) { return x; }, [](double y) { return y; });
    case DType::kF16:
      return drop<F16, float>(
          command, context, [](F16 x) { return to_float(x); }, [](float y) { return to_f16(y); });
    case DType::kBF16:
      return drop<BF16, float>(
          command, context, [](BF16 x) { return to_float(x); }, [](float y) { return to_bf16(y); });
    default:
      return drop<float, float>(
          command, context, [](float x) { return x; }, [](float y) { return y; });
  }
}

}  // namespace

void fill_random() {
  kernels::uniform.cpu = run_uniform;
  kernels::normal.cpu = run_normal;
  kernels::bernoulli.cpu = run_bernoulli;
  kernels::randint.cpu = run_randint;
  kernels::dropout.cpu = run_dropout;
  kernels::dropout.tiles[0] = &drop_tile<float>;
  kernels::dropout.tiles[1] = &drop_tile<double>;
}

}  // namespace hebb::kernels::HEBB_ISA

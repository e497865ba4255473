// Random kernels: tiles of Philox words, turned into numbers by formulas without branches. No FMA and no
// library function takes part, so the values are the same bits for every instruction set and number of
// threads.
#include "kernels/random.h"

#include "kernels/cpu/philox_tile.h"
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

// 53 bits of two words, in [0, 1).
HEBB_INLINE double uniform_double(uint32_t high, uint32_t low) {
  const uint64_t bits = (static_cast<uint64_t>(high) << 21) | (low >> 11);
  return static_cast<double>(static_cast<int64_t>(bits)) * 0x1p-53;
}

// The greatest number of the output's type below `high`: rounding low + u (high - low) may reach `high`
// itself.
double below(double high, double low, DType dtype) {
  if (!(low < high)) return low;
  if (dtype == DType::kF64) {
    if (high == 0) return -0x1p-1022;
    int64_t bits;
    __builtin_memcpy(&bits, &high, sizeof bits);
    bits += high > 0 ? -1 : 1;
    __builtin_memcpy(&high, &bits, sizeof bits);
    return high > low ? high : low;
  }
  // Half types have fewer bits: their last place is a greater step in the bits of an f32.
  float bound = static_cast<float>(high);
  if (dtype == DType::kF16) bound = to_float(to_f16(bound));
  if (dtype == DType::kBF16) bound = to_float(to_bf16(bound));
  const int32_t step = dtype == DType::kF16 ? 1 << 13 : dtype == DType::kBF16 ? 1 << 16 : 1;
  const float lowest = dtype == DType::kF16 ? 0x1p-24f : 0x1p-126f;
  const float magnitude = bound < 0 ? -bound : bound;
  if (bound == 0) {
    bound = -lowest;
  } else if (dtype == DType::kF16 && magnitude <= 0x1p-14f) {
    bound -= lowest;
  } else {
    bound = bits_float(float_bits(bound) + static_cast<uint32_t>(bound > 0 ? -step : step));
  }
  return bound > static_cast<float>(low) ? bound : static_cast<float>(low);
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
  // As many bits as the output type holds: the others would only round up to `high`.
  const int shift = out.dtype == DType::kF16 ? 21 : out.dtype == DType::kBF16 ? 24 : 8;
  const float scale = out.dtype == DType::kF16 ? 0x1p-11f : out.dtype == DType::kBF16 ? 0x1p-8f : 0x1p-24f;
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

// ln of x in (0, 1]: x = 2^e m with m in [sqrt(1/2), sqrt(2)), ln m = 2 artanh((m - 1) / (m + 1)) as a
// series.
HEBB_INLINE float log_unit(float x) {
  // Subtracting the bits of sqrt(1/2) puts the exponent of that interval's power of two into the high bits.
  const int32_t shifted = static_cast<int32_t>(float_bits(x)) - 0x3f3504f3;
  const int32_t e = shifted >> 23;
  const float m = bits_float(static_cast<uint32_t>((shifted & 0x007fffff) + 0x3f3504f3));
  const float s = (m - 1.0f) / (m + 1.0f), t = s * s;
  const float series = 2.0f + t * (2.0f / 3 + t * (2.0f / 5 + t * (2.0f / 7 + t * (2.0f / 9))));
  return static_cast<float>(e) * 0.693147180559945309f + s * series;
}

HEBB_INLINE double log_unit(double x) {
  int64_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  const int64_t shifted = bits - 0x3fe6a09e667f3bcd;
  // The exponent fits 32 bits, whose conversion every instruction set has.
  const int32_t e = static_cast<int32_t>(shifted >> 52);
  const int64_t mantissa = (shifted & 0x000fffffffffffff) + 0x3fe6a09e667f3bcd;
  double m;
  __builtin_memcpy(&m, &mantissa, sizeof m);
  const double s = (m - 1.0) / (m + 1.0), t = s * s;
  double series = 2.0 / 23;
  series = 2.0 / 21 + t * series;
  series = 2.0 / 19 + t * series;
  series = 2.0 / 17 + t * series;
  series = 2.0 / 15 + t * series;
  series = 2.0 / 13 + t * series;
  series = 2.0 / 11 + t * series;
  series = 2.0 / 9 + t * series;
  series = 2.0 / 7 + t * series;
  series = 2.0 / 5 + t * series;
  series = 2.0 / 3 + t * series;
  series = 2.0 + t * series;
  return static_cast<double>(e) * 0.693147180559945309 + s * series;
}

template <class T>
struct Angle {
  T cos, sin;
};

// Taylor series on [-pi/4, pi/4], long enough for the last bit of T.
HEBB_INLINE Angle<float> octant(float a) {
  const float t = a * a;
  const float sin =
      a * (1.0f + t * (-1.0f / 6 + t * (1.0f / 120 + t * (-1.0f / 5040 + t * (1.0f / 362880)))));
  const float cos = 1.0f + t * (-0.5f + t * (1.0f / 24 + t * (-1.0f / 720 + t * (1.0f / 40320))));
  return {cos, sin};
}

HEBB_INLINE Angle<double> octant(double a) {
  const double t = a * a;
  double sin = 1.0 / 355687428096000;
  sin = -1.0 / 1307674368000 + t * sin;
  sin = 1.0 / 6227020800 + t * sin;
  sin = -1.0 / 39916800 + t * sin;
  sin = 1.0 / 362880 + t * sin;
  sin = -1.0 / 5040 + t * sin;
  sin = 1.0 / 120 + t * sin;
  sin = -1.0 / 6 + t * sin;
  double cos = 1.0 / 20922789888000;
  cos = -1.0 / 87178291200 + t * cos;
  cos = 1.0 / 479001600 + t * cos;
  cos = -1.0 / 3628800 + t * cos;
  cos = 1.0 / 40320 + t * cos;
  cos = -1.0 / 720 + t * cos;
  cos = 1.0 / 24 + t * cos;
  cos = -0.5 + t * cos;
  return {1.0 + t * cos, a + a * t * sin};
}

// cos and sin of 2 pi u, u in [0, 1): the nearest quarter turn, and the rest of at most an eighth.
template <class T>
HEBB_INLINE Angle<T> turn(T u) {
  const T quarters = u * T(4);
  const int32_t q = static_cast<int32_t>(quarters + T(0.5));
  const Angle<T> rest = octant((quarters - static_cast<T>(q)) * T(1.57079632679489661923));
  const T cos = q & 1 ? rest.sin : rest.cos;
  const T sin = q & 1 ? rest.cos : rest.sin;
  return {(q + 1) & 2 ? -cos : cos, q & 2 ? -sin : sin};
}

HEBB_INLINE float root(float x) { return __builtin_sqrtf(x); }
HEBB_INLINE double root(double x) { return __builtin_sqrt(x); }

// Elements 2k and 2k + 1: r cos and r sin of an angle 2 pi u2, r = sqrt(-2 ln u1), u1 in (0, 1].
template <class T, int kPairs>
HEBB_INLINE void box_muller(const T* u1, const T* u2, T mean, T std, T* values) {
  T cosines[kPairs], sines[kPairs];
  for (int k = 0; k < kPairs; ++k) {
    const T r = root(T(-2) * log_unit(u1[k]));
    const Angle<T> angle = turn(u2[k]);
    cosines[k] = mean + std * (r * angle.cos);
    sines[k] = mean + std * (r * angle.sin);
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
                   // 31 bits near zero, where a float has them: the tail reaches 6.7 standard deviations.
                   u1[k] = static_cast<float>(static_cast<int32_t>(words[2 * k] >> 1)) * 0x1p-31f + 0x1p-32f;
                   u2[k] = static_cast<float>(static_cast<int32_t>(words[2 * k + 1] >> 8)) * 0x1p-24f;
                 }
                 box_muller<float, kPairs>(u1, u2, mean, std, values);
                 store(values, first, count, out);
               });
}

// A word's uniform of 24 bits is below p exactly when its upper 24 bits are below this.
HEBB_INLINE int32_t threshold(double p) {
  const double scaled = p * 0x1p24;
  const int32_t floor = static_cast<int32_t>(scaled);
  return floor + (static_cast<double>(floor) < scaled);
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
                   // The upper part of range times a fraction of 64 bits: no value is off by more than 2^-32
                   // of its share.
                   const uint64_t carry = (words[2 * i + 1] * range) >> 32;
                   out[first + i] = static_cast<int32_t>(
                       p.low + static_cast<int64_t>((words[2 * i] * range + carry) >> 32));
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

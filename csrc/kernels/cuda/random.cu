// Random numbers: a thread draws the four words of a block and makes its two or four elements of them.
#include "core/random.h"

#include "kernels/convert.h"
#include "kernels/cuda/elements.h"
#include "kernels/cuda/fill.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/quad.h"
#include "kernels/random.h"
#include "kernels/random_math.h"

namespace hebb::kernels::cuda {
namespace {

using stream::Command;
using stream::DeviceContext;
using stream::Operand;

// A formula makes kEach elements of T from the words of a block; `first` is where they lie.

struct UniformFloats {
  using Value = float;
  static constexpr int kEach = 4;
  UniformBits bits;
  float low, range, most;

  HEBB_DEVICE void operator()(const PhiloxWords& words, int64_t, int, float* values) const {
    HEBB_UNROLL for (int i = 0; i < 4; ++i) {
      const float y =
          low + static_cast<float>(static_cast<int32_t>(words.w[i] >> bits.shift)) * bits.scale * range;
      values[i] = y < most ? y : most;
    }
  }
};
struct UniformDoubles {
  using Value = double;
  static constexpr int kEach = 2;
  double low, range, most;

  HEBB_DEVICE void operator()(const PhiloxWords& words, int64_t, int, double* values) const {
    HEBB_UNROLL for (int i = 0; i < 2; ++i) {
      const double y = low + uniform_double(words.w[2 * i], words.w[2 * i + 1]) * range;
      values[i] = y < most ? y : most;
    }
  }
};

struct NormalFloats {
  using Value = float;
  static constexpr int kEach = 4;
  float mean, std;

  HEBB_DEVICE void operator()(const PhiloxWords& words, int64_t, int, float* values) const {
    HEBB_UNROLL for (int i = 0; i < 4; i += 2) {
      const Pair<float> pair = box_muller(radius_float(words.w[i]), turn_float(words.w[i + 1]), mean, std);
      values[i] = pair.first;
      values[i + 1] = pair.second;
    }
  }
};
struct NormalDoubles {
  using Value = double;
  static constexpr int kEach = 2;
  double mean, std;

  HEBB_DEVICE void operator()(const PhiloxWords& words, int64_t, int, double* values) const {
    const double u1 = uniform_double(words.w[0], words.w[1]) + 0x1p-53;
    const Pair<double> pair = box_muller(u1, uniform_double(words.w[2], words.w[3]), mean, std);
    values[0] = pair.first;
    values[1] = pair.second;
  }
};

template <class T>
struct Chances {
  using Value = T;
  static constexpr int kEach = 4;
  int32_t limit;
  T one;

  HEBB_DEVICE void operator()(const PhiloxWords& words, int64_t, int, T* values) const {
    HEBB_UNROLL for (int i = 0; i < 4; ++i) values[i] =
        static_cast<int32_t>(words.w[i] >> 8) < limit ? one : T{};
  }
};

struct Integers {
  using Value = int32_t;
  static constexpr int kEach = 2;
  int64_t low;
  uint64_t range;

  HEBB_DEVICE void operator()(const PhiloxWords& words, int64_t, int, int32_t* values) const {
    HEBB_UNROLL for (int i = 0; i < 2; ++i) values[i] =
        integer_of(words.w[2 * i], words.w[2 * i + 1], low, range);
  }
};

template <class T>
struct Kept {
  using Value = Compute<T>;
  static constexpr int kEach = 4;
  const T* x;
  bool whole_groups;
  int32_t limit;
  Value scale;

  HEBB_DEVICE void operator()(const PhiloxWords& words, int64_t first, int count, Value* values) const {
    Quad<T> group{};
    if (whole_groups && count == 4) {
      group = *reinterpret_cast<const Quad<T>*>(x + first);
    } else {
      HEBB_UNROLL for (int i = 0; i < 4; ++i) if (i < count) group.x[i] = x[first + i];
    }
    HEBB_UNROLL for (int i = 0; i < 4; ++i) {
      // The product is taken of what is kept alone: a dropped infinity becomes 0 too.
      const Value y = read(group.x[i]) * scale;
      values[i] = static_cast<int32_t>(words.w[i] >> 8) < limit ? y : Value(0);
    }
  }
};

template <class Formula, class T>
HEBB_KERNEL HEBB_BOUNDS(kElementThreads, 1) void draw(Formula formula, const int64_t* seed, int64_t counter,
                                                      T* out, int64_t size, bool whole_groups) {
  constexpr int kEach = Formula::kEach;
  const uint64_t key = static_cast<uint64_t>(seed[0]);
  const uint64_t base = static_cast<uint64_t>(seed[1]) + static_cast<uint64_t>(counter);
  for_each_item((size + kEach - 1) / kEach, [&](int64_t block) {
    const int64_t first = block * kEach;
    const int count = size - first < kEach ? static_cast<int>(size - first) : kEach;
    typename Formula::Value values[kEach];
    formula(philox(key, base + static_cast<uint64_t>(block)), first, count, values);
    Group<T, kEach> group;
    HEBB_UNROLL for (int i = 0; i < kEach; ++i) group.x[i] = write<T>(values[i]);
    if (whole_groups && count == kEach) {
      *reinterpret_cast<Group<T, kEach>*>(out + first) = group;
    } else {
      HEBB_UNROLL for (int i = 0; i < kEach; ++i) if (i < count) out[first + i] = group.x[i];
    }
  });
}

template <class T, class Formula>
void launch_draw(const Command& command, DeviceContext& context, int64_t counter, const Formula& formula) {
  const Operand &out = command[0], &seed = command[command.operand_count - 1];
  constexpr int kEach = Formula::kEach;
  launch(context, grid_over(context, (out.size() + kEach - 1) / kEach), &draw<Formula, T>, formula,
         seed.as<const int64_t>(), counter, out.as<T>(), out.size(), in_groups<T, kEach>(out.data));
}

// f32 and what is stored of it in the output's type.
template <class Formula>
void launch_floats(const Command& command, DeviceContext& context, int64_t counter, const Formula& formula) {
  switch (command[0].dtype) {
    case DType::kF16:
      return launch_draw<F16>(command, context, counter, formula);
    case DType::kBF16:
      return launch_draw<BF16>(command, context, counter, formula);
    default:
      return launch_draw<float>(command, context, counter, formula);
  }
}

void uniform_kernel(const Command& command, DeviceContext& context) {
  const auto& p = command.param<UniformParams>();
  const DType dtype = command[0].dtype;
  const double most = below(p.high, p.low, dtype);
  if (dtype == DType::kF64)
    return launch_draw<double>(command, context, p.counter, UniformDoubles{p.low, p.high - p.low, most});
  launch_floats(command, context, p.counter,
                UniformFloats{uniform_bits(dtype), static_cast<float>(p.low),
                              static_cast<float>(p.high - p.low), static_cast<float>(most)});
}

void normal_kernel(const Command& command, DeviceContext& context) {
  const auto& p = command.param<NormalParams>();
  if (command[0].dtype == DType::kF64)
    return launch_draw<double>(command, context, p.counter, NormalDoubles{p.mean, p.std});
  launch_floats(command, context, p.counter,
                NormalFloats{static_cast<float>(p.mean), static_cast<float>(p.std)});
}

template <class T>
void launch_chances(const Command& command, DeviceContext& context, T one) {
  const auto& p = command.param<BernoulliParams>();
  launch_draw<T>(command, context, p.counter, Chances<T>{threshold(p.p), one});
}

void bernoulli_kernel(const Command& command, DeviceContext& context) {
  switch (command[0].dtype) {
    case DType::kF32:
      return launch_chances<float>(command, context, 1.0f);
    case DType::kF64:
      return launch_chances<double>(command, context, 1.0);
    case DType::kF16:
      return launch_chances<uint16_t>(command, context, to_f16(1.0f).bits);
    case DType::kBF16:
      return launch_chances<uint16_t>(command, context, to_bf16(1.0f).bits);
    case DType::kI32:
      return launch_chances<int32_t>(command, context, 1);
    case DType::kI64:
      return launch_chances<int64_t>(command, context, 1);
    default:
      return launch_chances<uint8_t>(command, context, 1);
  }
}

void randint_kernel(const Command& command, DeviceContext& context) {
  const auto& p = command.param<RandintParams>();
  launch_draw<int32_t>(command, context, p.counter, Integers{p.low, static_cast<uint64_t>(p.high - p.low)});
}

template <class T>
void launch_kept(const Command& command, DeviceContext& context) {
  const auto& p = command.param<DropoutParams>();
  const Operand& x = command[1];
  launch_draw<T>(command, context, p.counter,
                 Kept<T>{x.as<const T>(), in_quads<T>(x.data), threshold(1 - p.p),
                         static_cast<Compute<T>>(1 / (1 - p.p))});
}

void dropout_kernel(const Command& command, DeviceContext& context) {
  switch (command[0].dtype) {
    case DType::kF64:
      return launch_kept<double>(command, context);
    case DType::kF16:
      return launch_kept<F16>(command, context);
    case DType::kBF16:
      return launch_kept<BF16>(command, context);
    default:
      return launch_kept<float>(command, context);
  }
}

}  // namespace

void fill_random() {
  kernels::uniform.cuda = &uniform_kernel;
  kernels::normal.cuda = &normal_kernel;
  kernels::bernoulli.cuda = &bernoulli_kernel;
  kernels::randint.cuda = &randint_kernel;
  kernels::dropout.cuda = &dropout_kernel;
}

}  // namespace hebb::kernels::cuda

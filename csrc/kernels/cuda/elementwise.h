// Grids of the element-wise formulas: one that takes any layout and dtype, and one for plain rows of f32.
#pragma once

#include "kernels/cuda/access.h"
#include "kernels/cuda/elements.h"
#include "kernels/cuda/fill.h"
#include "kernels/cuda/formulas.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/quad.h"
#include "kernels/elementwise.h"

namespace hebb::kernels::cuda {
namespace {

template <class T>
struct Scalars {
  T s[4];
};
// A parameter in the compute type: infinite bounds become the extreme integers.
template <class T>
Scalars<T> scalars_of(const ElementwiseParams& params) {
  Scalars<T> scalars;
  for (int k = 0; k < 4; ++k) scalars.s[k] = T(params.scalars[k]);
  return scalars;
}
template <>
Scalars<Int32> scalars_of<Int32>(const ElementwiseParams& params) {
  Scalars<Int32> scalars;
  for (int k = 0; k < 4; ++k) scalars.s[k] = Int32(convert<int32_t>(params.scalars[k]));
  return scalars;
}
template <>
Scalars<Int64> scalars_of<Int64>(const ElementwiseParams& params) {
  Scalars<Int64> scalars;
  for (int k = 0; k < 4; ++k) scalars.s[k] = Int64(convert<int64_t>(params.scalars[k]));
  return scalars;
}

template <class T>
struct Number {
  using type = T;
  HEBB_INLINE static T unwrap(T value) { return value; }
};
template <class I, class U>
struct Number<Wrapping<I, U>> {
  using type = I;
  HEBB_INLINE static I unwrap(Wrapping<I, U> value) { return value.value; }
};

template <class Formula, int kInputs, class T>
HEBB_DEVICE T apply(const T* x, const T* scalars) {
  if constexpr (kInputs == 1) {
    return Formula{}(x[0], scalars);
  } else if constexpr (kInputs == 2) {
    return Formula{}(x[0], x[1], scalars);
  } else {
    return Formula{}(x[0], x[1], x[2], scalars);
  }
}

template <int kInputs>
struct Inputs {
  Lane lane[kInputs];
};

template <int kInputs, class T>
HEBB_DEVICE void load_all(const Inputs<kInputs>& inputs, const int64_t* offsets, T* x) {
  for (int k = 0; k < kInputs; ++k) {
    const Lane& lane = inputs.lane[k];
    using Plain = typename Number<T>::type;
    x[k] = T(lane.data == nullptr ? convert<Plain>(lane.constant)
                                  : load<Plain>(lane.data, lane.dtype, offsets[k]));
  }
}

template <class Formula, int kInputs, class T>
HEBB_KERNEL HEBB_BOUNDS(kElementThreads, 1) void any_layout(Geometry<kInputs + 1> geometry, Lane out,
                                                            Inputs<kInputs> inputs, Scalars<T> scalars) {
  for_each_item(geometry.size, [&](int64_t i) {
    int64_t offsets[kInputs + 1];
    find(geometry, i, offsets);
    T x[kInputs];
    load_all(inputs, offsets + 1, x);
    store(out.data, out.dtype, i, Number<T>::unwrap(apply<Formula, kInputs, T>(x, scalars.s)));
  });
}

template <class Predicate, int kInputs, class T>
HEBB_KERNEL HEBB_BOUNDS(kElementThreads, 1) void any_predicate(Geometry<kInputs + 1> geometry, uint8_t* out,
                                                               Inputs<kInputs> inputs) {
  for_each_item(geometry.size, [&](int64_t i) {
    int64_t offsets[kInputs + 1];
    find(geometry, i, offsets);
    T x[kInputs];
    load_all(inputs, offsets + 1, x);
    if constexpr (kInputs == 1) {
      out[i] = Predicate{}(x[0]);
    } else {
      out[i] = Predicate{}(x[0], x[1]);
    }
  });
}

template <int kInputs>
struct Rows {
  const float* x[kInputs];
};

// Sixteen bytes at a time; what is left over by the last threads.
template <class Formula, int kInputs>
HEBB_KERNEL HEBB_BOUNDS(kElementThreads, 1) void plain_rows(int64_t size, float* out, Rows<kInputs> rows,
                                                            Scalars<float> scalars) {
  for_each_item(size / 4, [&](int64_t i) {
    Quad<float> in[kInputs], result;
    for (int k = 0; k < kInputs; ++k) in[k] = reinterpret_cast<const Quad<float>*>(rows.x[k])[i];
    for (int j = 0; j < 4; ++j) {
      float x[kInputs];
      for (int k = 0; k < kInputs; ++k) x[k] = in[k].x[j];
      result.x[j] = apply<Formula, kInputs, float>(x, scalars.s);
    }
    reinterpret_cast<Quad<float>*>(out)[i] = result;
  });
  for_each_item(size % 4, [&](int64_t j) {
    const int64_t i = size / 4 * 4 + j;
    float x[kInputs];
    for (int k = 0; k < kInputs; ++k) x[k] = rows.x[k][i];
    out[i] = apply<Formula, kInputs, float>(x, scalars.s);
  });
}

// Whether the walk is one row of aligned f32 in every operand.
inline bool is_plain(const stream::Command& command, const Walk& walk) {
  if (walk.rank > 1) return false;
  for (int k = 0; k < command.operand_count; ++k) {
    const stream::Operand& operand = command[k];
    if (operand.is_constant() || operand.dtype != DType::kF32 || !in_quads<float>(operand.data)) return false;
    if (walk.rank == 1 && walk.strides[k][0] != 1) return false;
  }
  return true;
}

template <int kInputs>
Inputs<kInputs> inputs_of(const stream::Command& command) {
  Inputs<kInputs> inputs;
  for (int k = 0; k < kInputs; ++k) inputs.lane[k] = lane_of(command[k + 1]);
  return inputs;
}

template <class Formula, int kInputs, class T>
void run_formula_in(const stream::Command& command, stream::DeviceContext& context) {
  const Walk walk = walk_over(command.operands, command.operand_count);
  const auto scalars = scalars_of<T>(command.param<ElementwiseParams>());
  if constexpr (kIsSame<T, float>) {
    if (is_plain(command, walk)) {
      Rows<kInputs> rows;
      for (int k = 0; k < kInputs; ++k) rows.x[k] = command[k + 1].as<float>();
      launch(context, grid_over(context, (walk.size + 3) / 4), &plain_rows<Formula, kInputs>, walk.size,
             command[0].as<float>(), rows, scalars);
      return;
    }
  }
  launch(context, grid_over(context, walk.size), &any_layout<Formula, kInputs, T>,
         geometry_of<kInputs + 1>(walk), lane_of(command[0]), inputs_of<kInputs>(command), scalars);
}

template <class Predicate, int kInputs, class T>
void run_predicate_in(const stream::Command& command, stream::DeviceContext& context) {
  const Walk walk = walk_over(command.operands, command.operand_count);
  launch(context, grid_over(context, walk.size), &any_predicate<Predicate, kInputs, T>,
         geometry_of<kInputs + 1>(walk), command[0].as<uint8_t>(), inputs_of<kInputs>(command));
}

inline DType compute_of(const stream::Command& command) {
  return static_cast<DType>(command.param<ElementwiseParams>().compute);
}

}  // namespace
}  // namespace hebb::kernels::cuda

// How grids find and convert the elements of operands of any layout and dtype.
#pragma once

#include "kernels/convert.h"
#include "kernels/cuda/hw.h"
#include "kernels/walk.h"

namespace hebb::kernels::cuda {
namespace {

// Element `at` of memory that holds `dtype`, in any other type.
template <class To>
HEBB_DEVICE To load(const char* data, DType dtype, int64_t at) {
  switch (dtype) {
    case DType::kF32:
      return convert<To>(reinterpret_cast<const float*>(data)[at]);
    case DType::kF64:
      return convert<To>(reinterpret_cast<const double*>(data)[at]);
    case DType::kF16:
      return convert<To>(reinterpret_cast<const F16*>(data)[at]);
    case DType::kBF16:
      return convert<To>(reinterpret_cast<const BF16*>(data)[at]);
    case DType::kI32:
      return convert<To>(reinterpret_cast<const int32_t*>(data)[at]);
    case DType::kI64:
      return convert<To>(reinterpret_cast<const int64_t*>(data)[at]);
    case DType::kU8:
      return convert<To>(reinterpret_cast<const uint8_t*>(data)[at]);
    default:
      return convert<To>(reinterpret_cast<const Bool*>(data)[at]);
  }
}

template <class From>
HEBB_DEVICE void store(char* data, DType dtype, int64_t at, From value) {
  switch (dtype) {
    case DType::kF32:
      reinterpret_cast<float*>(data)[at] = convert<float>(value);
      return;
    case DType::kF64:
      reinterpret_cast<double*>(data)[at] = convert<double>(value);
      return;
    case DType::kF16:
      reinterpret_cast<F16*>(data)[at] = convert<F16>(value);
      return;
    case DType::kBF16:
      reinterpret_cast<BF16*>(data)[at] = convert<BF16>(value);
      return;
    case DType::kI32:
      reinterpret_cast<int32_t*>(data)[at] = convert<int32_t>(value);
      return;
    case DType::kI64:
      reinterpret_cast<int64_t*>(data)[at] = convert<int64_t>(value);
      return;
    case DType::kU8:
      reinterpret_cast<uint8_t*>(data)[at] = convert<uint8_t>(value);
      return;
    default:
      reinterpret_cast<Bool*>(data)[at] = convert<Bool>(value);
  }
}

// One operand of a walk, as a grid reads or writes it.
struct Lane {
  char* data;       // null for a constant
  double constant;  // rounded to the dtype
  DType dtype;
};
inline Lane lane_of(const stream::Operand& operand) {
  Lane lane{static_cast<char*>(operand.data), operand.constant, operand.dtype};
  with_dtype(operand.dtype, [&](auto type) {
    using Stored = typename decltype(type)::type;
    lane.constant = convert<double>(convert<Stored>(operand.constant));
  });
  if (operand.dtype == DType::kBool) lane.constant = operand.constant != 0;
  return lane;
}

template <int kOperands>
struct Geometry {
  int rank;
  bool narrow;  // whether 32 bits hold every index
  int64_t size;
  int64_t shape[stream::kRank];
  int64_t strides[kOperands][stream::kRank];  // in elements
};
template <int kOperands>
Geometry<kOperands> geometry_of(const Walk& walk) {
  Geometry<kOperands> geometry{walk.rank, walk.size <= INT32_MAX, walk.size, {}, {}};
  for (int axis = 0; axis < walk.rank; ++axis) {
    geometry.shape[axis] = walk.shape[axis];
    for (int k = 0; k < kOperands; ++k) geometry.strides[k][axis] = walk.strides[k][axis];
  }
  return geometry;
}

// Where each operand has element `index` of the walk. Division by 64 bits takes several times as long.
template <class Index, int kOperands>
HEBB_DEVICE void find(const Geometry<kOperands>& geometry, Index index, int64_t (&offsets)[kOperands]) {
  for (int k = 0; k < kOperands; ++k) offsets[k] = 0;
  for (int axis = geometry.rank - 1; axis >= 0; --axis) {
    const Index extent = static_cast<Index>(geometry.shape[axis]);
    const int64_t at = static_cast<int64_t>(index % extent);
    index /= extent;
    for (int k = 0; k < kOperands; ++k) offsets[k] += at * geometry.strides[k][axis];
  }
}
template <int kOperands>
HEBB_DEVICE void find(const Geometry<kOperands>& geometry, int64_t index, int64_t (&offsets)[kOperands]) {
  if (geometry.narrow) return find<uint32_t, kOperands>(geometry, static_cast<uint32_t>(index), offsets);
  find<uint64_t, kOperands>(geometry, static_cast<uint64_t>(index), offsets);
}

}  // namespace
}  // namespace hebb::kernels::cuda

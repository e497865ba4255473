// The index space of several operands at once: extents of 1 dropped, axes that run on merged, broadcasting as
// stride 0.
#pragma once

#include "core/inline.h"
#include "stream/command.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

constexpr int kMaxOperands = 16;

struct Walk {
  int rank = 0;
  int64_t shape[stream::kRank];
  int64_t strides[kMaxOperands][stream::kRank];  // in elements
  int64_t size = 1;

  HEBB_INLINE int64_t inner() const { return rank == 0 ? 1 : shape[rank - 1]; }
  HEBB_INLINE int64_t inner_stride(int operand) const { return rank == 0 ? 0 : strides[operand][rank - 1]; }
};

// The stride of `operand` along axis `axis` of an output of `rank` axes: 0 where it is repeated.
HEBB_INLINE int64_t stride_along(const stream::Operand& operand, int axis, int rank) {
  const int own = axis - (rank - operand.rank);
  if (operand.is_constant() || own < 0 || operand.shape[own] == 1) return 0;
  return operand.strides[own];
}

// The shape is that of the first operand; the others broadcast to it.
HEBB_INLINE Walk walk_over(const stream::Operand* operands, int count) {
  Walk walk;
  const stream::Operand& first = operands[0];
  for (int axis = 0; axis < first.rank; ++axis) {
    const int64_t extent = first.shape[axis];
    walk.size *= extent;
    if (extent == 1) continue;
    bool merges = walk.rank > 0;
    int64_t strides[kMaxOperands];
    for (int k = 0; k < count; ++k) {
      strides[k] = stride_along(operands[k], axis, first.rank);
      merges = merges && walk.strides[k][walk.rank - 1] == strides[k] * extent;
    }
    const int place = merges ? walk.rank - 1 : walk.rank++;
    walk.shape[place] = merges ? walk.shape[place] * extent : extent;
    for (int k = 0; k < count; ++k) walk.strides[k][place] = strides[k];
  }
  return walk;
}

// A place in a walk: its coordinates, from which every operand's offset follows.
struct Place {
  int64_t at[stream::kRank];

  HEBB_INLINE Place(const Walk& walk, int64_t index) {
    for (int axis = walk.rank - 1; axis >= 0; --axis) {
      at[axis] = index % walk.shape[axis];
      index /= walk.shape[axis];
    }
  }
  HEBB_INLINE int64_t offset(const Walk& walk, int operand) const {
    int64_t sum = 0;
    for (int axis = 0; axis < walk.rank; ++axis) sum += at[axis] * walk.strides[operand][axis];
    return sum;
  }
  // To the start of the next row of the innermost axis.
  HEBB_INLINE void next_row(const Walk& walk) {
    if (walk.rank == 0) return;
    at[walk.rank - 1] = 0;
    for (int axis = walk.rank - 2; axis >= 0; --axis) {
      if (++at[axis] < walk.shape[axis]) return;
      at[axis] = 0;
    }
  }
};

}  // namespace
}  // namespace hebb::kernels::HEBB_ISA

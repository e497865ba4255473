// Guards of indices: the first one out of range is reported.
#pragma once

#include "kernels/cuda/elements.h"
#include "kernels/cuda/launch.h"

namespace hebb::kernels::cuda {
namespace {

// i32 or i64.
struct Indices {
  const void* data;
  bool wide;
  int64_t count;

  HEBB_DEVICE int64_t operator[](int64_t at) const {
    return wide ? static_cast<const int64_t*>(data)[at] : static_cast<const int32_t*>(data)[at];
  }
};
inline Indices indices_of(const stream::Operand& operand) {
  return {operand.data, operand.dtype == DType::kI64, operand.size()};
}

HEBB_DEVICE bool is_in_range(int64_t index, int64_t extent) {
  return static_cast<uint64_t>(index) < static_cast<uint64_t>(extent);
}

HEBB_KERNEL HEBB_BOUNDS(kElementThreads, 1) void look_for_bad(Indices indices, int64_t extent,
                                                              stream::DeviceFault* fault) {
  for_each_item(indices.count, [&](int64_t at) {
    if (!is_in_range(indices[at], extent)) hw::atomic_min(&fault->position, static_cast<uint64_t>(at));
  });
}

// One thread, when all have looked.
HEBB_KERNEL void report_bad(Indices indices, int64_t extent, stream::DeviceFault* fault) {
  if (hw::thread() != 0 || fault->position >= static_cast<uint64_t>(indices.count)) return;
  fault->value = indices[static_cast<int64_t>(fault->position)];
  fault->limit = extent - 1;
}

// Queues the guard; what is queued behind it has to keep away from bad indices itself.
inline void guard_indices(stream::DeviceContext& context, const Indices& indices, int64_t extent) {
  if (indices.count == 0) return;
  launch(context, grid_over(context, indices.count), &look_for_bad, indices, extent, context.fault);
  launch(context, Grid{.threads = hw::kLanes}, &report_bad, indices, extent, context.fault);
}

}  // namespace
}  // namespace hebb::kernels::cuda

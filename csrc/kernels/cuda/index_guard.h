// Indices of either integer type, and their guard.
#pragma once

#include "kernels/cuda/guard.h"

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

// Queues the guard; what is queued behind it has to keep away from bad indices itself.
inline void guard_indices(stream::DeviceContext& context, const Indices& indices, int64_t extent) {
  check_ids(context, indices, indices.count, IdRange{extent});
}

}  // namespace
}  // namespace hebb::kernels::cuda

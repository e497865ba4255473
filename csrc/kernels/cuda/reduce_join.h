// How the threads of warps and blocks join what they have, in an order that nothing but the shape decides.
#pragma once

#include "kernels/cuda/hw.h"

namespace hebb::kernels::cuda {
namespace {

constexpr int kReduceThreads = 256;

// Of each `lanes` lanes, a power of two; every one of them gets it.
template <class Op, class Wide>
HEBB_DEVICE Wide join_lanes(const Op& op, Wide value, int lanes) {
  for (int mask = lanes / 2; mask > 0; mask /= 2) value = op.join(value, op.exchange(value, mask));
  return value;
}

template <class Wide>
struct WarpParts {
  Wide part[32];
};

// Of all threads of the block; every one of them gets it.
template <class Op, class Wide>
HEBB_DEVICE Wide join_block(const Op& op, Wide value) {
  auto& parts = hw::shared<WarpParts<Wide>>();
  value = join_lanes(op, value, hw::kLanes);
  if (hw::lane() == 0) parts.part[hw::warp()] = value;
  hw::sync();
  value = hw::lane() < hw::threads() / hw::kLanes ? parts.part[hw::lane()] : op.start();
  value = join_lanes(op, value, hw::kLanes);
  hw::sync();
  return value;
}

template <class Wide>
struct ThreadParts {
  Wide part[kReduceThreads];
};

// Of the threads that have the same place in rows of `columns` threads; those of the first row get it.
template <class Op, class Wide>
HEBB_DEVICE Wide join_rows(const Op& op, Wide value, int columns, int rows) {
  if (rows == 1) return value;
  auto& parts = hw::shared<ThreadParts<Wide>>();
  const int thread = hw::thread(), row = thread / columns;
  parts.part[thread] = value;
  hw::sync();
  int reach = 1;
  while (reach < rows) reach *= 2;
  for (int half = reach / 2; half > 0; half /= 2) {
    if (row < half && row + half < rows)
      parts.part[thread] = op.join(parts.part[thread], parts.part[thread + half * columns]);
    hw::sync();
  }
  value = parts.part[thread];
  hw::sync();
  return value;
}

}  // namespace
}  // namespace hebb::kernels::cuda

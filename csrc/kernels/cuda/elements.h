// Grids over elements: how many blocks there are, and which elements are a thread's.
#pragma once

#include "kernels/cuda/hw.h"
#include "stream/device_context.h"

namespace hebb::kernels::cuda {
namespace {

constexpr int kElementThreads = 256;
// Beyond this many a multiprocessor, blocks take a second turn.
constexpr int kBlocksEach = 16;

// A thread for each of `items`, or fewer that take several each.
inline Grid grid_over(const stream::DeviceContext& context, int64_t items) {
  const int64_t wanted = ceil_div(items, kElementThreads);
  const int64_t most = int64_t{kBlocksEach} * context.multiprocessors;
  return {.threads = kElementThreads, .blocks = static_cast<int>(wanted < most ? wanted : most)};
}

// body(item) for each of 0..items-1, on some thread of the grid.
template <class F>
HEBB_DEVICE void for_each_item(int64_t items, F body) {
  const int64_t step = static_cast<int64_t>(hw::blocks()) * hw::threads();
  for (int64_t i = static_cast<int64_t>(hw::block()) * hw::threads() + hw::thread(); i < items; i += step)
    body(i);
}

}  // namespace
}  // namespace hebb::kernels::cuda

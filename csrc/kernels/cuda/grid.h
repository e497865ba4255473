// Grid: the shape of a launch.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/inline.h"

namespace hebb::kernels::cuda {

struct Grid {
  int threads;  // of a block: whole warps, at most 1024
  int blocks = 1, blocks_y = 1, blocks_z = 1;
  size_t shared_bytes = 0;  // of dynamic shared memory
};

// How many blocks of `b` items hold `a` of them.
HEBB_INLINE int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace hebb::kernels::cuda

// Grid: the shape of a launch.
#pragma once

#include <cstddef>

namespace hebb::kernels::cuda {

struct Grid {
  int threads;  // of a block: whole warps, at most 1024
  int blocks = 1, blocks_y = 1, blocks_z = 1;
  size_t shared_bytes = 0;  // of dynamic shared memory
};

}  // namespace hebb::kernels::cuda

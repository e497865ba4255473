// What the hooks look at first.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cuda/races/shadow.h"

namespace hebb::kernels::cuda::races {

struct Watch {
  Shadow* shadow = nullptr;  // null while no thread of a grid runs
  uintptr_t stack = 0;       // of the running thread: nobody else's, so not looked at
  size_t stack_bytes = 0;
};
extern constinit thread_local Watch watch;

}  // namespace hebb::kernels::cuda::races

// Fills the CPU side of every slot with the kernels of one instruction set.
#pragma once

#include "stream/context.h"

namespace hebb::kernels {

// Each name is a file kernels/cpu/<name>.cpp that defines `void fill_<name>()` in the namespace of its
// instruction set.
#define HEBB_KERNEL_FAMILIES(X) \
  X(elementwise)                \
  X(fused)                      \
  X(copy)                       \
  X(reduce)                     \
  X(gemm)                       \
  X(gemm_total)                 \
  X(panels)                     \
  X(conv)                       \
  X(pool)                       \
  X(softmax)                    \
  X(norm)                       \
  X(recurrent)                  \
  X(attention)                  \
  X(index)                      \
  X(random)                     \
  X(optimizer)

void fill(stream::Isa isa);

}  // namespace hebb::kernels

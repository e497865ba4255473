// Fills the CUDA side of the slots that have a kernel for it.
#pragma once

namespace hebb::kernels::cuda {

// Each name is a file kernels/cuda/<name>.cu that defines `void fill_<name>()`.
#define HEBB_CUDA_FAMILIES(X) X(copy) X(elementwise) X(extreme) X(reduce) X(softmax)

#define HEBB_DECLARE_CUDA(family) void fill_##family();
HEBB_CUDA_FAMILIES(HEBB_DECLARE_CUDA)
#undef HEBB_DECLARE_CUDA

inline void fill() {
#define HEBB_CALL_CUDA(family) fill_##family();
  HEBB_CUDA_FAMILIES(HEBB_CALL_CUDA)
#undef HEBB_CALL_CUDA
}

}  // namespace hebb::kernels::cuda

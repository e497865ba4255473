// HEBB_INLINE: for functions in headers that kernel translation units share. They are compiled once per
// instruction set, so an out-of-line copy merged by the linker could run AVX-512 code on a machine without
// it. CUDA kernels may call them too, but for those that only the host can: HEBB_INLINE_HOST.
#pragma once

#if defined(__CUDACC__)
#define HEBB_INLINE __host__ __device__ __forceinline__
#define HEBB_INLINE_HOST __forceinline__
#else
#define HEBB_INLINE [[gnu::always_inline]] inline
#define HEBB_INLINE_HOST HEBB_INLINE
#endif

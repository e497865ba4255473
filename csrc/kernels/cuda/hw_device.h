// The device's side of hw.h.
#pragma once

#include <cstdint>

#include "kernels/cuda/grid.h"

#define HEBB_KERNEL static __global__
#define HEBB_DEVICE __device__ __forceinline__
#define HEBB_BOUNDS(threads, blocks) __launch_bounds__(threads, blocks)
// Before a loop over arrays that are to lie in registers.
#define HEBB_UNROLL _Pragma("unroll")
// Before one whose copies would take too many.
#define HEBB_ROLLED _Pragma("unroll 1")

namespace hebb::kernels::cuda::hw {

inline constexpr int kLanes = 32;
inline constexpr unsigned kAllLanes = 0xffffffffu;

HEBB_DEVICE int thread() { return static_cast<int>(threadIdx.x); }
HEBB_DEVICE int threads() { return static_cast<int>(blockDim.x); }
HEBB_DEVICE int lane() { return thread() % kLanes; }
HEBB_DEVICE int warp() { return thread() / kLanes; }
HEBB_DEVICE int block(int axis = 0) {
  return static_cast<int>(axis == 0 ? blockIdx.x : axis == 1 ? blockIdx.y : blockIdx.z);
}
HEBB_DEVICE int blocks(int axis = 0) {
  return static_cast<int>(axis == 0 ? gridDim.x : axis == 1 ? gridDim.y : gridDim.z);
}

template <class S>
HEBB_DEVICE S& shared() {
  static_assert(alignof(S) <= 16);
  __shared__ alignas(16) unsigned char bytes[sizeof(S)];
  return *reinterpret_cast<S*>(bytes);
}
template <class T>
HEBB_DEVICE T* dynamic_shared() {
  extern __shared__ __align__(16) unsigned char dynamic_bytes[];
  return reinterpret_cast<T*>(dynamic_bytes);
}

#if defined(HEBB_DELAY)
// Holds some warps up for a time that no two runs share: what only their usual pace kept in order falls
// apart.
HEBB_DEVICE void delay() {
  const unsigned now = static_cast<unsigned>(clock64()) >> 4;
  const unsigned noise = (now ^ (threadIdx.x / 32u * 0x9e3779b9u) ^ (blockIdx.x * 0x85ebca6bu)) * 0xc2b2ae35u;
  if (noise >> 30 == 0) __nanosleep(noise >> 20 & 0x3ffu);
}
#else
HEBB_DEVICE void delay() {}
#endif

HEBB_DEVICE void sync() {
  delay();
  __syncthreads();
  delay();
}

// Of a warp alone. Exchanges between lanes do not order what they read and write: this does.
HEBB_DEVICE void sync_warp() {
  delay();
  __syncwarp();
  delay();
}

template <class T>
HEBB_DEVICE T shuffle(T value, int from) {
  return __shfl_sync(kAllLanes, value, from);
}
template <class T>
HEBB_DEVICE T shuffle_xor(T value, int mask) {
  return __shfl_xor_sync(kAllLanes, value, mask);
}
template <class T>
HEBB_DEVICE T shuffle_down(T value, int distance) {
  return __shfl_down_sync(kAllLanes, value, static_cast<unsigned>(distance));
}
HEBB_DEVICE unsigned ballot(bool yes) { return __ballot_sync(kAllLanes, yes); }

HEBB_DEVICE void atomic_min(uint64_t* place, uint64_t value) {
  atomicMin(reinterpret_cast<unsigned long long*>(place), static_cast<unsigned long long>(value));
}

HEBB_DEVICE float fma(float a, float b, float c) { return __fmaf_rn(a, b, c); }
HEBB_DEVICE double fma(double a, double b, double c) { return __fma_rn(a, b, c); }

}  // namespace hebb::kernels::cuda::hw

// What CUDA kernels ask of the hardware, one function for each. A kernel uses these and nothing else of CUDA,
// so that the same source runs on a device and, compiled by a C++ compiler, on the emulator.
//
//   struct Sums { float part[32]; };
//   HEBB_KERNEL void block_sum(const float* x, float* y) {
//     float sum = hw::warp_sum(x[hw::block() * hw::threads() + hw::thread()]);
//     auto& sums = hw::shared<Sums>();
//     if (hw::lane() == 0) sums.part[hw::warp()] = sum;
//     hw::sync();
//     ...
//   }
//
// All threads of a block come to each sync(), all lanes of a warp to each sync_warp() and each exchange
// between lanes. Blocks are whole warps.
#pragma once

#if defined(__CUDACC__)
#include "kernels/cuda/hw_device.h"
#else
#include "kernels/cuda/hw_host.h"
#endif

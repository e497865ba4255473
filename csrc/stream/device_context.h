// DeviceContext: what a kernel of a GPU is given besides its command. It only queues work: the grids it
// launches run later, in order.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hebb::stream {

struct Command;

// What a guard saw, in memory that both sides see: the smallest position wins, kNoFault where nothing is bad.
inline constexpr uint64_t kNoFault = ~uint64_t{0};
struct DeviceFault {
  uint64_t position = kNoFault;
  int64_t value = 0;
  int64_t limit = 0;
};

// Plain data: it crosses from the addon to the library that holds the kernels.
struct DeviceContext {
  // Where grids are queued: a cudaStream_t, or the emulator's Queue.
  void* queue = nullptr;
  int multiprocessors = 1;
  DeviceFault* fault = nullptr;
  // The first thing that went wrong, as a cudaError_t; 0 for none.
  int status = 0;
  // Device memory that is the command's until its last grid has run, at most one piece each; 256-byte
  // aligned. Null where there is none: the kernel then launches nothing, and the command fails.
  void* (*scratch)(DeviceContext& context, size_t bytes) = nullptr;
  void* owner = nullptr;  // the CudaRuntime; in the library it means nothing
};

using DeviceKernel = void (*)(const Command& command, DeviceContext& context);

}  // namespace hebb::stream

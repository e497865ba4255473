// The C ABI of libhebb_cuda: all that crosses between the addon, which knows no CUDA, and the library that
// holds its kernels. Both are built from the same sources; `version` and the sizes are checked before
// anything is called.
#pragma once

#include <cstddef>
#include <cstdint>

#include "stream/device_context.h"

namespace hebb::stream {

// Raised with every change of what is declared here.
inline constexpr uint32_t kCudaAbi = 3;

// cudaError_t of what callers tell apart; 0 is success.
enum CudaStatus : int {
  kCudaSuccess = 0,
  kCudaOutOfMemory = 2,
  kCudaDriverTooOld = 35,
  kCudaNoDevice = 100,
  kCudaDriverMismatch = 803
};

struct CudaInfo {
  char name[128];
  int major, minor;  // compute capability
  int multiprocessors;
  int driver, runtime;  // 13000 for 13.0
  uint64_t free_bytes, total_bytes;
};

struct Slot;

struct CudaKernel {
  const char* name;
  const Slot* slot;  // the library's own, for callers that have none
  DeviceKernel run;
  DeviceKernel check;  // of a guard; null for most
};

// Functions that return int return a cudaError_t.
struct CudaApi {
  uint32_t abi;
  uint32_t command_bytes;
  uint32_t operand_bytes;
  const char* version;
  const char* (*error_text)(int status);

  int (*count)(int* devices);
  // Makes a device the calling thread's, and tells of it.
  int (*open)(int device, CudaInfo* info);
  int (*allocate)(void** data, size_t bytes);
  int (*release)(void* data);
  // Memory of the host that the device sees too.
  int (*allocate_host)(void** data, size_t bytes);
  int (*release_host)(void* data);

  int (*create_queue)(void** queue);
  int (*destroy_queue)(void* queue);
  int (*finish)(void* queue);
  // Waits for the queue where one of the two is memory of the host that the device does not see; the device
  // may still be reading and writing others when this returns.
  int (*copy)(void* to, const void* from, size_t bytes, void* queue);

  // An event is reached when all is done that was queued before it was last recorded.
  int (*create_event)(void** event);
  int (*destroy_event)(void* event);
  int (*record_event)(void* event, void* queue);
  int (*query_event)(void* event, int* reached);
  int (*wait_event)(void* event);

  // What is queued between the two is not run but kept as a graph.
  int (*begin_capture)(void* queue);
  int (*end_capture)(void* queue, void** graph);
  int (*launch_graph)(void* graph, void* queue);
  int (*destroy_graph)(void* graph);

  // A kernel of PTX text, assembled by the driver; it takes one block of arguments of its own layout.
  int (*load_ptx)(const char* text, const char* entry, void** kernel);
  int (*launch_ptx)(void* kernel, int blocks, int threads, void* arguments, size_t bytes, void* queue);
  int (*unload_ptx)(void* kernel);

  const CudaKernel* kernels;
  int kernel_count;
};

// The two symbols that the library exports.
inline constexpr const char* kCudaSymbol = "hebb_cuda_api";
using CudaApiFunction = const CudaApi* (*)();
// JSON: the sizes and fields of what a kernel is called with, and the parameters of each kernel. For callers
// that cannot include this header: scripts/gpu_check.
inline constexpr const char* kCudaDescribeSymbol = "hebb_cuda_describe";
using CudaDescribeFunction = const char* (*)();

}  // namespace hebb::stream

// The driver on devices: thin over the CUDA runtime, which is linked statically, and the driver's loader of
// PTX, which is asked for by name.
#include <cuda.h>
#include <cuda_runtime_api.h>

#include <cstdio>

#include "library/driver.h"

namespace hebb::library {
namespace {

cudaStream_t stream_of(void* queue) { return static_cast<cudaStream_t>(queue); }

// Clears what is not sticky: each call tells of itself alone.
int checked(cudaError_t status) {
  if (status != cudaSuccess) cudaGetLastError();
  return static_cast<int>(status);
}

const char* error_text(int status) { return cudaGetErrorString(static_cast<cudaError_t>(status)); }

int count(int* devices) {
  *devices = 0;
  return checked(cudaGetDeviceCount(devices));
}

int open(int device, stream::CudaInfo* info) {
  cudaError_t status = cudaSetDevice(device);
  if (status != cudaSuccess) return checked(status);
  cudaDeviceProp properties;
  status = cudaGetDeviceProperties(&properties, device);
  if (status != cudaSuccess) return checked(status);
  std::snprintf(info->name, sizeof info->name, "%s", properties.name);
  info->major = properties.major;
  info->minor = properties.minor;
  info->multiprocessors = properties.multiProcessorCount;
  cudaDriverGetVersion(&info->driver);
  cudaRuntimeGetVersion(&info->runtime);
  size_t free_bytes = 0, total_bytes = 0;
  status = cudaMemGetInfo(&free_bytes, &total_bytes);
  info->free_bytes = free_bytes;
  info->total_bytes = total_bytes;
  return checked(status);
}

int allocate(void** data, size_t bytes) { return checked(cudaMalloc(data, bytes)); }
int release(void* data) { return checked(cudaFree(data)); }
int allocate_host(void** data, size_t bytes) {
  return checked(cudaHostAlloc(data, bytes, cudaHostAllocMapped));
}
int release_host(void* data) { return checked(cudaFreeHost(data)); }

int create_queue(void** queue) {
  return checked(cudaStreamCreateWithFlags(reinterpret_cast<cudaStream_t*>(queue), cudaStreamNonBlocking));
}
int destroy_queue(void* queue) { return checked(cudaStreamDestroy(stream_of(queue))); }
int finish(void* queue) { return checked(cudaStreamSynchronize(stream_of(queue))); }
int copy(void* to, const void* from, size_t bytes, void* queue) {
  return checked(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream_of(queue)));
}

cudaEvent_t event_of(void* event) { return static_cast<cudaEvent_t>(event); }

int create_event(void** event) {
  return checked(cudaEventCreateWithFlags(reinterpret_cast<cudaEvent_t*>(event), cudaEventDisableTiming));
}
int destroy_event(void* event) { return checked(cudaEventDestroy(event_of(event))); }
int record_event(void* event, void* queue) {
  return checked(cudaEventRecord(event_of(event), stream_of(queue)));
}
int query_event(void* event, int* reached) {
  const cudaError_t status = cudaEventQuery(event_of(event));
  *reached = status == cudaSuccess;
  return status == cudaErrorNotReady ? (cudaGetLastError(), cudaSuccess) : checked(status);
}
int wait_event(void* event) { return checked(cudaEventSynchronize(event_of(event))); }

int begin_capture(void* queue) {
  return checked(cudaStreamBeginCapture(stream_of(queue), cudaStreamCaptureModeThreadLocal));
}
int end_capture(void* queue, void** graph) {
  cudaGraph_t captured = nullptr;
  cudaError_t status = cudaStreamEndCapture(stream_of(queue), &captured);
  if (status != cudaSuccess) return checked(status);
  status = cudaGraphInstantiate(reinterpret_cast<cudaGraphExec_t*>(graph), captured, 0);
  cudaGraphDestroy(captured);
  return checked(status);
}
int launch_graph(void* graph, void* queue) {
  return checked(cudaGraphLaunch(static_cast<cudaGraphExec_t>(graph), stream_of(queue)));
}
int destroy_graph(void* graph) { return checked(cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(graph))); }

// Functions of libcuda are found at run time: linking it would keep the library from loading without a
// driver.
template <class F>
F driver_function(const char* name) {
  void* found = nullptr;
  cudaDriverEntryPointQueryResult result;
  if (cudaGetDriverEntryPointByVersion(name, &found, 12000, cudaEnableDefault, &result) != cudaSuccess)
    return nullptr;
  return reinterpret_cast<F>(found);
}

struct PtxKernel {
  CUmodule module = nullptr;
  CUfunction function = nullptr;
};

// The text's module; what the assembler has against it is printed.
CUresult load_module(decltype(&cuModuleLoadDataEx) load, const char* text, CUmodule* module) {
  char log[4096] = "";
  CUjit_option options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  void* values[] = {log, reinterpret_cast<void*>(sizeof log)};
  const CUresult status = load(module, text, 2, options, values);
  if (status != CUDA_SUCCESS && *log != 0) std::fprintf(stderr, "hebb: ptx: %s\n", log);
  return status;
}

int load_ptx(const char* text, const char* entry, void** kernel) {
  static const auto load = driver_function<decltype(&cuModuleLoadDataEx)>("cuModuleLoadDataEx");
  static const auto find = driver_function<decltype(&cuModuleGetFunction)>("cuModuleGetFunction");
  if (load == nullptr || find == nullptr) return cudaErrorNotSupported;
  PtxKernel loaded;
  CUresult status = load_module(load, text, &loaded.module);
  if (status == CUDA_SUCCESS) status = find(&loaded.function, loaded.module, entry);
  if (status == CUDA_SUCCESS) *kernel = new PtxKernel(loaded);
  // The numbers of CUresult and cudaError_t agree for what these two return.
  return static_cast<int>(status);
}

int launch_ptx(void* kernel, int blocks, int threads, void* arguments, size_t bytes, void* queue) {
  static const auto launch = driver_function<decltype(&cuLaunchKernel)>("cuLaunchKernel");
  if (launch == nullptr) return cudaErrorNotSupported;
  void* extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, arguments, CU_LAUNCH_PARAM_BUFFER_SIZE, &bytes,
                   CU_LAUNCH_PARAM_END};
  return static_cast<int>(launch(static_cast<PtxKernel*>(kernel)->function, static_cast<unsigned>(blocks), 1,
                                 1, static_cast<unsigned>(threads), 1, 1, 0, static_cast<CUstream>(queue),
                                 nullptr, extra));
}

int unload_ptx(void* kernel) {
  static const auto unload = driver_function<decltype(&cuModuleUnload)>("cuModuleUnload");
  auto* loaded = static_cast<PtxKernel*>(kernel);
  const int status = unload == nullptr ? cudaErrorNotSupported : static_cast<int>(unload(loaded->module));
  delete loaded;
  return status;
}

}  // namespace

void fill_driver(stream::CudaApi& api) {
#define HEBB_SET(name) api.name = &name;
  HEBB_DRIVER_FUNCTIONS(HEBB_SET)
#undef HEBB_SET
}

}  // namespace hebb::library

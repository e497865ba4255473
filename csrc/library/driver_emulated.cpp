// The driver on the emulator: memory of the host, poisoned; a queue runs what it is given at once, or keeps
// it while a graph is captured. HEBB_CUDA_EMULATOR names the order of threads: forward (or 1), backward,
// shuffled. HEBB_CUDA_EMULATOR_FAULT is a cudaError_t that stands for a machine where no device can be
// opened.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "core/error.h"
#include "kernels/cuda/emulator.h"
#include "kernels/cuda/ptx_interpreter.h"
#include "library/driver.h"

namespace hebb::library {
namespace {

namespace emulator = kernels::cuda::emulator;

using Graph = std::vector<std::function<void()>>;

constexpr int kInvalidValue = 1, kInvalidDevice = 101, kInvalidPtx = 218;
constexpr size_t kAlignment = 256;
constexpr uint64_t kMemory = uint64_t{4} << 30;

emulator::Queue* queue_of(void* queue) { return static_cast<emulator::Queue*>(queue); }

const char* error_text(int status) {
  switch (status) {
    case stream::kCudaSuccess:
      return "no error";
    case stream::kCudaOutOfMemory:
      return "out of memory";
    case stream::kCudaDriverTooOld:
      return "CUDA driver version is insufficient for CUDA runtime version";
    case stream::kCudaNoDevice:
      return "no CUDA-capable device is detected";
    default:
      return "an error of the emulator";
  }
}

int count(int* devices) {
  *devices = 0;
  if (const char* fault = std::getenv("HEBB_CUDA_EMULATOR_FAULT")) return std::atoi(fault);
  *devices = 1;
  return stream::kCudaSuccess;
}

int open(int device, stream::CudaInfo* info) {
  if (device != 0) return kInvalidDevice;
  *info = {"emulated", 9, 0, 2, 13000, 13000, kMemory, kMemory};
  return stream::kCudaSuccess;
}

int allocate(void** data, size_t bytes) {
  const size_t whole = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  *data = std::aligned_alloc(kAlignment, whole > 0 ? whole : kAlignment);
  if (*data == nullptr) return stream::kCudaOutOfMemory;
  std::memset(*data, 0xff, whole);
  return stream::kCudaSuccess;
}
int release(void* data) {
  std::free(data);
  return stream::kCudaSuccess;
}

int allocate_host(void** data, size_t bytes) { return allocate(data, bytes); }
int release_host(void* data) { return release(data); }

int create_queue(void** queue) {
  const char* name = std::getenv("HEBB_CUDA_EMULATOR");
  const std::string order = name == nullptr ? "" : name;
  *queue = new emulator::Queue{order == "backward"   ? emulator::Order::kBackward
                               : order == "shuffled" ? emulator::Order::kShuffled
                                                     : emulator::Order::kForward};
  return stream::kCudaSuccess;
}
int destroy_queue(void* queue) {
  delete queue_of(queue);
  return stream::kCudaSuccess;
}
int finish(void* queue) {
  return queue_of(queue)->captured == nullptr ? stream::kCudaSuccess : kInvalidValue;
}
int copy(void* to, const void* from, size_t bytes, void* queue) {
  queue_of(queue)->put([=] { std::memcpy(to, from, bytes); });
  return stream::kCudaSuccess;
}

int begin_capture(void* queue) {
  if (queue_of(queue)->captured != nullptr) return kInvalidValue;
  queue_of(queue)->captured = new Graph;
  return stream::kCudaSuccess;
}
int end_capture(void* queue, void** graph) {
  if (queue_of(queue)->captured == nullptr) return kInvalidValue;
  *graph = queue_of(queue)->captured;
  queue_of(queue)->captured = nullptr;
  return stream::kCudaSuccess;
}
int launch_graph(void* graph, void* queue) {
  for (const auto& work : *static_cast<Graph*>(graph)) queue_of(queue)->put(work);
  return stream::kCudaSuccess;
}
int destroy_graph(void* graph) {
  delete static_cast<Graph*>(graph);
  return stream::kCudaSuccess;
}

struct PtxKernel {
  emulator::PtxModule module;
  std::string entry;
};

int load_ptx(const char* text, const char* entry, void** kernel) {
  try {
    *kernel = new PtxKernel{emulator::PtxModule(text), entry};
    return stream::kCudaSuccess;
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return kInvalidPtx;
  }
}
int launch_ptx(void* kernel, int blocks, int threads, void* arguments, size_t bytes, void* queue) {
  const auto* loaded = static_cast<PtxKernel*>(kernel);
  const auto* first = static_cast<const char*>(arguments);
  queue_of(queue)->put([=, order = queue_of(queue)->order, block = std::vector<char>(first, first + bytes)] {
    loaded->module.run(loaded->entry, {.threads = threads, .blocks = blocks}, order, block.data(), bytes);
  });
  return stream::kCudaSuccess;
}
int unload_ptx(void* kernel) {
  delete static_cast<PtxKernel*>(kernel);
  return stream::kCudaSuccess;
}

}  // namespace

void fill_driver(stream::CudaApi& api) {
#define HEBB_SET(name) api.name = &name;
  HEBB_DRIVER_FUNCTIONS(HEBB_SET)
#undef HEBB_SET
}

}  // namespace hebb::library

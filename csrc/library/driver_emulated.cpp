// The driver on the emulator: memory of the host, poisoned. HEBB_CUDA_EMULATOR names the order of threads:
// forward (or 1), backward, shuffled. HEBB_CUDA_EMULATOR_FAULT is a cudaError_t that stands for a machine
// where no device can be opened; HEBB_CUDA_EMULATOR_DIES is after how many works it fails for good.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "core/error.h"
#include "kernels/cuda/ptx_interpreter.h"
#include "library/driver.h"
#include "library/emulated_queue.h"

namespace hebb::library {
namespace {

constexpr int kInvalidValue = 1, kInvalidDevice = 101, kInvalidPtx = 218, kIllegalAddress = 700;
constexpr uint64_t kMemory = uint64_t{4} << 30;

// Of calls that a device which has failed refuses.
int status() { return EmulatedQueue::is_dead() ? kIllegalAddress : stream::kCudaSuccess; }

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
    case kIllegalAddress:
      return "an illegal memory access was encountered";
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
  if (const char* dies = std::getenv("HEBB_CUDA_EMULATOR_DIES"))
    EmulatedQueue::die_after(static_cast<uint64_t>(std::atoll(dies)));
  return stream::kCudaSuccess;
}

int allocate(void** data, size_t bytes) {
  if (status() != stream::kCudaSuccess) return status();
  *data = memory().allocate(bytes);
  return *data == nullptr ? stream::kCudaOutOfMemory : stream::kCudaSuccess;
}
int release(void* data) {
  memory().release(data);
  return stream::kCudaSuccess;
}
int allocate_host(void** data, size_t bytes) { return allocate(data, bytes); }
int release_host(void* data) { return release(data); }

int create_queue(void** queue) {
  const char* name = std::getenv("HEBB_CUDA_EMULATOR");
  const std::string order = name == nullptr ? "" : name;
  *queue = handle_of(new EmulatedQueue(order == "backward"   ? emulator::Order::kBackward
                                       : order == "shuffled" ? emulator::Order::kShuffled
                                                             : emulator::Order::kForward));
  return stream::kCudaSuccess;
}
int destroy_queue(void* queue) {
  delete queue_of(queue);
  return stream::kCudaSuccess;
}
int finish(void* queue) {
  if (queue_of(queue)->captures()) return kInvalidValue;
  queue_of(queue)->run_all();
  return status();
}

// As a device's driver: what it does not see is read before this returns, or there when it does.
int copy(void* to, const void* from, size_t bytes, void* handle) {
  EmulatedQueue* queue = queue_of(handle);
  const bool sees_to = memory().has(to), sees_from = memory().has(from);
  if (sees_to && sees_from) {
    queue->put([=] { std::memcpy(to, from, bytes); });
    return status();
  }
  if (queue->captures()) return kInvalidValue;
  if (sees_to) {
    const auto* first = static_cast<const char*>(from);
    queue->put([to, taken = std::vector<char>(first, first + bytes)] {
      std::memcpy(to, taken.data(), taken.size());
    });
  } else {
    queue->run_all();
    if (status() == stream::kCudaSuccess) std::memcpy(to, from, bytes);
  }
  return status();
}

// Where a queue was when it was recorded. The first question comes too early.
struct Event {
  EmulatedQueue* queue = nullptr;
  uint64_t place = 0;
  bool asked = false;
};

int create_event(void** event) {
  *event = new Event;
  return stream::kCudaSuccess;
}
int destroy_event(void* event) {
  delete static_cast<Event*>(event);
  return stream::kCudaSuccess;
}
int record_event(void* event, void* queue) {
  if (queue_of(queue)->captures()) return kInvalidValue;
  *static_cast<Event*>(event) = {queue_of(queue), queue_of(queue)->place()};
  return status();
}
int wait_event(void* event) {
  const auto* waited = static_cast<Event*>(event);
  if (waited->queue != nullptr) waited->queue->run_to(waited->place);
  return status();
}
int query_event(void* event, int* reached) {
  auto* asked = static_cast<Event*>(event);
  *reached = asked->queue == nullptr || asked->asked;
  asked->asked = true;
  return *reached ? wait_event(event) : status();
}

int begin_capture(void* queue) { return queue_of(queue)->begin() ? status() : kInvalidValue; }
int end_capture(void* queue, void** graph) {
  if (!queue_of(queue)->captures()) return kInvalidValue;
  *graph = new Works(queue_of(queue)->end());
  return stream::kCudaSuccess;
}
int launch_graph(void* graph, void* queue) {
  for (const auto& work : *static_cast<Works*>(graph)) queue_of(queue)->put(work);
  return status();
}
int destroy_graph(void* graph) {
  delete static_cast<Works*>(graph);
  return stream::kCudaSuccess;
}

struct PtxKernel {
  emulator::PtxModule module;
  std::string entry;
};

int load_ptx(const char* text, const char* entry, void** kernel) {
  if (status() != stream::kCudaSuccess) return status();
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
  return status();
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

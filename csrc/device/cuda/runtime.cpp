#include "device/cuda/runtime.h"

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <new>

#include "core/error.h"

namespace hebb::cuda {
namespace {

constexpr size_t kScratchUnit = size_t{1} << 20;

const stream::CudaApi* chunk_api = nullptr;

void* map_chunk(size_t bytes) {
  void* data = nullptr;
  return chunk_api->allocate(&data, bytes) == stream::kCudaSuccess ? data : nullptr;
}
// Waits for the device: nothing that is under way uses it any more.
void unmap_chunk(void* data, size_t) { chunk_api->release(data); }

}  // namespace

device::ChunkSource& chunk_source(const Library& library) {
  chunk_api = library.api;
  static device::ChunkSource source{
      Device::kCuda, &map_chunk, &unmap_chunk,
      static_cast<size_t>(static_cast<double>(library.info.free_bytes) * kShare)};
  return source;
}

CudaRuntime::CudaRuntime(const Library& library)
    : Runtime(Device::kCuda),
      library_(library),
      api_(*library.api),
      waits_(std::getenv("HEBB_CUDA_SYNC") != nullptr),
      programs_(api_),
      points_(api_),
      uploads_(api_, points_),
      landings_(api_) {
  context_.multiprocessors = library.info.multiprocessors;
  context_.scratch = &scratch;
  context_.owner = this;
  check_status("cuda", api_.create_queue(&context_.queue));
  void* fault = nullptr;
  check_status("cuda", api_.allocate_host(&fault, sizeof(stream::DeviceFault)));
  context_.fault = new (fault) stream::DeviceFault;
}

CudaRuntime::~CudaRuntime() {
  api_.finish(context_.queue);
  api_.release_host(context_.fault);
  if (scratch_ != nullptr) api_.release(scratch_);
  api_.destroy_queue(context_.queue);
}

void CudaRuntime::run_program(const stream::Command& command, stream::DeviceContext& context) {
  static_cast<CudaRuntime*>(context.owner)->programs_.run(command, context);
}

void CudaRuntime::start() {
  stream::CudaInfo info;
  const int status = api_.open(0, &info);
  if (status != stream::kCudaSuccess) death_ = api_.error_text(status);
}

void CudaRuntime::check_alive() const {
  if (death_.empty()) return;
  throw Error(ErrorKind::kDevice, "cuda", "the device has failed (" + death_ + "); restart the process");
}

void CudaRuntime::check_status(const char* op, int status) {
  if (status == stream::kCudaSuccess) return;
  if (status == stream::kCudaOutOfMemory) throw std::bad_alloc();
  const std::string what = api_.error_text(status);
  // An error that stays is told by every later call as well.
  if (context_.queue != nullptr && api_.finish(context_.queue) != stream::kCudaSuccess) {
    death_ = what;
    throw Error(ErrorKind::kDevice, op,
                "the device failed: " + what + "; restart the process (HEBB_CUDA_SYNC=1 finds the command)");
  }
  throw Error(ErrorKind::kDevice, op, "the device refused a command: " + what);
}

void* CudaRuntime::scratch(stream::DeviceContext& context, size_t bytes) {
  auto& self = *static_cast<CudaRuntime*>(context.owner);
  if (bytes <= self.scratch_bytes_) return self.scratch_;
  if (self.captures_) {
    // Commands that are captured have been run before: there is enough.
    context.status = stream::kCudaOutOfMemory;
    return nullptr;
  }
  const stream::CudaApi& api = self.api_;
  const size_t grown = std::max(bytes, 2 * self.scratch_bytes_);
  // Earlier commands may still use what there is.
  int status = api.finish(context.queue);
  if (self.scratch_ != nullptr) api.release(self.scratch_);
  self.scratch_ = nullptr;
  self.scratch_bytes_ = 0;
  const size_t whole = (grown + kScratchUnit - 1) / kScratchUnit * kScratchUnit;
  if (status == stream::kCudaSuccess) status = api.allocate(&self.scratch_, whole);
  if (status != stream::kCudaSuccess) {
    context.status = status;
    return nullptr;
  }
  self.scratch_bytes_ = whole;
  return self.scratch_;
}

stream::Fault CudaRuntime::launch(const stream::Command& command, stream::DeviceKernel kernel, bool guard) {
  check_alive();
  context_.status = stream::kCudaSuccess;
  if (captures_) {
    kernel(command, context_);
    if (capture_status_ == stream::kCudaSuccess) capture_status_ = context_.status;
    return {};
  }
  if (guard) *context_.fault = {};
  kernel(command, context_);
  check_status(command.slot->name, context_.status);
  if (guard || waits_) check_status(command.slot->name, api_.finish(context_.queue));
  if (!guard || context_.fault->position == stream::kNoFault) return {};
  const stream::DeviceFault& seen = *context_.fault;
  return {true, static_cast<int64_t>(seen.position), seen.value, seen.limit};
}

stream::Fault CudaRuntime::run(const stream::Command& command, int) {
  return launch(command, command.slot->cuda, command.slot->traits.guard);
}

void CudaRuntime::run_unguarded(const stream::Command& command, int) {
  launch(command, command.slot->cuda, false);
}

stream::Fault CudaRuntime::check(const stream::Command& command, int) {
  return launch(command, command.slot->cuda_check, true);
}

// It holds addresses of the scratch memory of then.
struct CudaRuntime::CudaGraph : stream::Graph {
  CudaGraph(const stream::CudaApi& api_of, const void* scratch_of) : api(api_of), scratch(scratch_of) {}
  ~CudaGraph() override {
    if (handle != nullptr) api.destroy_graph(handle);
  }

  const stream::CudaApi& api;
  const void* scratch;
  void* handle = nullptr;
};

std::unique_ptr<stream::Graph> CudaRuntime::capture(const std::function<void()>& work) {
  check_alive();
  auto graph = std::make_unique<CudaGraph>(api_, scratch_);
  check_status("graph", api_.begin_capture(context_.queue));
  captures_ = true;
  capture_status_ = stream::kCudaSuccess;
  std::exception_ptr failure;
  try {
    work();
  } catch (...) {
    failure = std::current_exception();
  }
  captures_ = false;
  const int status = api_.end_capture(context_.queue, &graph->handle);
  if (failure) std::rethrow_exception(failure);
  check_status("graph", capture_status_ != stream::kCudaSuccess ? capture_status_ : status);
  return graph;
}

bool CudaRuntime::launch(stream::Graph& graph) {
  auto& kept = static_cast<CudaGraph&>(graph);
  if (kept.scratch != scratch_) return false;
  check_alive();
  check_status("graph", api_.launch_graph(kept.handle, context_.queue));
  return true;
}

void CudaRuntime::copy(void* to, const void* from, size_t bytes) {
  check_alive();
  if (bytes > 0) check_status("copy", api_.copy(to, from, bytes, context_.queue));
}

void CudaRuntime::upload(void* to, const void* from, size_t bytes) {
  check_alive();
  check_status("copy", uploads_.put(to, from, bytes, context_.queue));
}

std::shared_ptr<const void> CudaRuntime::download(void* to, const void* from, size_t bytes) {
  std::shared_ptr<void> landing = landings_.take(bytes);
  copy(landing ? landing.get() : to, from, bytes);
  return landing;
}

stream::Runtime::Point CudaRuntime::point() {
  check_alive();
  Point point = 0;
  check_status("cuda", points_.make(context_.queue, &point));
  return point;
}

bool CudaRuntime::reached(Point point) {
  check_alive();
  bool yes = false;
  check_status("cuda", points_.reached(point, &yes));
  return yes;
}

void CudaRuntime::finish() {
  check_alive();
  check_status("cuda", api_.finish(context_.queue));
}

}  // namespace hebb::cuda

// CudaRuntime: runs commands on a GPU by the kernels of libhebb_cuda. Kernels and copies are queued, in one
// queue, and nothing waits for them but a guard of values that the host does not have, since what follows
// depends on what it saw, and large copies to the host.
#pragma once

#include <string>

#include "device/caching_allocator.h"
#include "device/cuda/library.h"
#include "device/cuda/programs.h"
#include "device/cuda/staging.h"
#include "stream/runtime.h"

namespace hebb::cuda {

// The share of the memory that was free when the device was opened.
inline constexpr double kShare = 0.9;

// The chunks of the device's allocators. One device for the process.
device::ChunkSource& chunk_source(const Library& library);

class CudaRuntime : public stream::Runtime {
 public:
  explicit CudaRuntime(const Library& library);
  ~CudaRuntime() override;

  // The kernel of slots whose commands are their tile program: it is written for each class of them.
  static void run_program(const stream::Command& command, stream::DeviceContext& context);

  bool has_kernel(const stream::Slot& slot) const override { return slot.cuda != nullptr; }
  bool has_check(const stream::Slot& slot) const override { return slot.cuda_check != nullptr; }
  void start() override;
  stream::Fault run(const stream::Command& command, int threads) override;
  void run_unguarded(const stream::Command& command, int threads) override;
  stream::Fault check(const stream::Command& command, int threads) override;
  void copy(void* to, const void* from, size_t bytes) override;
  void upload(void* to, const void* from, size_t bytes) override;
  std::shared_ptr<const void> download(void* to, const void* from, size_t bytes) override;
  Point point() override;
  bool reached(Point point) override;
  void finish() override;
  bool keeps_graphs() const override { return !waits_; }
  std::unique_ptr<stream::Graph> capture(const std::function<void()>& work) override;
  bool launch(stream::Graph& graph) override;

 private:
  struct CudaGraph;

  static void* scratch(stream::DeviceContext& context, size_t bytes);

  stream::Fault launch(const stream::Command& command, stream::DeviceKernel kernel, bool guard);
  void check_alive() const;
  // Throws Error(kDevice), or std::bad_alloc where there is no memory.
  void check_status(const char* op, int status);

  Library library_;
  const stream::CudaApi& api_;
  bool waits_;  // HEBB_CUDA_SYNC: after every command, to find the one that fails
  std::string death_;
  stream::DeviceContext context_;
  Programs programs_;
  Points points_;
  Uploads uploads_;
  Landings landings_;
  void* scratch_ = nullptr;
  size_t scratch_bytes_ = 0;
  bool captures_ = false;
  int capture_status_ = 0;
};

}  // namespace hebb::cuda

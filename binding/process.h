// Process: the executor and the thread pool that all environments of a process share.
#pragma once

#include <memory>
#include <mutex>

#include "device/cpu/isa.h"
#include "device/cuda/library.h"
#include "device/cuda/runtime.h"
#include "stream/executor.h"

namespace hebb::binding {

// Counted by the environments that use it: the last one to let go joins the threads, before static
// destructors run.
class Process {
 public:
  // Fills the kernel slots for the instruction set of HEBB_ISA, or the best, the first time.
  static std::shared_ptr<Process> acquire();

  ~Process();
  stream::Executor& executor() { return *executor_; }
  stream::Isa isa() const { return isa_; }
  // Opens the GPU the first time it is asked for; throws Error(kDevice) with the reason where there is none.
  stream::Executor& cuda_executor();
  device::ChunkSource& cuda_chunks() { return cuda::chunk_source(cuda_library_); }

 private:
  Process();

  stream::Isa isa_;
  std::unique_ptr<stream::Executor> executor_;
  std::mutex cuda_mutex_;
  cuda::Library cuda_library_;
  std::unique_ptr<stream::Executor> cuda_executor_;
};

}  // namespace hebb::binding

// Process: the executor and the thread pool that all environments of a process share.
#pragma once

#include <memory>

#include "device/cpu/isa.h"
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

 private:
  Process();

  stream::Isa isa_;
  std::unique_ptr<stream::Executor> executor_;
};

}  // namespace hebb::binding

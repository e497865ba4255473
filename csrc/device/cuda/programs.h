// Programs: commands with a tile program as kernels in PTX, which the driver assembles for its GPU when the
// first command of a class comes.
#pragma once

#include <string>
#include <unordered_map>

#include "stream/cuda_api.h"
#include "stream/ptx/emit.h"

namespace hebb::cuda {

class Programs {
 public:
  explicit Programs(const stream::CudaApi& api) : api_(api) {}
  ~Programs();
  Programs(const Programs&) = delete;
  Programs& operator=(const Programs&) = delete;

  // Queues the command; what goes wrong is in the context's status.
  void run(const stream::Command& command, stream::DeviceContext& context);

 private:
  struct Kernel {
    stream::PtxProgram program;
    void* handle = nullptr;
  };
  // Null where it could not be made, with the reason in the status.
  const Kernel* kernel_of(const stream::Command& command, stream::DeviceContext& context);

  const stream::CudaApi& api_;
  std::unordered_map<std::string, Kernel> kernels_;  // by class
};

}  // namespace hebb::cuda

// Kernels are kept as long as the device: their text depends on neither sizes nor memory, so there are as
// many as a program has kinds of fused commands.
#include "device/cuda/programs.h"

#include <utility>

#include "core/error.h"

namespace hebb::cuda {

Programs::~Programs() {
  for (const auto& [name, kernel] : kernels_) api_.unload_ptx(kernel.handle);
}

const Programs::Kernel* Programs::kernel_of(const stream::Command& command, stream::DeviceContext& context) {
  std::string name = stream::ptx_class(command);
  if (const auto found = kernels_.find(name); found != kernels_.end()) return &found->second;
  auto program = stream::emit_ptx(command);
  if (!program) {
    throw Error(ErrorKind::kInternal, command.slot->name,
                "a formula of the command has no PTX in its compute type");
  }
  void* handle = nullptr;
  context.status = api_.load_ptx(program->text.c_str(), program->entry.c_str(), &handle);
  if (context.status != stream::kCudaSuccess) return nullptr;
  return &kernels_.emplace(std::move(name), Kernel{std::move(*program), handle}).first->second;
}

void Programs::run(const stream::Command& command, stream::DeviceContext& context) {
  const Kernel* kernel = kernel_of(command, context);
  if (kernel == nullptr) return;
  stream::PtxLaunch launch = stream::ptx_launch(kernel->program, command, context.multiprocessors);
  context.status = api_.launch_ptx(kernel->handle, launch.blocks, launch.threads, launch.arguments.data(),
                                   launch.arguments.size() * sizeof(uint64_t), context.queue);
}

}  // namespace hebb::cuda

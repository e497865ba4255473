// The one symbol of libhebb_cuda.
#include <vector>

#include "kernels/cuda/fill.h"
#include "kernels/slots.h"
#include "library/driver.h"
#include "stream/command.h"

namespace hebb::library {
namespace {

struct Library {
  std::vector<stream::CudaKernel> kernels;
  stream::CudaApi api{};

  Library() {
    kernels::cuda::fill();
    for (const stream::Slot* slot : kernels::all_slots()) {
      if (slot->cuda != nullptr) kernels.push_back({slot->name, slot->cuda, slot->cuda_check});
    }
    api.abi = stream::kCudaAbi;
    api.command_bytes = sizeof(stream::Command);
    api.operand_bytes = sizeof(stream::Operand);
    api.version = HEBB_VERSION;
    fill_driver(api);
    api.kernels = kernels.data();
    api.kernel_count = static_cast<int>(kernels.size());
  }
};

}  // namespace
}  // namespace hebb::library

extern "C" [[gnu::visibility("default")]] const hebb::stream::CudaApi* hebb_cuda_api() {
  static const hebb::library::Library library;
  return &library.api;
}

// The symbols of libhebb_cuda.
#include <string>
#include <vector>

#include "kernels/cuda/fill.h"
#include "kernels/slots.h"
#include "library/describe.h"
#include "library/driver.h"
#include "stream/command.h"

namespace hebb::library {
namespace {

struct Library {
  std::vector<stream::CudaKernel> kernels;
  stream::CudaApi api{};
  std::string description;

  Library() {
    kernels::cuda::fill();
    for (const stream::Slot* slot : kernels::all_slots()) {
      if (slot->cuda != nullptr) kernels.push_back({slot->name, slot, slot->cuda, slot->cuda_check});
    }
    api.abi = stream::kCudaAbi;
    api.command_bytes = sizeof(stream::Command);
    api.operand_bytes = sizeof(stream::Operand);
    api.version = HEBB_VERSION;
    fill_driver(api);
    api.kernels = kernels.data();
    api.kernel_count = static_cast<int>(kernels.size());
    description = describe(api);
  }
};

const Library& library() {
  static const Library loaded;
  return loaded;
}

}  // namespace
}  // namespace hebb::library

extern "C" [[gnu::visibility("default")]] const hebb::stream::CudaApi* hebb_cuda_api() {
  return &hebb::library::library().api;
}

extern "C" [[gnu::visibility("default")]] const char* hebb_cuda_describe() {
  return hebb::library::library().description.c_str();
}

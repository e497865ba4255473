#include "device/cuda/library.h"

#include <dlfcn.h>

#include <cstdlib>

#include "core/error.h"
#include "stream/command.h"

namespace hebb::cuda {
namespace {

// The first that has code in the library.
constexpr int kLeastMajor = 7, kLeastMinor = 5;

std::string folder_of_addon() {
  Dl_info info;
  if (dladdr(reinterpret_cast<const void*>(&folder_of_addon), &info) == 0 || info.dli_fname == nullptr)
    return ".";
  const std::string path = info.dli_fname;
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

bool is_emulated(const Search& search) { return search.emulator != nullptr && *search.emulator != 0; }

std::string path_of(const Search& search) {
  if (is_emulated(search)) return search.folder + "/libhebb_cuda_emulator.so";
  return search.file != nullptr ? search.file : search.folder + "/libhebb_cuda.so";
}

// What a status of the first calls means for somebody who wants to use the GPU.
std::string reason_of(const stream::CudaApi& api, int status) {
  switch (status) {
    case stream::kCudaDriverTooOld:
    case stream::kCudaDriverMismatch:
      return text("the NVIDIA driver is too old or does not fit (%s); CUDA 13 needs driver 580 or newer",
                  api.error_text(status));
    case stream::kCudaNoDevice:
      return "no CUDA device is visible; check nvidia-smi and CUDA_VISIBLE_DEVICES";
    case stream::kCudaOutOfMemory:
      return "the device is out of memory; free some of it";
    default:
      return text("the device cannot be opened: %s (%d)", api.error_text(status), status);
  }
}

std::string check(const stream::CudaApi& api, const std::string& path) {
  if (api.abi != stream::kCudaAbi || std::string(api.version) != HEBB_VERSION)
    return text("%s is of version %s (interface %u), the addon of %s (%u); install the same version of both",
                path.c_str(), api.abi == stream::kCudaAbi ? api.version : "?", api.abi, HEBB_VERSION,
                stream::kCudaAbi);
  if (api.command_bytes != sizeof(stream::Command) || api.operand_bytes != sizeof(stream::Operand))
    return text("%s was built from other sources than the addon; build both again", path.c_str());
  return "";
}

}  // namespace

Search search_of_process() {
  return {folder_of_addon(), std::getenv("HEBB_CUDA_LIBRARY"), std::getenv("HEBB_CUDA_EMULATOR")};
}

Library open_library(const Search& search) {
  Library result;
  if (!is_emulated(search) && dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL) == nullptr) {
    result.reason = "no NVIDIA driver (libcuda.so.1 is not there)";
    return result;
  }
  const std::string path = path_of(search);
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    result.reason = text("the CUDA library cannot be loaded: %s", dlerror());
    return result;
  }
  const auto function = reinterpret_cast<stream::CudaApiFunction>(dlsym(library, stream::kCudaSymbol));
  if (function == nullptr) {
    result.reason = text("%s is no library of hebb", path.c_str());
    return result;
  }
  const stream::CudaApi* api = function();
  result.reason = check(*api, path);
  if (!result.reason.empty()) return result;
  int devices = 0;
  int status = api->count(&devices);
  if (status == stream::kCudaSuccess && devices == 0) status = stream::kCudaNoDevice;
  if (status == stream::kCudaSuccess) status = api->open(0, &result.info);
  if (status != stream::kCudaSuccess) {
    result.reason = reason_of(*api, status);
    return result;
  }
  const stream::CudaInfo& info = result.info;
  if (info.major < kLeastMajor || (info.major == kLeastMajor && info.minor < kLeastMinor)) {
    result.reason = text("%s has compute capability %d.%d; %d.%d or newer is needed", info.name, info.major,
                         info.minor, kLeastMajor, kLeastMinor);
    return result;
  }
  result.api = api;
  return result;
}

}  // namespace hebb::cuda

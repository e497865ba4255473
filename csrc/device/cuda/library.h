// Finding and opening libhebb_cuda, or saying in one line why there is no GPU to use.
#pragma once

#include <string>

#include "stream/cuda_api.h"

namespace hebb::cuda {

// What is to be opened: where the library may lie, and whether it is the emulator's.
struct Search {
  std::string folder;    // of the addon
  const char* file;      // HEBB_CUDA_LIBRARY: a path, or null
  const char* emulator;  // HEBB_CUDA_EMULATOR: for tests; null or "" for none
};
Search search_of_process();

struct Library {
  const stream::CudaApi* api = nullptr;  // null where there is a reason
  std::string reason;
  stream::CudaInfo info{};
};

// Opens the library and its first device, and makes it the calling thread's. Never throws for what a machine
// lacks. A library that was loaded stays until the process ends.
Library open_library(const Search& search);

}  // namespace hebb::cuda

// What hebb_cuda_describe() tells: how commands lie in memory, and the parameters of each kernel.
#pragma once

#include <string>

#include "stream/cuda_api.h"

namespace hebb::library {

std::string describe(const stream::CudaApi& api);

}  // namespace hebb::library

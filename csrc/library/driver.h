// The functions of the C ABI but for the kernels: driver_cuda.cpp has them for devices, driver_emulated.cpp
// for the emulator.
#pragma once

#include "stream/cuda_api.h"

namespace hebb::library {

// Everything but abi, sizes, version and kernels.
void fill_driver(stream::CudaApi& api);

}  // namespace hebb::library

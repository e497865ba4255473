// The functions of the C ABI but for the kernels: driver_cuda.cpp has them for devices, driver_emulated.cpp
// for the emulator.
#pragma once

#include "stream/cuda_api.h"

namespace hebb::library {

// Their names; each driver has one for every one.
#define HEBB_DRIVER_FUNCTIONS(X) \
  X(error_text)                  \
  X(count)                       \
  X(open)                        \
  X(allocate)                    \
  X(release)                     \
  X(allocate_host)               \
  X(release_host)                \
  X(create_queue)                \
  X(destroy_queue)               \
  X(finish)                      \
  X(copy)                        \
  X(create_event)                \
  X(destroy_event)               \
  X(record_event)                \
  X(query_event)                 \
  X(wait_event)                  \
  X(begin_capture)               \
  X(end_capture)                 \
  X(launch_graph)                \
  X(destroy_graph)               \
  X(load_ptx)                    \
  X(launch_ptx)                  \
  X(unload_ptx)

// Everything but abi, sizes, version and kernels.
void fill_driver(stream::CudaApi& api);

}  // namespace hebb::library

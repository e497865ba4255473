// How a kernel of kernels/cuda launches its grids, on a device and on the emulator alike.
#pragma once

#include "kernels/cuda/hw.h"
#include "stream/command.h"

namespace hebb::kernels::cuda {

// What a family has for the slots: fill_<family>() puts it there.
struct Entry {
  stream::Slot* slot;
  stream::DeviceKernel kernel;
};

// Queues kernel(arguments...) for every thread of the grid; nothing where the command has failed already.
template <class... Parameters, class... Arguments>
void launch(stream::DeviceContext& context, const Grid& grid, void (*kernel)(Parameters...),
            Arguments... arguments) {
  if (context.status != 0) return;
#if defined(__CUDACC__)
  const dim3 blocks(static_cast<unsigned>(grid.blocks), static_cast<unsigned>(grid.blocks_y),
                    static_cast<unsigned>(grid.blocks_z));
  kernel<<<blocks, static_cast<unsigned>(grid.threads), grid.shared_bytes,
           static_cast<cudaStream_t>(context.queue)>>>(arguments...);
  context.status = static_cast<int>(cudaGetLastError());
#else
  auto* queue = static_cast<emulator::Queue*>(context.queue);
  queue->put([=, order = queue->order] {
    auto call = [&] { kernel(arguments...); };
    const auto body = [](void* self) { (*static_cast<decltype(call)*>(self))(); };
    emulator::run(grid, order, {body, &call, reinterpret_cast<const void*>(kernel)});
  });
#endif
}

}  // namespace hebb::kernels::cuda

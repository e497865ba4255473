#include "device/cpu/allocator.h"

#include "device/cpu/machine.h"
#include "device/cpu/pages.h"

namespace hebb::cpu {

static_assert(kHugePage == device::kChunkUnit);

device::ChunkSource& chunk_source() {
  static device::ChunkSource source{Device::kCpu, &map_pages, &unmap_pages,
                                    static_cast<size_t>(static_cast<double>(usable_memory()) * 0.8)};
  return source;
}

}  // namespace hebb::cpu

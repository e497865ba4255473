// Memory straight from the system, in huge pages where it has them.
#pragma once

#include <cstddef>

namespace hebb::cpu {

inline constexpr size_t kHugePage = size_t{2} << 20;

// `bytes` of zeroed memory at a multiple of kHugePage, itself a multiple of kHugePage; null where the system
// refuses. Pages come on first touch, by the thread that computes on them.
void* map_pages(size_t bytes);
void unmap_pages(void* data, size_t bytes);

}  // namespace hebb::cpu

// Memory straight from the system, in huge pages where it has them.
#pragma once

#include <cstddef>

namespace hebb::cpu {

inline constexpr size_t kHugePage = size_t{2} << 20;

// `bytes` of zeroed memory at a multiple of kHugePage, itself a multiple of kHugePage; null where the system
// refuses. Pages come on first touch, by the thread that computes on them.
void* map_pages(size_t bytes);
void unmap_pages(void* data, size_t bytes);

// Bring in the pages of this library and of the mathematical library; of the calling thread's stack as far as
// kernels go, and the first ones of its heap: no page fault is left for the middle of a step. Where the
// system cannot, nothing happens.
void map_code();
void touch_thread_memory();

}  // namespace hebb::cpu

// Maps one huge page more than asked and cuts both ends off, which is how alignment is had from mmap.
#include "device/cpu/pages.h"

#include <sys/mman.h>

#include <cstdint>

namespace hebb::cpu {

void* map_pages(size_t bytes) {
  const size_t padded = bytes + kHugePage;
  if (padded < bytes) return nullptr;
  void* mapped =
      mmap(nullptr, padded, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  char* start = static_cast<char*>(mapped);
  const size_t before = (kHugePage - reinterpret_cast<uintptr_t>(start) % kHugePage) % kHugePage;
  if (before > 0) munmap(start, before);
  if (before < kHugePage) munmap(start + before + bytes, kHugePage - before);
  // Only advice: without huge pages the memory works the same.
  madvise(start + before, bytes, MADV_HUGEPAGE);
  return start + before;
}

void unmap_pages(void* data, size_t bytes) { munmap(data, bytes); }

}  // namespace hebb::cpu

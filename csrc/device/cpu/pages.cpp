// Maps one huge page more than asked and cuts both ends off, which is how alignment is had from mmap.
#include "device/cpu/pages.h"

#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>

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

namespace {

// More than the frames of any kernel take.
constexpr size_t kStackBytes = 128 << 10;
// Less than what malloc would give back at once, or take from elsewhere.
constexpr size_t kHeapBytes = 64 << 10;
constexpr size_t kPage = 4096;
// MADV_POPULATE_READ, which headers before Linux 5.14 do not have.
constexpr int kPopulateRead = 22;

bool holds(const dl_phdr_info& library, const void* address) {
  const auto place = reinterpret_cast<uintptr_t>(address);
  for (int i = 0; i < library.dlpi_phnum; ++i) {
    const auto& segment = library.dlpi_phdr[i];
    const uintptr_t start = library.dlpi_addr + segment.p_vaddr;
    if (segment.p_type == PT_LOAD && place >= start && place < start + segment.p_memsz) return true;
  }
  return false;
}

int map_library(dl_phdr_info* library, size_t, void*) {
  if (!holds(*library, reinterpret_cast<void*>(&map_code)) && !std::strstr(library->dlpi_name, "/libm."))
    return 0;
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  for (int i = 0; i < library->dlpi_phnum; ++i) {
    const auto& segment = library->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    const uintptr_t start = (library->dlpi_addr + segment.p_vaddr) / page * page;
    const uintptr_t end = library->dlpi_addr + segment.p_vaddr + segment.p_filesz;
    madvise(reinterpret_cast<void*>(start), end - start, kPopulateRead);
  }
  return 0;
}

void touch(char* pages, size_t bytes) {
  for (size_t i = 0; i < bytes; i += kPage) {
    pages[i] = 0;
    // Or the compiler sees that nobody reads it.
    __asm__ volatile("" : : "r"(&pages[i]) : "memory");
  }
}

__attribute__((noinline)) void touch_stack() {
  char pages[kStackBytes];
  touch(pages, kStackBytes);
}

// Threads have heaps of their own, whose pages come as they grow.
void touch_heap() {
  char* pages = static_cast<char*>(std::malloc(kHeapBytes));
  if (pages == nullptr) return;
  touch(pages, kHeapBytes);
  std::free(pages);
}

}  // namespace

void map_code() { dl_iterate_phdr(&map_library, nullptr); }

void touch_thread_memory() {
  touch_stack();
  touch_heap();
}

}  // namespace hebb::cpu

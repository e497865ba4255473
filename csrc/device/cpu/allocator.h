// CpuAllocator: the caching allocator over pages of the system.
#pragma once

#include "device/caching_allocator.h"

namespace hebb::cpu {

using device::bytes_text;
using device::MemoryStats;

// Starts with a cap of 80 % of the machine's memory or of the control group's limit.
device::ChunkSource& chunk_source();

// The most that all allocators of the process may map together.
inline size_t memory_cap() { return chunk_source().cap.load(); }
inline void set_memory_cap(size_t bytes) { chunk_source().cap.store(bytes); }
inline size_t process_reserved_bytes() { return chunk_source().reserved.load(); }

class CpuAllocator : public device::CachingAllocator {
 public:
  CpuAllocator() : CachingAllocator(chunk_source()) {}
};

}  // namespace hebb::cpu

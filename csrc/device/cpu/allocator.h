// CpuAllocator: caching memory of one environment's tensors, under a cap that all environments share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/storage.h"

namespace hebb::cpu {

struct MemoryStats {
  size_t live_bytes = 0;  // as asked for
  size_t live_blocks = 0;
  size_t peak_bytes = 0;      // the most live_bytes has been
  size_t cached_bytes = 0;    // held for reuse
  size_t reserved_bytes = 0;  // mapped from the system: live, cached and rounding
};

// The most that all allocators of the process may map together. Starts at 80 % of the machine's memory or of
// the control group's limit.
size_t memory_cap();
void set_memory_cap(size_t bytes);
size_t process_reserved_bytes();

// Best fit with splitting and coalescing, in chunks of huge pages. A released block serves the next request
// at once: the caller promises that whatever still uses it was submitted earlier to the same queue. No locks:
// all calls come from the one thread that owns it. Of a Block, commands in flight may use `fault` alone;
// headers are recycled like memory.
class CpuAllocator : public Allocator {
 public:
  CpuAllocator();
  ~CpuAllocator() override;
  CpuAllocator(const CpuAllocator&) = delete;
  CpuAllocator& operator=(const CpuAllocator&) = delete;

  // Throws Error(kMemory) at the cap, or where the system refuses: after the queue is drained and trim()
  // called, a second try may succeed.
  Block* allocate(size_t bytes) override;
  void release(Block* block) noexcept override;

  // Gives wholly unused chunks back to the system; returns the bytes. No command may be pending.
  size_t trim() override;

  const MemoryStats& stats() const { return stats_; }
  // The sizes asked for of the largest live blocks, largest first.
  std::vector<size_t> largest_live(size_t count) const;

  // For tests: the nth allocation from now throws; 0 turns it off.
  void set_fail_at(int64_t n) { fail_at_ = n; }
  // What is left until then.
  int64_t fail_at() const { return fail_at_; }

 private:
  struct Chunk;
  struct Piece;
  // One for small and one for large requests: a small block that lives long must not pin a large chunk.
  struct Pool;

  Piece* grow(Pool& pool, size_t size, size_t asked);
  void split(Pool& pool, Piece* piece, size_t size);
  Piece* join(Piece* first, Piece* second);
  Piece* new_piece();
  void recycle(Piece* piece);
  [[noreturn]] void fail(size_t asked, const char* why) const;

  std::unique_ptr<Pool> small_;
  std::unique_ptr<Pool> large_;
  std::vector<std::unique_ptr<Piece[]>> headers_;
  Piece* spare_ = nullptr;
  Piece* live_ = nullptr;
  MemoryStats stats_;
  int64_t fail_at_ = 0;
  size_t chunks_made_ = 0;
};

// "4.2 GiB", "512 B".
std::string bytes_text(size_t bytes);

}  // namespace hebb::cpu

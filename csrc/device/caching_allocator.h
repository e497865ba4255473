// CachingAllocator: memory of one environment's tensors on one device, kept for reuse, under a cap that all
// environments share.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/storage.h"

namespace hebb::device {

struct MemoryStats {
  size_t live_bytes = 0;  // as asked for
  size_t live_blocks = 0;
  size_t peak_bytes = 0;      // the most live_bytes has been
  size_t cached_bytes = 0;    // held for reuse
  size_t reserved_bytes = 0;  // mapped from the system: live, cached and rounding
};

// Chunks come in multiples of this.
inline constexpr size_t kChunkUnit = size_t{2} << 20;

// Where the allocators of a device get their chunks, and how much they may have together.
struct ChunkSource {
  Device device;
  // A multiple of kChunkUnit bytes at a multiple of 64 or more; null where the system refuses.
  void* (*map)(size_t bytes);
  void (*unmap)(void* data, size_t bytes);
  std::atomic<size_t> cap;
  std::atomic<size_t> reserved{0};

  // Takes `bytes` of the cap; false where that is too much.
  bool reserve(size_t bytes);
};

// Best fit with splitting and coalescing, in chunks of huge pages. A released block serves the next request
// at once: the caller promises that whatever still uses it was submitted earlier to the same queue. No locks:
// all calls come from the one thread that owns it. Of a Block, commands in flight may use `fault` alone;
// headers are recycled like memory.
class CachingAllocator : public Allocator {
 public:
  explicit CachingAllocator(ChunkSource& source);
  ~CachingAllocator() override;
  CachingAllocator(const CachingAllocator&) = delete;
  CachingAllocator& operator=(const CachingAllocator&) = delete;

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

  ChunkSource& source_;
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

}  // namespace hebb::device

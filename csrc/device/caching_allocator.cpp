// Segregated free lists over chunks of huge pages; neighbours in memory are linked, so that free ones join.
#include "device/caching_allocator.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cassert>
#include <functional>

#include "core/error.h"

namespace hebb::device {

namespace {

constexpr size_t kUnit = 64;
constexpr size_t kSmallLimit = size_t{256} << 10;
constexpr size_t kLargeChunk = size_t{32} << 20;
// Five cache lines: streams whose starts agree in their low 12 bits stall on false store-to-load conflicts.
constexpr size_t kStagger = 5 * kUnit;
constexpr size_t kPage = 4096;
constexpr size_t kHeadersAtOnce = 128;
constexpr int kClasses = 640;
constexpr int kClassWords = kClasses / 64;
// No machine has 2^46 bytes; larger requests are mistakes, and would overflow below.
constexpr size_t kMostBytes = size_t{1} << 46;
// The first fit of so many in the list that may or may not fit: there lies the block of the step before.
constexpr int kTries = 8;

size_t round_up(size_t value, size_t multiple) { return (value + multiple - 1) / multiple * multiple; }

size_t piece_size(size_t asked) {
  const size_t size = round_up(std::max<size_t>(asked, 1), kUnit);
  return size >= kPage && size % (kPage / 4) == 0 ? size + kStagger : size;
}

// Sixteen lists for each power of two of units.
int class_of(size_t size) {
  const size_t units = size / kUnit;
  if (units < 16) return static_cast<int>(units);
  const int power = std::bit_width(units) - 1;
  return (power - 3) * 16 + static_cast<int>(units >> (power - 4) & 15);
}

}  // namespace

bool ChunkSource::reserve(size_t bytes) {
  size_t before = reserved.load();
  do {
    if (before + bytes > cap.load()) return false;
  } while (!reserved.compare_exchange_weak(before, before + bytes));
  return true;
}

std::string bytes_text(size_t bytes) {
  static constexpr const char* kNames[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  int unit = 0;
  double value = static_cast<double>(bytes);
  for (; value >= 1024 && unit < 4; ++unit) value /= 1024;
  std::string shown = text("%.1f", value);
  if (shown.ends_with(".0")) shown.resize(shown.size() - 2);
  return shown + " " + kNames[unit];
}

// A part of a chunk, live or free. `data` and `capacity` tile the chunk.
struct CachingAllocator::Piece : Block {
  Pool* pool = nullptr;
  Piece* before = nullptr;  // neighbours in memory
  Piece* after = nullptr;
  Piece* next = nullptr;  // in the list of its class, of the live ones, or of the spare headers
  Piece* previous = nullptr;
  size_t asked = 0;
  bool free = false;

  void push(Piece*& head) {
    previous = nullptr;
    next = head;
    if (head != nullptr) head->previous = this;
    head = this;
  }
  void remove(Piece*& head) {
    (previous != nullptr ? previous->next : head) = next;
    if (next != nullptr) next->previous = previous;
  }
};

struct CachingAllocator::Chunk {
  void* data;
  size_t bytes;
  Piece* first;
};

struct CachingAllocator::Pool {
  size_t chunk_bytes;
  // A rest smaller than this share of the block stays with it.
  size_t split_share;
  Piece* lists[kClasses] = {};
  uint64_t filled[kClassWords] = {};
  std::vector<Chunk> chunks;

  Pool(size_t chunk, size_t share) : chunk_bytes(chunk), split_share(share) {}

  void insert(Piece* piece) {
    const int index = class_of(piece->capacity);
    piece->free = true;
    piece->push(lists[index]);
    filled[index / 64] |= uint64_t{1} << index % 64;
  }
  void remove(Piece* piece) {
    const int index = class_of(piece->capacity);
    piece->free = false;
    piece->remove(lists[index]);
    if (lists[index] == nullptr) filled[index / 64] &= ~(uint64_t{1} << index % 64);
  }
  Piece* find(size_t size) const {
    const int index = class_of(size);
    Piece* piece = lists[index];
    for (int tries = 0; piece != nullptr && tries < kTries; ++tries, piece = piece->next) {
      if (piece->capacity >= size) return piece;
    }
    // Everything in a higher class fits.
    int word = (index + 1) / 64;
    uint64_t bits = filled[word] & ~uint64_t{0} << (index + 1) % 64;
    while (bits == 0) {
      if (++word == kClassWords) return nullptr;
      bits = filled[word];
    }
    return lists[word * 64 + std::countr_zero(bits)];
  }
};

CachingAllocator::CachingAllocator(ChunkSource& source)
    : Allocator(source.device),
      source_(source),
      small_(std::make_unique<Pool>(kChunkUnit, kMostBytes)),
      large_(std::make_unique<Pool>(kLargeChunk, 16)) {}

CachingAllocator::~CachingAllocator() {
  for (Pool* pool : {small_.get(), large_.get()}) {
    for (const Chunk& chunk : pool->chunks) source_.unmap(chunk.data, chunk.bytes);
  }
  source_.reserved.fetch_sub(stats_.reserved_bytes);
}

Block* CachingAllocator::allocate(size_t bytes) {
  if (fail_at_ > 0 && --fail_at_ == 0) fail(bytes, "a test asked for this failure");
  if (bytes > kMostBytes) fail(bytes, "no machine has that much");
  const size_t size = piece_size(bytes);
  Pool& pool = size <= kSmallLimit ? *small_ : *large_;
  Piece* piece = pool.find(size);
  if (piece == nullptr) {
    piece = grow(pool, size, bytes);
  } else {
    pool.remove(piece);
    stats_.cached_bytes -= piece->capacity;
  }
  split(pool, piece, size);
  piece->asked = bytes;
  piece->push(live_);
  ++stats_.live_blocks;
  stats_.live_bytes += bytes;
  stats_.peak_bytes = std::max(stats_.peak_bytes, stats_.live_bytes);
  return piece;
}

void CachingAllocator::release(Block* block) noexcept {
  Piece* piece = static_cast<Piece*>(block);
  assert(piece->owner == this && !piece->free);
  Pool& pool = *piece->pool;
  piece->remove(live_);
  --stats_.live_blocks;
  stats_.live_bytes -= piece->asked;
  stats_.cached_bytes += piece->capacity;
  if (piece->before != nullptr && piece->before->free) {
    pool.remove(piece->before);
    piece = join(piece->before, piece);
  }
  if (piece->after != nullptr && piece->after->free) {
    pool.remove(piece->after);
    piece = join(piece, piece->after);
  }
  pool.insert(piece);
}

CachingAllocator::Piece* CachingAllocator::grow(Pool& pool, size_t size, size_t asked) {
  // The first piece starts further in from chunk to chunk, against the same conflicts as between neighbours.
  const size_t lead = chunks_made_ * kStagger % kPage;
  const size_t least = round_up(size + lead, kChunkUnit);
  size_t bytes = std::max(least, pool.chunk_bytes);
  if (!source_.reserve(bytes)) {
    bytes = least;
    if (!source_.reserve(bytes)) fail(asked, nullptr);
  }
  Piece* piece = new_piece();
  void* data = source_.map(bytes);
  if (data == nullptr) {
    recycle(piece);
    source_.reserved.fetch_sub(bytes);
    fail(asked, "the system refuses more");
  }
  ++chunks_made_;
  stats_.reserved_bytes += bytes;
  piece->data = static_cast<char*>(data) + lead;
  piece->capacity = bytes - lead;
  piece->pool = &pool;
  pool.chunks.push_back({data, bytes, piece});
  return piece;
}

void CachingAllocator::split(Pool& pool, Piece* piece, size_t size) {
  const size_t rest = piece->capacity - size;
  if (rest < std::max(kUnit, size / pool.split_share)) return;
  Piece* tail = new_piece();
  tail->data = static_cast<char*>(piece->data) + size;
  tail->capacity = rest;
  tail->pool = &pool;
  tail->before = piece;
  tail->after = piece->after;
  if (tail->after != nullptr) tail->after->before = tail;
  piece->after = tail;
  piece->capacity = size;
  pool.insert(tail);
  stats_.cached_bytes += rest;
}

// The first header stays, so that a chunk's first piece never changes.
CachingAllocator::Piece* CachingAllocator::join(Piece* first, Piece* second) {
  first->capacity += second->capacity;
  first->after = second->after;
  if (first->after != nullptr) first->after->before = first;
  recycle(second);
  return first;
}

CachingAllocator::Piece* CachingAllocator::new_piece() {
  if (spare_ == nullptr) {
    headers_.push_back(std::make_unique<Piece[]>(kHeadersAtOnce));
    for (size_t i = 0; i < kHeadersAtOnce; ++i) recycle(&headers_.back()[i]);
  }
  Piece* piece = spare_;
  piece->remove(spare_);
  piece->owner = this;
  piece->free = false;
  piece->before = piece->after = nullptr;
  return piece;
}

void CachingAllocator::recycle(Piece* piece) {
  piece->free = true;
  piece->push(spare_);
}

size_t CachingAllocator::trim() {
  size_t freed = 0;
  for (Pool* pool : {small_.get(), large_.get()}) {
    std::erase_if(pool->chunks, [&](const Chunk& chunk) {
      Piece* piece = chunk.first;
      if (!piece->free || piece->after != nullptr) return false;
      pool->remove(piece);
      stats_.cached_bytes -= piece->capacity;
      recycle(piece);
      source_.unmap(chunk.data, chunk.bytes);
      freed += chunk.bytes;
      return true;
    });
  }
  stats_.reserved_bytes -= freed;
  source_.reserved.fetch_sub(freed);
  return freed;
}

std::vector<size_t> CachingAllocator::largest_live(size_t count) const {
  std::vector<size_t> sizes;
  for (const Piece* piece = live_; piece != nullptr; piece = piece->next) sizes.push_back(piece->asked);
  count = std::min(count, sizes.size());
  std::partial_sort(sizes.begin(), sizes.begin() + static_cast<std::ptrdiff_t>(count), sizes.end(),
                    std::greater<>());
  sizes.resize(count);
  return sizes;
}

void CachingAllocator::fail(size_t asked, const char* why) const {
  std::string detail = bytes_text(asked) + " asked, " + bytes_text(stats_.live_bytes) + " live, " +
                       bytes_text(stats_.cached_bytes) + " cached, cap " + bytes_text(source_.cap.load());
  if (why != nullptr) detail += std::string(" (") + why + ")";
  std::string largest;
  for (size_t size : largest_live(3))
    largest += (largest.empty() ? ", largest live: " : ", ") + bytes_text(size);
  throw Error(ErrorKind::kMemory, "alloc",
              detail + largest + "; free tensors, take a smaller batch or raise the cap");
}

}  // namespace hebb::device

// The caching allocator: no overlap under random work, reuse, coalescing, the cap, statistics, flat memory.
#include "device/cpu/allocator.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <random>
#include <vector>

#include "check.h"
#include "core/error.h"
#include "device/cpu/pages.h"

using namespace hebb;
using namespace hebb::cpu;

namespace {

constexpr size_t kMiB = size_t{1} << 20;

// Restores the cap that a test lowers.
struct Cap {
  size_t before = memory_cap();
  explicit Cap(size_t bytes) { set_memory_cap(bytes); }
  ~Cap() { set_memory_cap(before); }
};

uintptr_t address(const Block* block) { return reinterpret_cast<uintptr_t>(block->data); }

// Sizes as training has them: most are small, some large, powers of two and odd ones.
size_t random_size(std::mt19937& random) {
  const size_t power = random() % 22;
  const size_t base = size_t{1} << power;
  return random() % 3 == 0 ? base : base + random() % base;
}

struct Held {
  Block* block;
  size_t bytes;
  unsigned char mark;
};

void write_mark(const Held& held) { std::memset(held.block->data, held.mark, held.bytes); }

bool has_mark(const Held& held) {
  const auto* data = static_cast<const unsigned char*>(held.block->data);
  return std::all_of(data, data + held.bytes, [&](unsigned char byte) { return byte == held.mark; });
}

size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  size_t total = 0, resident = 0;
  file >> total >> resident;
  return resident * 4096;
}

}  // namespace

TEST(allocator_blocks_never_overlap) {
  const size_t before = process_reserved_bytes();
  {
    CpuAllocator allocator;
    std::mt19937 random(3);
    std::vector<Held> live;
    size_t bytes = 0;
    for (int step = 0; step < 20000; ++step) {
      if (live.empty() || (random() % 2 == 0 && live.size() < 200)) {
        Held held{nullptr, random_size(random), static_cast<unsigned char>(random())};
        held.block = allocator.allocate(held.bytes);
        CHECK_EQ(address(held.block) % 64, 0u);
        CHECK(held.block->capacity >= held.bytes);
        CHECK(held.block->owner == &allocator);
        write_mark(held);
        bytes += held.bytes;
        live.push_back(held);
      } else {
        std::swap(live[random() % live.size()], live.back());
        CHECK(has_mark(live.back()));
        bytes -= live.back().bytes;
        allocator.release(live.back().block);
        live.pop_back();
      }
      CHECK_EQ(allocator.stats().live_bytes, bytes);
      CHECK_EQ(allocator.stats().live_blocks, live.size());
    }
    for (const Held& held : live) {
      CHECK(has_mark(held));
      allocator.release(held.block);
    }
    // Everything has joined again: nothing is left after a trim.
    CHECK_EQ(allocator.stats().live_bytes, 0u);
    CHECK_EQ(process_reserved_bytes(), before + allocator.stats().reserved_bytes);
    const size_t reserved = allocator.stats().reserved_bytes;
    CHECK_EQ(allocator.trim(), reserved);
    CHECK_EQ(allocator.stats().reserved_bytes, 0u);
    CHECK_EQ(allocator.stats().cached_bytes, 0u);
    // And it works on.
    allocator.release(allocator.allocate(100));
  }
  CHECK_EQ(process_reserved_bytes(), before);
}

TEST(allocator_destructor_frees_live_blocks) {
  const size_t before = process_reserved_bytes();
  {
    CpuAllocator allocator;
    allocator.allocate(3 * kMiB);
    allocator.allocate(10);
  }
  CHECK_EQ(process_reserved_bytes(), before);
}

TEST(allocator_reuses_the_block_just_released) {
  CpuAllocator allocator;
  for (size_t bytes :
       {size_t{0}, size_t{1}, size_t{64}, size_t{4096}, size_t{100000}, kMiB, 3 * kMiB + 8, 40 * kMiB}) {
    Block* keep = allocator.allocate(bytes);
    Block* first = allocator.allocate(bytes);
    const void* data = first->data;
    allocator.release(first);
    Block* second = allocator.allocate(bytes);
    CHECK(second->data == data);
    allocator.release(second);
    allocator.release(keep);
  }
}

TEST(allocator_joins_neighbours) {
  CpuAllocator allocator;
  std::vector<Block*> parts;
  for (int i = 0; i < 16; ++i) parts.push_back(allocator.allocate(kMiB));
  const size_t reserved = allocator.stats().reserved_bytes;
  // Every second first, so that each later release joins two neighbours.
  for (size_t i = 0; i < 16; i += 2) allocator.release(parts[i]);
  for (size_t i = 1; i < 16; i += 2) allocator.release(parts[i]);
  Block* whole = allocator.allocate(16 * kMiB);
  CHECK_EQ(allocator.stats().reserved_bytes, reserved);
  allocator.release(whole);
}

TEST(allocator_staggers_starts) {
  CpuAllocator allocator;
  for (size_t bytes : {size_t{8192}, kMiB, 32 * kMiB}) {
    std::vector<Block*> blocks;
    std::vector<uintptr_t> offsets;
    for (int i = 0; i < 6; ++i) {
      blocks.push_back(allocator.allocate(bytes));
      offsets.push_back(address(blocks.back()) % 4096);
    }
    std::sort(offsets.begin(), offsets.end());
    CHECK(std::unique(offsets.begin(), offsets.end()) == offsets.end());
    for (Block* block : blocks) allocator.release(block);
  }
}

TEST(allocator_holds_the_cap) {
  const Cap cap(process_reserved_bytes() + 64 * kMiB);
  CpuAllocator one, two;
  Block* big = one.allocate(30 * kMiB);
  Block* other = two.allocate(20 * kMiB);
  CHECK_EQ(one.largest_live(5).size(), 1u);
  CHECK_THROWS(two.allocate(30 * kMiB), "alloc: 30 MiB asked, 20 MiB live, ");
  CHECK_THROWS(two.allocate(30 * kMiB), "largest live: 20 MiB; free tensors");
  try {
    two.allocate(30 * kMiB);
    CHECK(false);
  } catch (const Error& error) {
    CHECK_EQ(error.kind(), ErrorKind::kMemory);
  }
  CHECK_EQ(two.stats().live_blocks, 1u);
  // What one gives back, two can have.
  one.release(big);
  CHECK(one.trim() >= 30 * kMiB);
  big = two.allocate(30 * kMiB);
  two.release(big);
  two.release(other);
  CHECK_THROWS(one.allocate(size_t{1} << 60), "no machine has that much");
  CHECK_THROWS(one.allocate(~size_t{0}), "alloc: ");
}

TEST(allocator_fails_when_told) {
  CpuAllocator allocator;
  allocator.set_fail_at(3);
  Block* first = allocator.allocate(8);
  Block* second = allocator.allocate(8);
  CHECK_THROWS(allocator.allocate(8), "alloc: 8 B asked");
  Block* third = allocator.allocate(8);
  for (Block* block : {first, second, third}) allocator.release(block);
  CHECK_EQ(allocator.stats().live_blocks, 0u);
}

TEST(allocator_counts_peak_and_largest) {
  CpuAllocator allocator;
  std::vector<Block*> blocks;
  for (size_t bytes : {100, 300, 200}) blocks.push_back(allocator.allocate(bytes));
  CHECK(allocator.largest_live(2) == std::vector<size_t>({300, 200}));
  for (Block* block : blocks) allocator.release(block);
  CHECK_EQ(allocator.stats().peak_bytes, 600u);
  CHECK(allocator.largest_live(2).empty());
}

TEST(allocator_recycles_many_headers) {
  CpuAllocator allocator;
  std::vector<Block*> blocks;
  for (int i = 0; i < 5000; ++i) blocks.push_back(allocator.allocate(64));
  for (Block* block : blocks) allocator.release(block);
  CHECK_EQ(allocator.trim(), kHugePage);
}

// Steps of training with a smaller batch now and then, and a batch size that wanders: after the first rounds
// neither the mapped nor the resident memory grows.
TEST(allocator_memory_stays_flat) {
  CpuAllocator allocator;
  std::mt19937 random(5);
  const size_t features[] = {784, 4704, 1176, 1600, 400, 120, 84, 10};
  std::vector<Block*> params;
  const auto step = [&](size_t batch) {
    std::vector<Block*> saved;
    for (size_t width : features) {
      Block* y = allocator.allocate(batch * width * 4);
      std::memset(y->data, 1, batch * width * 4);
      saved.push_back(y);
    }
    while (!saved.empty()) {
      Block* grad = allocator.allocate(saved.back()->capacity);
      std::memset(grad->data, 1, 64);
      allocator.release(saved.back());
      saved.pop_back();
      allocator.release(grad);
    }
  };
  for (size_t width : features) params.push_back(allocator.allocate(width * 100));
  const auto epoch = [&] {
    for (int i = 0; i < 40; ++i) step(256);
    step(96);
    for (int i = 0; i < 10; ++i) step(200 + random() % 56);
  };
  for (int i = 0; i < 3; ++i) epoch();
  const size_t reserved = allocator.stats().reserved_bytes, resident = resident_bytes();
  for (int i = 0; i < 10; ++i) epoch();
  CHECK_EQ(allocator.stats().reserved_bytes, reserved);
  CHECK(resident_bytes() <= resident + 2 * kMiB);
  CHECK(reserved <= 64 * kMiB);
  for (Block* block : params) allocator.release(block);
}

TEST(bytes_print_short) {
  CHECK_EQ(bytes_text(0), "0 B");
  CHECK_EQ(bytes_text(1023), "1023 B");
  CHECK_EQ(bytes_text(1536), "1.5 KiB");
  CHECK_EQ(bytes_text(8 * (size_t{1} << 30)), "8 GiB");
}

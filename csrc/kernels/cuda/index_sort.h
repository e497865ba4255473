// Positions in the order of their keys, equal keys in ascending order: a radix sort, 8 bits at a pass. No
// thread's turn matters: a warp ranks its items by votes, and blocks by counts that are added in order.
#pragma once

#include "kernels/cuda/index_guard.h"

namespace hebb::kernels::cuda {
namespace {

constexpr int kDigits = 256;
constexpr int kSortWarps = kDigits / hw::kLanes;
constexpr int kSortThreads = kDigits;
constexpr int64_t kWarpItems = 256;
constexpr int64_t kBlockItems = kSortWarps * kWarpItems;

// Where position k is to be added: row (k / period) * extent + index[k] of rows of `inner`, at column
// k % inner. Bad indices come last, behind all rows.
struct Keys {
  Indices indices;
  int64_t period, inner, extent;
  int64_t rows;  // all there are

  HEBB_DEVICE int64_t operator()(int64_t k) const {
    const int64_t index = indices[k];
    if (!is_in_range(index, extent)) return rows;
    if (period == indices.count && inner == 1) return index;
    return (k / period * extent + index) * inner + k % inner;
  }
};

struct Pass {
  Keys keys;
  const int64_t* from;  // positions; null for 0, 1, 2, ..
  int64_t* to;
  int64_t* starts;  // [kDigits, blocks]: how many there are, then where they begin
  int shift;

  HEBB_DEVICE int64_t position(int64_t item) const { return from == nullptr ? item : from[item]; }
  HEBB_DEVICE int digit(int64_t position) const {
    return static_cast<int>(keys(position) >> shift & (kDigits - 1));
  }
};

HEBB_DEVICE int bits_in(unsigned bits) {
  bits -= bits >> 1 & 0x55555555u;
  bits = (bits & 0x33333333u) + (bits >> 2 & 0x33333333u);
  return static_cast<int>(((bits + (bits >> 4)) & 0x0f0f0f0fu) * 0x01010101u >> 24);
}

struct DigitCounts {
  int64_t next[kSortWarps][kDigits];  // of a digit: how many a warp has, then where its next one goes
};

// The lanes that have the same digit as this one. Lanes without an item have none.
HEBB_DEVICE unsigned lanes_alike(int digit, bool has_item) {
  unsigned alike = hw::ballot(has_item);
  for (int bit = 0; bit < 8; ++bit) {
    const bool set = (digit >> bit & 1) != 0;
    const unsigned with = hw::ballot(set);
    alike &= set ? with : ~with;
  }
  return alike;
}

// For the warp's items in order, 32 at a time: visit(position, digit, rank) by each lane, `rank` being its
// own among the lanes alike, then advance(digit, count) by the first of them. Both touch what is the warp's.
template <class Visit, class Advance>
HEBB_DEVICE void for_warp_items(const Pass& pass, Visit visit, Advance advance) {
  const int64_t first = hw::block() * kBlockItems + hw::warp() * kWarpItems;
  for (int64_t i = 0; i < kWarpItems; i += hw::kLanes) {
    const int64_t item = first + i + hw::lane();
    const bool has_item = item < pass.keys.indices.count;
    const int64_t position = has_item ? pass.position(item) : 0;
    const int digit = has_item ? pass.digit(position) : 0;
    const unsigned alike = lanes_alike(digit, has_item);
    const int rank = bits_in(alike & ((1u << hw::lane()) - 1));
    if (has_item) visit(position, digit, rank);
    // Votes do not order what lanes read and write; barriers do.
    hw::sync_warp();
    if (has_item && rank == 0) advance(digit, bits_in(alike));
    hw::sync_warp();
  }
}

// How often each digit occurs in each warp of the block.
HEBB_DEVICE DigitCounts& counts_of_warps(const Pass& pass) {
  auto& counts = hw::shared<DigitCounts>();
  for (int warp = 0; warp < kSortWarps; ++warp) counts.next[warp][hw::thread()] = 0;
  hw::sync();
  for_warp_items(
      pass, [](int64_t, int, int) {}, [&](int digit, int count) { counts.next[hw::warp()][digit] += count; });
  hw::sync();
  return counts;
}

// How often each digit occurs in each block.
HEBB_KERNEL HEBB_BOUNDS(kSortThreads, 1) void count_digits(Pass pass) {
  auto& counts = counts_of_warps(pass);
  int64_t sum = 0;
  for (int warp = 0; warp < kSortWarps; ++warp) sum += counts.next[warp][hw::thread()];
  pass.starts[static_cast<int64_t>(hw::thread()) * hw::blocks() + hw::block()] = sum;
}

struct ScanMemory {
  int64_t sums[kSortThreads];
};

// Counts become starts; one block, whose threads take runs of them.
HEBB_KERNEL HEBB_BOUNDS(kSortThreads, 1) void start_digits(int64_t* starts, int64_t size) {
  auto& memory = hw::shared<ScanMemory>();
  const int64_t run = ceil_div(size, kSortThreads);
  const int64_t begin = hw::thread() * run, end = begin + run < size ? begin + run : size;
  int64_t sum = 0;
  for (int64_t i = begin; i < end; ++i) sum += starts[i];
  memory.sums[hw::thread()] = sum;
  for (int distance = 1; distance < kSortThreads; distance *= 2) {
    hw::sync();
    const int64_t before = hw::thread() >= distance ? memory.sums[hw::thread() - distance] : 0;
    hw::sync();
    memory.sums[hw::thread()] += before;
  }
  int64_t next = memory.sums[hw::thread()] - sum;
  for (int64_t i = begin; i < end; ++i) {
    const int64_t count = starts[i];
    starts[i] = next;
    next += count;
  }
}

HEBB_KERNEL HEBB_BOUNDS(kSortThreads, 1) void place_digits(Pass pass) {
  auto& counts = counts_of_warps(pass);
  int64_t next = pass.starts[static_cast<int64_t>(hw::thread()) * hw::blocks() + hw::block()];
  for (int warp = 0; warp < kSortWarps; ++warp) {
    const int64_t count = counts.next[warp][hw::thread()];
    counts.next[warp][hw::thread()] = next;
    next += count;
  }
  hw::sync();
  for_warp_items(
      pass,
      [&](int64_t position, int digit, int rank) {
        pass.to[counts.next[hw::warp()][digit] + rank] = position;
      },
      [&](int digit, int count) { counts.next[hw::warp()][digit] += count; });
}

// Where each row's positions lie in the sorted order.
struct Runs {
  int64_t *begins, *ends;
};

HEBB_KERNEL HEBB_BOUNDS(kElementThreads, 1) void clear_runs(Runs runs, int64_t rows) {
  for_each_item(rows, [&](int64_t row) { runs.begins[row] = runs.ends[row] = 0; });
}

HEBB_KERNEL HEBB_BOUNDS(kElementThreads, 1) void find_runs(Keys keys, const int64_t* order, Runs runs) {
  for_each_item(keys.indices.count, [&](int64_t i) {
    const int64_t key = keys(order[i]);
    if (key == keys.rows) return;
    if (i == 0 || keys(order[i - 1]) != key) runs.begins[key] = i;
    if (i + 1 == keys.indices.count || keys(order[i + 1]) != key) runs.ends[key] = i + 1;
  });
}

// Positions by row.
struct Sorted {
  const int64_t* order;
  Runs runs;
};

inline size_t sort_bytes(const Keys& keys) {
  const int64_t blocks = ceil_div(keys.indices.count, kBlockItems);
  return static_cast<size_t>(2 * keys.indices.count + kDigits * blocks + 2 * keys.rows) * sizeof(int64_t);
}

// `memory` is of sort_bytes.
inline Sorted sort_positions(stream::DeviceContext& context, const Keys& keys, int64_t* memory) {
  const int64_t count = keys.indices.count, blocks = ceil_div(count, kBlockItems);
  const Runs runs{memory, memory + keys.rows};
  int64_t *to = memory + 2 * keys.rows, *other = to + count, *starts = other + count;
  launch(context, grid_over(context, keys.rows), &clear_runs, runs, keys.rows);
  const int64_t* from = nullptr;
  if (count == 0) return {from, runs};
  const Grid grid{.threads = kSortThreads, .blocks = static_cast<int>(blocks)};
  for (int shift = 0; shift == 0 || keys.rows >> shift != 0; shift += 8) {
    const Pass pass{keys, from, to, starts, shift};
    launch(context, grid, &count_digits, pass);
    launch(context, Grid{.threads = kSortThreads}, &start_digits, starts, kDigits * blocks);
    launch(context, grid, &place_digits, pass);
    from = to;
    to = other;
    other = const_cast<int64_t*>(from);
  }
  launch(context, grid_over(context, count), &find_runs, keys, from, runs);
  return {from, runs};
}

}  // namespace
}  // namespace hebb::kernels::cuda

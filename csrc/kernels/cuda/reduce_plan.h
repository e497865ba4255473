// How a reduction is cut into blocks and threads. Sums depend on it, so the shape alone decides.
#pragma once

#include "kernels/cuda/reduce_join.h"

namespace hebb::kernels::cuda {
namespace {

// As many blocks as fill the largest devices twice; more are of no use.
constexpr int64_t kEnoughBlocks = 2112;
constexpr int kLeastWords = 2;  // of a thread, where more blocks would be of use
constexpr int kLeastRows = 16;
constexpr int kWarpWords = 8;  // of a lane; longer rows are a block's
constexpr int64_t kManyRows = 4096;
constexpr int kManyRowsWords = 64;  // where there are many rows, though
constexpr int kShortColumn = 32;    // rows that a thread takes alone
constexpr int64_t kManyColumns = int64_t{1} << 17;
constexpr int kWidestTile = 128;  // whole rows, as wide as they are; else
constexpr int kTileWidth = 64;

struct Extents {
  int64_t outer, reduce, inner;
};

inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
inline int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

inline int64_t blocks_for(int64_t items, int64_t each) { return ceil_div(items, each); }
inline Grid grid_of(int64_t blocks) {
  return {.threads = kReduceThreads, .blocks = static_cast<int>(least(blocks, INT32_MAX))};
}

// The smallest power of two of at least `count`, at most `limit`.
inline int power_of_two(int64_t count, int limit) {
  int power = 1;
  while (power < count && power < limit) power *= 2;
  return power;
}

// Tiles of `width` columns, `height` threads for each; parts of `part` rows.
struct ColumnPlan {
  int width, height;
  int64_t tiles, parts, part;
};

struct ReducePlan {
  enum Kind { kShortRows, kLongRows, kColumns } kind;
  int64_t parts = 1, part = 0;  // elements of a part
  int lanes = 0;                // of a short row
  ColumnPlan columns = {};
};

inline ReducePlan plan_rows(const Extents& e, int word_size) {
  const int64_t words = ceil_div(e.reduce, word_size);
  const int lane_words = e.outer >= kManyRows ? kManyRowsWords : kWarpWords;
  if (words <= static_cast<int64_t>(hw::kLanes) * lane_words)
    return {.kind = ReducePlan::kShortRows, .lanes = power_of_two(words, hw::kLanes)};
  ReducePlan plan{.kind = ReducePlan::kLongRows};
  const int64_t wanted = most(1, least(kEnoughBlocks / e.outer, words / (kLeastWords * kReduceThreads)));
  plan.part = ceil_div(ceil_div(words, wanted), kReduceThreads) * kReduceThreads * word_size;
  plan.parts = ceil_div(e.reduce, plan.part);
  return plan;
}

inline ReducePlan plan_columns(const Extents& e) {
  const int64_t columns = e.outer * e.inner;
  ColumnPlan c{};
  if (e.reduce <= kShortColumn || (e.inner >= hw::kLanes && columns >= kManyColumns)) {
    c.width = kReduceThreads;
  } else {
    c.width = e.inner <= kWidestTile ? static_cast<int>(e.inner) : kTileWidth;
  }
  c.height = kReduceThreads / c.width;
  c.tiles = ceil_div(columns, c.width);
  const int64_t wanted = most(1, least(kEnoughBlocks / c.tiles, e.reduce / (kLeastRows * c.height)));
  c.part = most(1, ceil_div(e.reduce, wanted));
  c.parts = most(1, ceil_div(e.reduce, c.part));
  return {.kind = ReducePlan::kColumns, .parts = c.parts, .part = c.part, .columns = c};
}

inline ReducePlan reduce_plan(const Extents& e, int word_size) {
  return e.inner == 1 ? plan_rows(e, word_size) : plan_columns(e);
}

// Results that a block joins from their parts.
inline int join_width(int64_t results, int64_t parts) {
  return power_of_two(results, kReduceThreads / power_of_two(parts, 64));
}

}  // namespace
}  // namespace hebb::kernels::cuda

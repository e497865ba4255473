// How a product is computed: which tiles, and into how many parts k is cut. It follows from the shape alone,
// so that every device adds in the same order.
#pragma once

#include <cstdint>

#include "kernels/cuda/grid.h"

namespace hebb::kernels::cuda {
namespace {

// The device that plans are made for.
constexpr int64_t kPlanMultiprocessors = 132;

struct Plan {
  bool large;
  int64_t splits, depth;
};

// A part of k in whole steps of the tiles, and how many of them k has. Blocks count k in 32 bits.
inline Plan cut_depth(bool large, int64_t k, int64_t splits) {
  constexpr int64_t kStep = 16, kMost = int64_t{1} << 30;
  if (k > splits * kMost) splits = ceil_div(k, kMost);
  const int64_t depth = ceil_div(ceil_div(k, splits), kStep) * kStep;
  return {large, k == 0 ? 1 : ceil_div(k, depth), depth};
}

struct TileCost {
  int64_t extent;        // rows and columns of a tile
  double efficiency[4];  // of a multiprocessor that has 1, 2, 3, 4 or more of them
};
constexpr TileCost kLargeCost{128, {0.7, 0.85, 0.85, 0.85}};
constexpr TileCost kSmallCost{64, {0.35, 0.5, 0.55, 0.6}};

// Multiply-adds that the busiest multiprocessor could do in the time.
inline double cost_of(const TileCost& tile, int64_t m, int64_t n, int64_t matrices, const Plan& plan) {
  const int64_t blocks = ceil_div(m, tile.extent) * ceil_div(n, tile.extent) * matrices * plan.splits;
  const int64_t each = ceil_div(blocks, kPlanMultiprocessors);
  // The beginning and end of a tile take about as long as 32 k.
  const double work = static_cast<double>(each * tile.extent * tile.extent * (plan.depth + 32));
  const double sums = static_cast<double>(m * n * matrices);
  // Partial sums are written and read, by a second grid.
  const double joining = plan.splits == 1 ? 0 : 4e5 + 0.4 * sums * static_cast<double>(plan.splits);
  return work / tile.efficiency[(each < 4 ? each : 4) - 1] + joining;
}

inline Plan plan_tiles(int64_t m, int64_t n, int64_t k, int64_t matrices, bool may_be_large) {
  constexpr int64_t kLeastDepth = 128, kMostBlocks = 4 * kPlanMultiprocessors;
  constexpr int64_t kSplits[] = {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128};
  Plan best{};
  double least = -1;
  for (int i = may_be_large ? 0 : 1; i < 2; ++i) {
    const bool large = i == 0;
    const TileCost& tile = large ? kLargeCost : kSmallCost;
    const int64_t tiles = ceil_div(m, tile.extent) * ceil_div(n, tile.extent) * matrices;
    for (const int64_t splits : kSplits) {
      if (splits > 1 && (tiles * splits > kMostBlocks || k < splits * kLeastDepth)) break;
      const Plan plan = cut_depth(large, k, splits);
      const double cost = cost_of(tile, m, n, matrices, plan);
      if (least < 0 || cost < least) least = cost, best = plan;
    }
  }
  return best;
}

// Enough blocks to keep the memory busy.
inline Plan plan_thin(int64_t groups, int64_t k) {
  constexpr int64_t kLeastDepth = 256, kBlocks = 8 * kPlanMultiprocessors;
  const int64_t most = k / kLeastDepth, wanted = ceil_div(kBlocks, groups);
  const int64_t splits = wanted < most ? wanted : most;
  return cut_depth(false, k, splits < 1 ? 1 : splits);
}

}  // namespace
}  // namespace hebb::kernels::cuda

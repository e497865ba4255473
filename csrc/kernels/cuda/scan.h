// Running sums along the middle axis of [outer, extent, inner] arrays. Long slices are cut into parts: the
// sums of the parts first, then each part on its own, from the sum of those before it. All sums are wide, as
// any error in one part would show in all that come after it.
#pragma once

#include "kernels/cuda/reduce_grid.h"

namespace hebb::kernels::cuda {
namespace {

constexpr int64_t kMostRowParts = 4096;
constexpr int64_t kLeastPartRow = 1024;  // elements
constexpr int64_t kMostColumnParts = 256;
constexpr int64_t kLeastPartColumn = 32;
constexpr int kTurnLanes = 4;  // elements of a lane that are asked for together

template <class T, class Y>
struct Scan {
  using Wide = WideType<SumType<Compute<T>>>;
  using Op = Sums<Compute<T>, Wide>;
  const T* x;
  Y* y;
  Extents extents;
  bool reverse;
  const Wide* sums;  // [parts, outer * inner], where there are several parts
  int64_t parts, part;

  HEBB_DEVICE static Wide widen(T value) {
    return static_cast<Wide>(static_cast<SumType<Compute<T>>>(read(value)));
  }
  // The sum of every `step`th part before `part`, in the direction of the scan.
  HEBB_DEVICE Wide before(int64_t index, int64_t slice, int64_t first, int64_t step) const {
    const int64_t slices = extents.outer * extents.inner;
    Wide sum = 0;
    if (parts == 1) return sum;
    for (int64_t k = (reverse ? index + 1 : 0) + first; k < (reverse ? parts : index); k += step)
      sum += sums[k * slices + slice];
    return sum;
  }
  HEBB_DEVICE int64_t size_of(int64_t index) const {
    const int64_t left = extents.reduce - index * part;
    return left < part ? left : part;
  }
};

// A warp has a part of a row.
template <class T, class Y>
HEBB_KERNEL HEBB_BOUNDS(kReduceThreads, 4) void scan_rows(Scan<T, Y> scan) {
  using Wide = typename Scan<T, Y>::Wide;
  const int lane = hw::lane();
  const int64_t warps = hw::threads() / hw::kLanes, step = warps * hw::blocks();
  for (int64_t item = hw::block() * warps + hw::warp(); item < scan.extents.outer * scan.parts;
       item += step) {
    const int64_t row = item / scan.parts, index = item % scan.parts, size = scan.size_of(index);
    const int64_t base = row * scan.extents.reduce + index * scan.part;
    const auto place = [&](int64_t at) { return base + (scan.reverse ? size - 1 - at : at); };
    Wide carry = join_lanes(typename Scan<T, Y>::Op{}, scan.before(index, row, lane, hw::kLanes), hw::kLanes);
    for (int64_t first = lane; first - lane < size; first += kTurnLanes * hw::kLanes) {
      Wide sum[kTurnLanes];
      HEBB_UNROLL
      for (int u = 0; u < kTurnLanes; ++u) {
        const int64_t at = first + u * hw::kLanes;
        sum[u] = at < size ? scan.widen(scan.x[place(at)]) : Wide(0);
      }
      HEBB_UNROLL
      for (int u = 0; u < kTurnLanes; ++u) {
        for (int distance = 1; distance < hw::kLanes; distance *= 2) {
          const Wide other = hw::shuffle(sum[u], lane - distance);
          if (lane >= distance) sum[u] += other;
        }
        sum[u] += carry;
        carry = hw::shuffle(sum[u], hw::kLanes - 1);
        const int64_t at = first + u * hw::kLanes;
        if (at < size) scan.y[place(at)] = write<Y>(sum[u]);
      }
    }
  }
}

// A thread has a part of a column.
template <class T, class Y>
HEBB_KERNEL HEBB_BOUNDS(kReduceThreads, 2) void scan_columns(Scan<T, Y> scan) {
  constexpr int kRows = kTurnRows<T>;
  const Extents& e = scan.extents;
  const int64_t columns = e.outer * e.inner, step = static_cast<int64_t>(hw::threads()) * hw::blocks();
  for (int64_t item = static_cast<int64_t>(hw::block()) * hw::threads() + hw::thread();
       item < columns * scan.parts; item += step) {
    const int64_t column = item % columns, index = item / columns, size = scan.size_of(index);
    const int64_t first = scan.reverse ? index * scan.part + size - 1 : index * scan.part;
    int64_t at = column / e.inner * e.reduce * e.inner + column % e.inner + first * e.inner;
    const int64_t down = scan.reverse ? -e.inner : e.inner;
    auto sum = scan.before(index, column, 0, 1);
    for (int64_t row = 0; row < size; row += kRows, at += kRows * down) {
      T value[kRows];
      HEBB_UNROLL
      for (int u = 0; u < kRows; ++u)
        if (row + u < size) value[u] = scan.x[at + u * down];
      HEBB_UNROLL
      for (int u = 0; u < kRows; ++u) {
        if (row + u >= size) continue;
        sum += scan.widen(value[u]);
        scan.y[at + u * down] = write<Y>(sum);
      }
    }
  }
}

inline ReducePlan scan_plan(const Extents& e) {
  const int64_t slices = e.outer * e.inner;
  int64_t parts = e.inner == 1 ? least(kMostRowParts, e.reduce / kLeastPartRow)
                               : least(kMostColumnParts, e.reduce / kLeastPartColumn);
  const int64_t each = e.inner == 1 ? kReduceThreads / hw::kLanes : kReduceThreads;
  parts = most(1, least(parts, kEnoughBlocks * each / slices));
  ReducePlan plan{.kind = e.inner == 1 ? ReducePlan::kLongRows : ReducePlan::kColumns};
  constexpr int64_t kAligned = 16;  // elements: parts of aligned rows are aligned
  plan.part = ceil_div(ceil_div(e.reduce, parts), kAligned) * kAligned;
  plan.parts = ceil_div(e.reduce, plan.part);
  if (e.inner > 1) {
    plan.columns = plan_columns(e).columns;
    plan.columns.parts = plan.parts;
    plan.columns.part = plan.part;
  }
  return plan;
}

template <class T, class Y>
void run_scan(const stream::Command& command, bool reverse, stream::DeviceContext& context) {
  using Wide = typename Scan<T, Y>::Wide;
  const stream::Operand& x = command[1];
  const Extents e{x.shape[0], x.shape[1], x.shape[2]};
  const int64_t slices = e.outer * e.inner;
  if (slices * e.reduce == 0) return;
  const ReducePlan plan = scan_plan(e);
  Scan<T, Y> scan{x.as<const T>(), command[0].as<Y>(), e, reverse, nullptr, plan.parts, plan.part};
  if (plan.parts > 1) {
    auto* sums =
        static_cast<Wide*>(context.scratch(context, static_cast<size_t>(plan.parts * slices) * sizeof(Wide)));
    if (sums == nullptr) return;
    const bool aligned = is_aligned(x.data) && (e.outer == 1 || e.reduce % kWordSize<T> == 0);
    launch_parts(Reduction<typename Scan<T, Y>::Op, T>{{}, scan.x, nullptr, e, {}, sums, aligned}, plan,
                 context);
    scan.sums = sums;
  }
  if (e.inner == 1) {
    launch(context, grid_of(blocks_for(e.outer * plan.parts, kReduceThreads / hw::kLanes)), &scan_rows<T, Y>,
           scan);
  } else {
    launch(context, grid_of(blocks_for(slices * plan.parts, kReduceThreads)), &scan_columns<T, Y>, scan);
  }
}

}  // namespace
}  // namespace hebb::kernels::cuda

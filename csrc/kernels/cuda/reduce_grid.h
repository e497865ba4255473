// The grids of every reduction over contiguous [outer, reduce, inner] arrays: rows (inner is 1) by parts of
// warps, by blocks, or by several blocks each; columns by threads. Where a slice is cut into parts, a second
// grid joins those.
#pragma once

#include "kernels/cuda/launch.h"
#include "kernels/cuda/reduce_join.h"
#include "kernels/cuda/reduce_ops.h"
#include "kernels/cuda/reduce_plan.h"
#include "kernels/cuda/words.h"

namespace hebb::kernels::cuda {
namespace {

// What a grid reduces, and where to: `parts` [parts, outer * inner] where slices are cut, else `y`.
template <class Op, class T>
struct Reduction {
  Op op;
  const T* x;
  const typename Op::Acc* centers;  // [outer, inner], or null: all 0
  Extents extents;
  Result y;
  typename Op::Wide* parts;
  bool aligned;  // whether every row begins at a whole word

  HEBB_DEVICE typename Op::Acc center(int64_t i) const {
    return centers == nullptr ? typename Op::Acc(0) : centers[i];
  }
  HEBB_DEVICE void put(int64_t part, int64_t i, typename Op::Wide value) const {
    if (parts != nullptr) {
      parts[part * extents.outer * extents.inner + i] = value;
    } else {
      op.put(y, i, value);
    }
  }
};

// What a thread asks for before it adds up: as much as it has registers for.
template <class T>
constexpr int kTurnWords = sizeof(T) < 4 ? sizeof(T) : 4;
template <class T>
constexpr int kTurnRows = sizeof(T) < 8 ? 8 : 4;

// Joins what there is of one word of the row, element by element.
template <class Op, class T>
HEBB_DEVICE void add_elements(const Op& op, typename Op::Turn& turn, const Row<const T>& row, int64_t word,
                              int64_t place, typename Op::Acc center) {
  HEBB_UNROLL
  for (int j = 0; j < kWordSize<T>; ++j) {
    const int64_t at = word * kWordSize<T> + j;
    if (at < row.size) op.add(turn, j, read(row.x[at]), center, place + at);
  }
}

// The same of up to kTurnWords<T> whole words, `workers` apart, that are asked for together.
template <class Op, class T>
HEBB_DEVICE void add_words(const Op& op, typename Op::Turn& turn, const Row<const T>& row, int64_t first,
                           int workers, int64_t place, typename Op::Acc center) {
  const int64_t whole = row.size / kWordSize<T>;
  const auto* words = reinterpret_cast<const Word<T>*>(row.x) + first;
  const auto count =
      static_cast<int>(whole - first < kTurnWords<T> * workers ? whole - first : kTurnWords<T> * workers);
  Word<T> word[kTurnWords<T>];
  HEBB_UNROLL
  for (int u = 0; u < kTurnWords<T>; ++u)
    if (u * workers < count) word[u] = words[u * workers];
  HEBB_UNROLL
  for (int u = 0; u < kTurnWords<T>; ++u) {
    if (u * workers >= count) continue;
    const int64_t at = place + (first + u * workers) * kWordSize<T>;
    HEBB_UNROLL
    for (int j = 0; j < kWordSize<T>; ++j) op.add(turn, j, read(word[u].x[j]), center, at + j);
  }
}

// The words of a row that belong to one of `workers` threads; element 0 of it is at `place` of the slice.
// The order is the same whether the row is aligned or not.
template <class Op, class T>
HEBB_DEVICE typename Op::Wide join_words(const Op& op, const Row<const T>& row, int64_t place,
                                         typename Op::Acc center, int worker, int workers) {
  auto total = op.start();
  const int64_t words = row.words(), whole = row.aligned ? row.size / kWordSize<T> : 0;
  HEBB_ROLLED
  for (int64_t first = worker; first < words; first += kTurnWords<T> * workers) {
    auto turn = op.begin();
    if (first < whole) add_words(op, turn, row, first, workers, place, center);
    HEBB_ROLLED
    for (int u = 0; u < kTurnWords<T>; ++u) {
      const int64_t at = first + u * workers;
      if (at >= whole && at < words) add_elements(op, turn, row, at, place, center);
    }
    total = op.join(total, op.end(turn));
  }
  return total;
}

// Each `lanes` lanes of a warp have a row.
template <class Op, class T>
HEBB_KERNEL HEBB_BOUNDS(kReduceThreads, 4) void reduce_short_rows(Reduction<Op, T> r, int lanes) {
  const int64_t size = r.extents.reduce, group = hw::threads() / lanes;
  const int64_t step = group * hw::blocks();
  for (int64_t first = hw::block() * group; first < r.extents.outer; first += step) {
    const int64_t index = first + hw::thread() / lanes;
    const bool exists = index < r.extents.outer;
    const Row<const T> row{r.x + (exists ? index * size : 0), exists ? size : 0, r.aligned};
    const auto center = exists ? r.center(index) : typename Op::Acc(0);
    const int worker = hw::thread() % lanes;
    const auto total = join_lanes(r.op, join_words(r.op, row, 0, center, worker, lanes), lanes);
    if (exists && worker == 0) r.put(0, index, total);
  }
}

// A block has a row, or one of `parts` parts of `part` elements.
template <class Op, class T>
HEBB_KERNEL HEBB_BOUNDS(kReduceThreads, 4) void reduce_long_rows(Reduction<Op, T> r, int64_t parts,
                                                                 int64_t part) {
  for (int64_t item = hw::block(); item < r.extents.outer * parts; item += hw::blocks()) {
    const int64_t index = item / parts, first = item % parts * part;
    const int64_t left = r.extents.reduce - first;
    const Row<const T> row{r.x + index * r.extents.reduce + first, left < part ? left : part, r.aligned};
    const auto total = join_words(r.op, row, first, r.center(index), hw::thread(), hw::threads());
    const auto all = join_block(r.op, total);
    if (hw::thread() == 0) r.put(item % parts, index, all);
  }
}

// Every `step`th row of one column, from row `first` to before `last`.
template <class Op, class T>
HEBB_DEVICE typename Op::Wide join_column(const Reduction<Op, T>& r, int64_t column, int64_t first,
                                          int64_t last, int step) {
  const Op& op = r.op;
  const int64_t inner = r.extents.inner;
  const T* x = r.x + column / inner * r.extents.reduce * inner + column % inner;
  const auto center = r.center(column);
  auto total = op.start();
  for (int64_t row = first; row < last; row += kTurnRows<T> * step) {
    T value[kTurnRows<T>];
    HEBB_UNROLL
    for (int u = 0; u < kTurnRows<T>; ++u)
      if (row + u * step < last) value[u] = x[(row + u * step) * inner];
    auto turn = op.begin();
    HEBB_UNROLL
    for (int u = 0; u < kTurnRows<T>; ++u)
      if (row + u * step < last) op.add(turn, u, read(value[u]), center, row + u * step);
    total = op.join(total, op.end(turn));
  }
  return total;
}

// Doubles, and values beside their places, need more registers than a quarter of a multiprocessor's threads
// may have.
template <class Op>
constexpr int kColumnBlocks = sizeof(typename Op::Wide) > 4 ? 3 : 4;

template <class Op, class T>
HEBB_KERNEL HEBB_BOUNDS(kReduceThreads, (kColumnBlocks<Op>)) void reduce_columns(Reduction<Op, T> r,
                                                                                 ColumnPlan plan) {
  const int64_t columns = r.extents.outer * r.extents.inner;
  for (int64_t item = hw::block(); item < plan.tiles * plan.parts; item += hw::blocks()) {
    const int64_t part = item / plan.tiles, first = part * plan.part;
    const int64_t column = item % plan.tiles * plan.width + hw::thread() % plan.width;
    const int row = hw::thread() / plan.width;
    const int64_t end = first + plan.part, last = end < r.extents.reduce ? end : r.extents.reduce;
    auto total = r.op.start();
    if (row < plan.height && column < columns) total = join_column(r, column, first + row, last, plan.height);
    total = join_rows(r.op, total, plan.width, plan.height);
    if (row == 0 && column < columns) r.put(part, column, total);
  }
}

// y [results] from parts [parts, results].
template <class Op>
HEBB_KERNEL HEBB_BOUNDS(kReduceThreads, 4) void join_parts(Op op, const typename Op::Wide* from, Result y,
                                                           int64_t results, int64_t parts, int width) {
  const int height = kReduceThreads / width, row = hw::thread() / width;
  for (int64_t first = static_cast<int64_t>(hw::block()) * width; first < results;
       first += static_cast<int64_t>(hw::blocks()) * width) {
    const int64_t i = first + hw::thread() % width;
    auto total = op.start();
    if (i < results)
      for (int64_t part = row; part < parts; part += height) total = op.join(total, from[part * results + i]);
    total = join_rows(op, total, width, height);
    if (row == 0 && i < results) op.put(y, i, total);
  }
}

template <class Op>
void launch_join(const Op& op, const typename Op::Wide* parts, const Result& y, int64_t results,
                 int64_t count, stream::DeviceContext& context) {
  const int width = join_width(results, count);
  launch(context, grid_of(blocks_for(results, width)), &join_parts<Op>, op, parts, y, results, count, width);
}

// Rows by blocks, or columns.
template <class Op, class T>
void launch_parts(const Reduction<Op, T>& r, const ReducePlan& plan, stream::DeviceContext& context) {
  if (plan.kind == ReducePlan::kLongRows) {
    launch(context, grid_of(r.extents.outer * plan.parts), &reduce_long_rows<Op, T>, r, plan.parts,
           plan.part);
  } else {
    launch(context, grid_of(plan.columns.tiles * plan.parts), &reduce_columns<Op, T>, r, plan.columns);
  }
}

template <class Op, class T>
void run_reduce(const Op& op, const stream::Command& command, double divisor, const void* centers,
                stream::DeviceContext& context) {
  const stream::Operand& x = command[1];
  const Extents extents{x.shape[0], x.shape[1], x.shape[2]};
  const int64_t results = extents.outer * extents.inner;
  if (results == 0) return;
  const ReducePlan plan = reduce_plan(extents, kWordSize<T>);
  Reduction<Op, T> r{op,
                     x.as<const T>(),
                     static_cast<const typename Op::Acc*>(centers),
                     extents,
                     {command[0].data, command[0].dtype, divisor},
                     nullptr,
                     is_aligned(x.data) && (extents.outer == 1 || extents.reduce % kWordSize<T> == 0)};
  if (plan.parts > 1) {
    const auto bytes = static_cast<size_t>(plan.parts * results) * sizeof(typename Op::Wide);
    r.parts = static_cast<typename Op::Wide*>(context.scratch(context, bytes));
    if (r.parts == nullptr) return;
  }
  if (plan.kind == ReducePlan::kShortRows) {
    const int64_t rows = kReduceThreads / plan.lanes;
    launch(context, grid_of(blocks_for(extents.outer, rows)), &reduce_short_rows<Op, T>, r, plan.lanes);
    return;
  }
  launch_parts(r, plan, context);
  if (plan.parts > 1) launch_join(op, r.parts, r.y, results, plan.parts, context);
}

}  // namespace
}  // namespace hebb::kernels::cuda

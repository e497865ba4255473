// Indexing: picks are copies, and sums go row by row over positions that are sorted by row first.
#include "kernels/index.h"

#include "kernels/cuda/access.h"
#include "kernels/cuda/fill.h"
#include "kernels/cuda/index_sort.h"
#include "kernels/cuda/quad.h"

namespace hebb::kernels::cuda {
namespace {

using stream::Command;
using stream::DeviceContext;
using stream::Operand;

// A number as quotient and rest; 64 bits only where they are needed.
struct Parts {
  int64_t whole, rest;
};
HEBB_DEVICE Parts divide(int64_t number, int64_t by, bool narrow) {
  if (narrow) {
    const uint32_t n = static_cast<uint32_t>(number), d = static_cast<uint32_t>(by);
    return {static_cast<int64_t>(n / d), static_cast<int64_t>(n % d)};
  }
  return {number / by, number % by};
}

struct alignas(16) Bytes16 {
  uint64_t half[2];
};

// The shape of a pick: [outer, count, inner] of [outer, extent, inner], in units of what is moved at once.
struct Pick {
  int64_t outer, extent, count, inner;
  bool narrow;
};
Pick pick_of(const Operand& y, const Operand& x, int64_t inner) {
  const int64_t outer = y.shape[0], count = y.shape[1];
  return {outer, x.shape[1], count, inner, outer * count * inner <= INT32_MAX};
}

template <class U>
HEBB_KERNEL HEBB_BOUNDS(kElementThreads, 1) void take_units(Pick p, const U* x, U* y, Indices indices) {
  for_each_item(p.outer * p.count * p.inner, [&](int64_t item) {
    const Parts row = divide(item, p.inner, p.narrow), at = divide(row.whole, p.count, p.narrow);
    const int64_t index = indices[at.rest];
    if (is_in_range(index, p.extent)) y[item] = x[(at.whole * p.extent + index) * p.inner + row.rest];
  });
}

template <class U>
HEBB_KERNEL HEBB_BOUNDS(kElementThreads, 1) void gather_units(Pick p, const U* x, U* y, Indices indices) {
  for_each_item(p.outer * p.count * p.inner, [&](int64_t item) {
    const Parts row = divide(item, p.inner, p.narrow);
    const int64_t index = indices[item], slice = divide(row.whole, p.count, p.narrow).whole;
    if (is_in_range(index, p.extent)) y[item] = x[(slice * p.extent + index) * p.inner + row.rest];
  });
}

template <class U>
void launch_take(const Command& command, DeviceContext& context) {
  const Operand &y = command[0], &x = command[1];
  const int64_t inner = x.shape[2] * item_size(x.dtype) / static_cast<int64_t>(sizeof(U));
  launch(context, grid_over(context, y.shape[0] * y.shape[1] * inner), &take_units<U>, pick_of(y, x, inner),
         x.as<const U>(), y.as<U>(), indices_of(command[2]));
}

void take_kernel(const Command& command, DeviceContext& context) {
  const Operand &y = command[0], &x = command[1];
  guard_indices(context, indices_of(command[2]), x.shape[1]);
  // As much as rows and memory allow.
  const uint64_t fits = static_cast<uint64_t>(x.shape[2] * item_size(x.dtype)) |
                        reinterpret_cast<uintptr_t>(x.data) | reinterpret_cast<uintptr_t>(y.data);
  if (fits % 16 == 0) return launch_take<Bytes16>(command, context);
  if (fits % 4 == 0) return launch_take<uint32_t>(command, context);
  if (fits % 2 == 0) return launch_take<uint16_t>(command, context);
  launch_take<uint8_t>(command, context);
}

template <class U>
void launch_gather(const Command& command, DeviceContext& context) {
  const Operand &y = command[0], &x = command[1];
  launch(context, grid_over(context, y.size()), &gather_units<U>, pick_of(y, x, x.shape[2]), x.as<const U>(),
         y.as<U>(), indices_of(command[2]));
}

void gather_kernel(const Command& command, DeviceContext& context) {
  guard_indices(context, indices_of(command[2]), command[1].shape[1]);
  switch (item_size(command[1].dtype)) {
    case 1:
      return launch_gather<uint8_t>(command, context);
    case 2:
      return launch_gather<uint16_t>(command, context);
    case 4:
      return launch_gather<uint32_t>(command, context);
    default:
      return launch_gather<uint64_t>(command, context);
  }
}

// y [outer, rows, inner] from x [outer, count, inner]; kEach columns of a row are a thread's.
struct Sum {
  int64_t outer, rows, count, inner;
  bool narrow;
};

template <class T, int kEach>
struct alignas(sizeof(T) * kEach) Columns {
  T x[kEach];
};

constexpr int kAtOnce = 4;  // rows on their way together: they are far apart in memory

template <class T, int kEach>
HEBB_KERNEL HEBB_BOUNDS(kElementThreads, 1) void add_runs(Sum p, const T* x, T* y, Sorted sorted) {
  using Wide = WideType<SumType<Compute<T>>>;
  using Piece = Columns<T, kEach>;
  const int64_t pieces = p.inner / kEach;
  for_each_item(p.outer * p.rows * pieces, [&](int64_t item) {
    const Parts at = divide(item, pieces, p.narrow), row = divide(at.whole, p.rows, p.narrow);
    const Piece* from = reinterpret_cast<const Piece*>(x) + row.whole * p.count * pieces + at.rest;
    const int64_t begin = sorted.runs.begins[row.rest], end = sorted.runs.ends[row.rest];
    Piece* to = reinterpret_cast<Piece*>(y) + item;
    if (end - begin == 1) {
      *to = from[sorted.order[begin] * pieces];
      return;
    }
    Wide sums[kEach] = {};
    int64_t i = begin;
    for (; i + kAtOnce <= end; i += kAtOnce) {
      Piece some[kAtOnce];
      HEBB_UNROLL for (int r = 0; r < kAtOnce; ++r) some[r] = from[sorted.order[i + r] * pieces];
      HEBB_UNROLL for (int r = 0; r < kAtOnce; ++r) {
        HEBB_UNROLL for (int e = 0; e < kEach; ++e) sums[e] += static_cast<Wide>(read(some[r].x[e]));
      }
    }
    for (; i < end; ++i) {
      const Piece one = from[sorted.order[i] * pieces];
      HEBB_UNROLL for (int e = 0; e < kEach; ++e) sums[e] += static_cast<Wide>(read(one.x[e]));
    }
    Piece result;
    HEBB_UNROLL for (int e = 0; e < kEach; ++e) result.x[e] = write<T>(sums[e]);
    *to = result;
  });
}

template <class T, int kEach>
void launch_runs(const Command& command, DeviceContext& context, const Sum& sum, const Sorted& sorted) {
  const int64_t items = sum.outer * sum.rows * sum.inner / kEach;
  launch(context, grid_over(context, items), &add_runs<T, kEach>, sum, command[1].as<const T>(),
         command[0].as<T>(), sorted);
}

void add_sorted(const Command& command, DeviceContext& context, const Keys& keys, const Sum& sum) {
  auto* memory = static_cast<int64_t*>(context.scratch(context, sort_bytes(keys)));
  if (memory == nullptr) return;
  const Sorted sorted = sort_positions(context, keys, memory);
  const bool by_quads =
      sum.inner % 4 == 0 && in_quads<float>(command[0].data) && in_quads<float>(command[1].data);
  switch (command[1].dtype) {
    case DType::kF32:
      if (by_quads) return launch_runs<float, 4>(command, context, sum, sorted);
      return launch_runs<float, 1>(command, context, sum, sorted);
    case DType::kF64:
      return launch_runs<double, 1>(command, context, sum, sorted);
    case DType::kF16:
      return launch_runs<F16, 1>(command, context, sum, sorted);
    case DType::kBF16:
      return launch_runs<BF16, 1>(command, context, sum, sorted);
    case DType::kI32:
      return launch_runs<int32_t, 1>(command, context, sum, sorted);
    case DType::kI64:
      return launch_runs<int64_t, 1>(command, context, sum, sorted);
    default:
      return launch_runs<uint8_t, 1>(command, context, sum, sorted);
  }
}

void index_add_kernel(const Command& command, DeviceContext& context) {
  const Operand &y = command[0], &x = command[1];
  const Indices indices = indices_of(command[2]);
  const int64_t outer = x.shape[0], count = x.shape[1], inner = x.shape[2], extent = y.shape[1];
  guard_indices(context, indices, extent);
  add_sorted(command, context, {indices, count, 1, extent, extent},
             {outer, extent, count, inner, y.size() <= INT32_MAX});
}

// Each element of y is a row of its own.
void scatter_add_kernel(const Command& command, DeviceContext& context) {
  const Operand &y = command[0], &x = command[1];
  const Indices indices = indices_of(command[2]);
  const int64_t count = x.shape[1], inner = x.shape[2], extent = y.shape[1];
  guard_indices(context, indices, extent);
  add_sorted(command, context, {indices, count * inner, inner, extent, y.size()},
             {1, y.size(), x.size(), 1, y.size() <= INT32_MAX});
}

HEBB_KERNEL HEBB_BOUNDS(kElementThreads, 1) void mark_classes(char* y, DType dtype, int64_t classes,
                                                              bool narrow, Indices indices) {
  for_each_item(indices.count * classes, [&](int64_t item) {
    const Parts at = divide(item, classes, narrow);
    store(y, dtype, item, static_cast<int32_t>(indices[at.whole] == at.rest));
  });
}

void one_hot_kernel(const Command& command, DeviceContext& context) {
  const Operand& y = command[0];
  const Indices indices = indices_of(command[1]);
  const int64_t classes = y.shape[1];
  guard_indices(context, indices, classes);
  launch(context, grid_over(context, y.size()), &mark_classes, y.as<char>(), y.dtype, classes,
         y.size() <= INT32_MAX, indices);
}

// What a compiled step looks at before it writes anything: the indices alone.
void check_from_extent(const Command& command, DeviceContext& context) {
  guard_indices(context, indices_of(command[2]), command[1].shape[1]);
}
void check_to_extent(const Command& command, DeviceContext& context) {
  guard_indices(context, indices_of(command[2]), command[0].shape[1]);
}
void check_classes(const Command& command, DeviceContext& context) {
  guard_indices(context, indices_of(command[1]), command[0].shape[1]);
}

}  // namespace

void fill_index() {
  kernels::take.cuda_check = &check_from_extent;
  kernels::gather.cuda_check = &check_from_extent;
  kernels::index_add.cuda_check = &check_to_extent;
  kernels::scatter_add.cuda_check = &check_to_extent;
  kernels::one_hot.cuda_check = &check_classes;
  kernels::take.cuda = &take_kernel;
  kernels::index_add.cuda = &index_add_kernel;
  kernels::gather.cuda = &gather_kernel;
  kernels::scatter_add.cuda = &scatter_add_kernel;
  kernels::one_hot.cuda = &one_hot_kernel;
}

}  // namespace hebb::kernels::cuda

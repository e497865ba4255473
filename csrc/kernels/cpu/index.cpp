// Indexing by copies of rows, and its transpose: sums in the order of the indices, whatever the number of
// threads.
#include "kernels/index.h"

#include "kernels/cpu/tasks.h"
#include "kernels/scalar.h"
#include "stream/context.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

using stream::Command;
using stream::Context;
using stream::Operand;

constexpr int64_t kAddBlock = 256;     // columns of one row of index_add whose sums stay in L1
constexpr int64_t kScatterBlock = 64;  // columns of one slice of scatter_add

// Whether all indices are in 0..extent-1; reports the first that is not.
template <class I>
bool in_range(const I* indices, int64_t count, int64_t extent, Context& context) {
  const auto bad = [&](int64_t k) {
    return static_cast<uint64_t>(indices[k]) >= static_cast<uint64_t>(extent);
  };
  bool any_bad = false;
  for (int64_t k = 0; k < count; ++k) any_bad |= bad(k);
  if (!any_bad) return true;
  int64_t k = 0;
  while (!bad(k)) ++k;
  context.fail(k, static_cast<int64_t>(indices[k]), extent - 1);
  return false;
}

// f(indices) with the pointer of their type, once they are known to be in range.
template <class F>
void with_indices(const Operand& indices, int64_t extent, Context& context, F&& f) {
  with_index(indices.dtype, [&](auto tag) {
    const auto* data = indices.as<const typename decltype(tag)::type>();
    if (in_range(data, indices.size(), extent, context)) f(data);
  });
}

HEBB_INLINE int64_t copy_grain(int64_t bytes) { return task_grain(bytes / 4); }

// Rows of one element of type U.
template <class U, class I>
void take_elements(const void* x, void* y, const I* indices, int64_t outer, int64_t extent, int64_t count,
                   Context& context) {
  parallel_items(context, outer * count, task_grain(1), [&](int64_t item, int) {
    const int64_t slice = outer == 1 ? 0 : item / count;
    const int64_t row = slice * extent + static_cast<int64_t>(indices[item - slice * count]);
    static_cast<U*>(y)[item] = static_cast<const U*>(x)[row];
  });
}

template <class I>
void take_rows(const char* x, char* y, const I* indices, int64_t outer, int64_t extent, int64_t count,
               int64_t bytes, Context& context) {
  parallel_items(context, outer * count, copy_grain(bytes), [&](int64_t item, int) {
    const int64_t row = item / count * extent + static_cast<int64_t>(indices[item % count]);
    __builtin_memcpy(y + item * bytes, x + row * bytes, static_cast<size_t>(bytes));
  });
}

void take_kernel(const Command& command, Context& context) {
  const Operand& x = command[1];
  const int64_t outer = x.shape[0], extent = x.shape[1], count = command[0].shape[1];
  const int64_t bytes = x.shape[2] * item_size(x.dtype);
  void* y = command[0].data;
  with_indices(command[2], extent, context, [&](const auto* indices) {
    if (bytes == 4) return take_elements<uint32_t>(x.data, y, indices, outer, extent, count, context);
    if (bytes == 8) return take_elements<uint64_t>(x.data, y, indices, outer, extent, count, context);
    take_rows(x.as<const char>(), static_cast<char*>(y), indices, outer, extent, count, bytes, context);
  });
}

// The positions of each index value, ascending: those of value v are order[starts[v]] .. order[starts[v + 1]
// - 1].
struct Buckets {
  int64_t* starts;
  int64_t* order;
};

template <class I>
Buckets bucket(const I* indices, int64_t count, int64_t extent, Context& context) {
  int64_t* starts = context.scratch<int64_t>(0, extent + 1 + count);
  int64_t* order = starts + extent + 1;
  for (int64_t v = 0; v <= extent; ++v) starts[v] = 0;
  for (int64_t k = 0; k < count; ++k) ++starts[static_cast<int64_t>(indices[k])];
  int64_t sum = 0;
  for (int64_t v = 0; v <= extent; ++v) {
    const int64_t size = starts[v];
    starts[v] = sum;
    sum += size;
  }
  // Filling moves each start to the end of its bucket, which is the next bucket's start: shift back after.
  for (int64_t k = 0; k < count; ++k) order[starts[static_cast<int64_t>(indices[k])]++] = k;
  for (int64_t v = extent; v > 0; --v) starts[v] = starts[v - 1];
  starts[0] = 0;
  return {starts, order};
}

// y[i] = the sum over the positions of x[position, i].
template <class T>
void add_rows(const T* x, T* y, const int64_t* positions, int64_t count, int64_t inner) {
  using Wide = WideType<SumType<Compute<T>>>;
  const auto bytes = static_cast<size_t>(inner) * sizeof(T);
  if (count == 0) {
    __builtin_memset(y, 0, bytes);
    return;
  }
  if (count == 1) {
    __builtin_memcpy(y, x + positions[0] * inner, bytes);
    return;
  }
  Wide acc[kAddBlock];
  for (int64_t first = 0; first < inner; first += kAddBlock) {
    const int64_t columns = least(inner - first, kAddBlock);
    for (int64_t i = 0; i < columns; ++i) acc[i] = 0;
    for (int64_t k = 0; k < count; ++k) {
      const T* row = x + positions[k] * inner + first;
      for (int64_t i = 0; i < columns; ++i) acc[i] += static_cast<Wide>(read(row[i]));
    }
    for (int64_t i = 0; i < columns; ++i) y[first + i] = write<T>(acc[i]);
  }
}

void index_add_kernel(const Command& command, Context& context) {
  const Operand& x = command[1];
  const int64_t outer = x.shape[0], count = x.shape[1], inner = x.shape[2], extent = command[0].shape[1];
  with_indices(command[2], extent, context, [&](const auto* indices) {
    const Buckets buckets = bucket(indices, count, extent, context);
    const int64_t grain = task_grain((count / most(1, extent) + 1) * inner);
    with_dtype(x.dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      parallel_items(context, outer * extent, grain, [&](int64_t item, int) {
        const int64_t value = item % extent, from = buckets.starts[value];
        add_rows(x.as<const T>() + item / extent * count * inner, command[0].as<T>() + item * inner,
                 buckets.order + from, buckets.starts[value + 1] - from, inner);
      });
    });
  });
}

template <class U, class I>
void gather_elements(const Operand& x, const Operand& y, const I* indices, Context& context) {
  const int64_t extent = x.shape[1], count = y.shape[1], inner = y.shape[2];
  parallel_items(context, y.shape[0] * count, task_grain(inner), [&](int64_t item, int) {
    const U* from = x.as<const U>() + item / count * extent * inner;
    U* to = y.as<U>() + item * inner;
    const I* at = indices + item * inner;
    for (int64_t i = 0; i < inner; ++i) to[i] = from[static_cast<int64_t>(at[i]) * inner + i];
  });
}

void gather_kernel(const Command& command, Context& context) {
  const Operand &y = command[0], &x = command[1];
  with_indices(command[2], x.shape[1], context, [&](const auto* indices) {
    switch (item_size(x.dtype)) {
      case 1:
        return gather_elements<uint8_t>(x, y, indices, context);
      case 2:
        return gather_elements<uint16_t>(x, y, indices, context);
      case 4:
        return gather_elements<uint32_t>(x, y, indices, context);
      default:
        return gather_elements<uint64_t>(x, y, indices, context);
    }
  });
}

// Columns of one slice belong to one task, so that no two tasks add to the same element.
template <class T, class I>
void scatter_columns(const T* x, const I* indices, T* y, int64_t count, int64_t extent, int64_t inner,
                     int64_t columns, WideType<SumType<Compute<T>>>* acc) {
  using Wide = WideType<SumType<Compute<T>>>;
  for (int64_t i = 0; i < extent * columns; ++i) acc[i] = 0;
  for (int64_t k = 0; k < count; ++k) {
    for (int64_t i = 0; i < columns; ++i) {
      acc[static_cast<int64_t>(indices[k * inner + i]) * columns + i] +=
          static_cast<Wide>(read(x[k * inner + i]));
    }
  }
  for (int64_t v = 0; v < extent; ++v) {
    for (int64_t i = 0; i < columns; ++i) y[v * inner + i] = write<T>(acc[v * columns + i]);
  }
}

void scatter_add_kernel(const Command& command, Context& context) {
  const Operand& x = command[1];
  const int64_t outer = x.shape[0], count = x.shape[1], inner = x.shape[2], extent = command[0].shape[1];
  const int64_t width = least(inner, kScatterBlock), blocks = ceil_div(inner, kScatterBlock);
  with_indices(command[2], extent, context, [&](const auto* indices) {
    with_dtype(x.dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      using Wide = WideType<SumType<Compute<T>>>;
      parallel_items(
          context, outer * blocks, task_grain((extent + count) * width), [&](int64_t item, int thread) {
            const int64_t slice = item / blocks, first = item % blocks * kScatterBlock;
            const int64_t from = slice * count * inner + first, to = slice * extent * inner + first;
            scatter_columns(x.as<const T>() + from, indices + from, command[0].as<T>() + to, count, extent,
                            inner, least(inner - first, kScatterBlock),
                            context.scratch<Wide>(thread, extent * width));
          });
    });
  });
}

void one_hot_kernel(const Command& command, Context& context) {
  const int64_t count = command[0].shape[0], classes = command[0].shape[1];
  with_indices(command[1], classes, context, [&](const auto* indices) {
    with_dtype(command[0].dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      T* y = command[0].as<T>();
      parallel_items(context, count, task_grain(classes), [&](int64_t row, int) {
        __builtin_memset(y + row * classes, 0, static_cast<size_t>(classes) * sizeof(T));
        y[row * classes + static_cast<int64_t>(indices[row])] = write<T>(1);
      });
    });
  });
}

// What a compiled step looks at before it writes anything: the indices alone.
void check_indices(const Operand& indices, int64_t extent, Context& context) {
  with_indices(indices, extent, context, [](const auto*) {});
}
void check_from_extent(const Command& command, Context& context) {
  check_indices(command[2], command[1].shape[1], context);
}
void check_to_extent(const Command& command, Context& context) {
  check_indices(command[2], command[0].shape[1], context);
}
void check_classes(const Command& command, Context& context) {
  check_indices(command[1], command[0].shape[1], context);
}

}  // namespace

void fill_index() {
  kernels::take.check = &check_from_extent;
  kernels::gather.check = &check_from_extent;
  kernels::index_add.check = &check_to_extent;
  kernels::scatter_add.check = &check_to_extent;
  kernels::one_hot.check = &check_classes;
  kernels::take.cpu = &take_kernel;
  kernels::index_add.cpu = &index_add_kernel;
  kernels::gather.cpu = &gather_kernel;
  kernels::scatter_add.cpu = &scatter_add_kernel;
  kernels::one_hot.cpu = &one_hot_kernel;
}

}  // namespace hebb::kernels::HEBB_ISA

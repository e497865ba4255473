// The loops behind every reduction: rows (the reduced axis is the last one) and columns (it is not), over any
// Op. Op is over a compute type C and gives Acc, Wide, start(), lift(element, center) and join(a, b); T is
// how elements are stored.
#pragma once

#include "kernels/cpu/simd.h"
#include "kernels/cpu/tasks.h"
#include "kernels/cpu/tile_prologue.h"
#include "kernels/scalar.h"
#include "stream/context.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

// The fixed pieces of a sum: nothing here may depend on the number of threads.
constexpr int64_t kChunk = 4096;        // elements of a row
constexpr int64_t kRowLanes = 128;      // independent accumulators of a row
constexpr int64_t kFold = 16;           // accumulators of a short row
constexpr int64_t kRowsPerChunk = 256;  // rows of columns, 8 of them joined as a tree
constexpr int64_t kColumnBlock = 1024;  // columns of a task, their accumulators stay in L1
constexpr int64_t kMinWidth = 128;      // narrower rows are handled several at a time
constexpr int64_t kArgBlock = 256;
constexpr int64_t kCumsumBlock = 256;

// Elements that are asked for at once, at most.
constexpr int64_t kLongestPiece = 8 * kColumnBlock;

constexpr int64_t kRowGroup = 64;  // short rows handled before their results are written
constexpr int64_t kSearchBlock = 64;

struct Extents {
  int64_t outer, reduce, inner;
};

template <class T>
[[gnu::noinline]] void convert(const T* x, int64_t n, Compute<T>* y) {
  if constexpr (kIsFloat<Compute<T>>) {
    constexpr int64_t kWidth = V<float>::kWidth;
    int64_t i = 0;
    for (; i + kWidth <= n; i += kWidth) store(load(x + i), y + i);
    if (i < n) store_partial(load_partial(x + i, n - i), y + i, n - i);
  } else {
    for (int64_t i = 0; i < n; ++i) y[i] = read(x[i]);
  }
}

// The n elements of x in their compute type: x itself where it is stored so, else converted into `buffer`.
template <class T>
HEBB_INLINE const Compute<T>* widen(const T* x, int64_t n, Compute<T>* buffer) {
  if constexpr (kIsStoredAsComputed<T>) {
    return x;
  } else {
    convert(x, n, buffer);
    return buffer;
  }
}

// Joins the n elements of x, n <= kChunk.
template <class Op, class C>
[[gnu::noinline]] typename Op::Acc span_of(const C* x, int64_t n, typename Op::Acc center) {
  using Acc = typename Op::Acc;
  if (n < kFold) {
    Acc even = Op::start(), odd = Op::start();
    for (int64_t i = 0; i + 2 <= n; i += 2) {
      even = Op::join(even, Op::lift(x[i], center));
      odd = Op::join(odd, Op::lift(x[i + 1], center));
    }
    if (n % 2 != 0) even = Op::join(even, Op::lift(x[n - 1], center));
    return Op::join(even, odd);
  }
  Acc lanes[kFold];
  for (int64_t l = 0; l < kFold; ++l) lanes[l] = Op::start();
  int64_t i = 0;
  if (n >= kRowLanes) {
    Acc wide[kRowLanes];
    for (int64_t l = 0; l < kRowLanes; ++l) wide[l] = Op::start();
    for (; i + kRowLanes <= n; i += kRowLanes) {
      for (int64_t l = 0; l < kRowLanes; ++l) wide[l] = Op::join(wide[l], Op::lift(x[i + l], center));
    }
    for (int64_t g = 0; g < kRowLanes; g += kFold) {
      for (int64_t l = 0; l < kFold; ++l) lanes[l] = Op::join(lanes[l], wide[g + l]);
    }
  }
  for (; i + kFold <= n; i += kFold) {
    for (int64_t l = 0; l < kFold; ++l) lanes[l] = Op::join(lanes[l], Op::lift(x[i + l], center));
  }
  for (int64_t l = 0; i < n; ++i, ++l) lanes[l] = Op::join(lanes[l], Op::lift(x[i], center));
  for (int64_t half = kFold / 2; half > 0; half /= 2) {
    for (int64_t l = 0; l < half; ++l) lanes[l] = Op::join(lanes[l], lanes[l + half]);
  }
  return lanes[0];
}

template <class Op, class T>
HEBB_INLINE typename Op::Acc reduce_span(const T* x, int64_t n, typename Op::Acc center) {
  if constexpr (kIsStoredAsComputed<T>) return span_of<Op>(x, n, center);
  Compute<T> buffer[kChunk];
  return span_of<Op>(widen(x, n, buffer), n, center);
}

// X gives the elements: where they are stored, or as they are made.
template <class Op, class X, class Out>
void reduce_rows(const X& x, Extents e, const typename Op::Acc* centers, Out out, stream::Context& context) {
  using Acc = typename Op::Acc;
  using T = typename X::Element;
  using Wide = typename Op::Wide;
  const int64_t chunks = ceil_div(e.reduce, kChunk);
  if (chunks <= 1) {
    const int64_t group = least(kRowGroup, kChunk / most(1, e.reduce));
    parallel_items(context, ceil_div(e.outer, group), task_grain(e.reduce * group),
                   [&](int64_t item, int thread) {
                     const int64_t first = item * group, count = least(group, e.outer - first);
                     const T* rows = x.rows({first * e.reduce, count * e.reduce}, thread);
                     Acc acc[kRowGroup];
                     for (int64_t k = 0; k < count; ++k) {
                       const Acc center = centers ? centers[first + k] : Acc(0);
                       acc[k] = reduce_span<Op>(rows + k * e.reduce, e.reduce, center);
                     }
                     out.put(first, acc, count);
                   });
    return;
  }
  Acc* partials = context.scratch<Acc>(0, e.outer * chunks);
  parallel_items(context, e.outer * chunks, task_grain(kChunk), [&](int64_t item, int thread) {
    const int64_t row = item / chunks, first = item % chunks * kChunk;
    const int64_t count = least(e.reduce - first, kChunk);
    const Acc center = centers ? centers[row] : Acc(0);
    partials[item] = reduce_span<Op>(x.rows({row * e.reduce + first, count}, thread), count, center);
  });
  for (int64_t row = 0; row < e.outer; ++row) {
    Wide acc = Op::start();
    for (int64_t c = 0; c < chunks; ++c) acc = Op::join(acc, static_cast<Wide>(partials[row * chunks + c]));
    out.put(row, &acc, 1);
  }
}

// acc[j] joined with the 8 rows of a tile, as a tree.
template <class Op, class C>
[[gnu::noinline]] void join_tile(const C* tile, int64_t stride, int64_t width, const typename Op::Acc* center,
                                 typename Op::Acc* acc) {
  int64_t j = 0;
  // Where Op joins vectors, because the compiler does not see them in a tree of selections.
  if constexpr (Op::kJoinsVectors) {
    for (; j + V<C>::kWidth <= width; j += V<C>::kWidth) {
      V<C> joined = V<C>::load(acc + j);
      for (int k = 0; k < 8; ++k) joined = Op::join(V<C>::load(tile + k * stride + j), joined);
      joined.store(acc + j);
    }
  }
  for (; j < width; ++j) {
    const auto at = [&](int k) __attribute__((always_inline)) {
      return Op::lift(tile[k * stride + j], center[j]);
    };
    const auto low = Op::join(Op::join(at(0), at(1)), Op::join(at(2), at(3)));
    const auto high = Op::join(Op::join(at(4), at(5)), Op::join(at(6), at(7)));
    acc[j] = Op::join(acc[j], Op::join(low, high));
  }
}

template <class Op, class C>
[[gnu::noinline]] void join_row(const C* row, int64_t width, const typename Op::Acc* center,
                                typename Op::Acc* acc) {
  for (int64_t j = 0; j < width; ++j) acc[j] = Op::join(acc[j], Op::lift(row[j], center[j]));
}

// Rows of `width` elements from element `first` on, `stride` apart, then the `tail` first elements of one
// more.
struct Rows {
  int64_t first, count, stride, width, tail;
};

// acc[j] joined with them.
template <class Op, class X>
void join_rows(const X& x, const Rows& rows, int thread, const typename Op::Acc* center,
               typename Op::Acc* acc) {
  using T = typename X::Element;
  const int64_t width = rows.width;
  for (int64_t j = 0; j < width; ++j) acc[j] = Op::start();
  Compute<T> buffer[kIsStoredAsComputed<T> ? 1 : 8 * kColumnBlock];
  int64_t r = 0;
  for (; r + 8 <= rows.count; r += 8) {
    const Piece piece{rows.first + r * rows.stride, width, 8, rows.stride};
    const T* from = x.rows(piece, thread);
    const int64_t step = x.step(piece);
    if constexpr (kIsStoredAsComputed<T>) {
      join_tile<Op>(from, step, width, center, acc);
    } else {
      for (int64_t k = 0; k < 8; ++k) widen(from + k * step, width, buffer + k * width);
      join_tile<Op>(static_cast<const Compute<T>*>(buffer), width, width, center, acc);
    }
  }
  for (; r <= rows.count; ++r) {
    const int64_t count = r < rows.count ? width : rows.tail;
    if (count == 0) continue;
    const T* from = x.rows({rows.first + r * rows.stride, count}, thread);
    join_row<Op>(widen(from, count, buffer), count, center, acc);
  }
}

// Narrow rows are taken `group` at a time as one wide row, whose accumulators are joined at the end.
template <class Op, class X>
void join_columns(const X& x, const Rows& rows, int64_t group, int thread, const typename Op::Acc* centers,
                  typename Op::Acc* acc) {
  using Acc = typename Op::Acc;
  const int64_t columns = rows.width;
  Acc center[kColumnBlock];
  for (int64_t g = 0; g < group; ++g) {
    for (int64_t j = 0; j < columns; ++j) center[g * columns + j] = centers ? centers[j] : Acc(0);
  }
  const Rows wide{rows.first, rows.count / group, group * rows.stride, group * columns,
                  rows.count % group * columns};
  join_rows<Op>(x, wide, thread, center, acc);
  for (int64_t g = 1; g < group; ++g) {
    for (int64_t j = 0; j < columns; ++j) acc[j] = Op::join(acc[j], acc[g * columns + j]);
  }
}

template <class Op, class X, class Out>
void reduce_columns(const X& x, Extents e, const typename Op::Acc* centers, Out out,
                    stream::Context& context) {
  using Acc = typename Op::Acc;
  using Wide = typename Op::Wide;
  const int64_t group = e.inner < kMinWidth ? most(1, least(e.reduce, ceil_div(kMinWidth, e.inner))) : 1;
  const int64_t rows_per_chunk = kRowsPerChunk * group;
  const int64_t chunks = most(1, ceil_div(e.reduce, rows_per_chunk));
  const int64_t blocks = ceil_div(e.inner, kColumnBlock);
  Acc* partials = chunks > 1 ? context.scratch<Acc>(0, e.outer * chunks * e.inner) : nullptr;
  const int64_t item_size = least(e.reduce, rows_per_chunk) * least(e.inner, kColumnBlock);
  parallel_items(context, e.outer * chunks * blocks, task_grain(item_size), [&](int64_t item, int thread) {
    const int64_t column = item % blocks * kColumnBlock, chunk = item / blocks % chunks;
    const int64_t slice = item / blocks / chunks, row = chunk * rows_per_chunk;
    const int64_t columns = least(e.inner - column, kColumnBlock);
    const Rows rows{(slice * e.reduce + row) * e.inner + column, least(e.reduce - row, rows_per_chunk),
                    e.inner, columns, 0};
    Acc acc[kColumnBlock];
    join_columns<Op>(x, rows, group, thread, centers ? centers + slice * e.inner + column : nullptr, acc);
    if (partials) {
      Acc* to = partials + (slice * chunks + chunk) * e.inner + column;
      for (int64_t j = 0; j < columns; ++j) to[j] = acc[j];
    } else {
      out.put(slice * e.inner + column, acc, columns);
    }
  });
  if (!partials) return;
  parallel_items(context, e.outer * e.inner, task_grain(chunks), [&](int64_t i, int) {
    const Acc* from = partials + i / e.inner * chunks * e.inner + i % e.inner;
    Wide acc = Op::start();
    for (int64_t c = 0; c < chunks; ++c) acc = Op::join(acc, static_cast<Wide>(from[c * e.inner]));
    out.put(i, &acc, 1);
  });
}

// Whether `value` takes the place of `best`, which came earlier.
template <class Op, class A>
HEBB_INLINE bool replaces(A value, A best) {
  return Op::wins(value, best) | ((value != value) & (best == best));
}

// The best value of each chunk first, then the place of the first equal element in the winning chunk.
template <class Op, class T>
void arg_rows(const T* x, Extents e, int32_t* out, stream::Context& context) {
  using Acc = typename Op::Acc;
  parallel_items(context, e.outer, task_grain(e.reduce), [&](int64_t row, int) {
    const T* from = x + row * e.reduce;
    Acc best = reduce_span<Op>(from, least(e.reduce, kChunk), Acc(0));
    int64_t place = 0;
    for (int64_t first = kChunk; first < e.reduce; first += kChunk) {
      const Acc value = reduce_span<Op>(from + first, least(e.reduce - first, kChunk), Acc(0));
      if (!replaces<Op>(value, best)) continue;
      best = value;
      place = first;
    }
    const auto hit = [&](int64_t i) {
      const Acc value = read(from[i]);
      return static_cast<int>(value == best) |
             (static_cast<int>(value != value) & static_cast<int>(best != best));
    };
    for (; place + kSearchBlock <= e.reduce; place += kSearchBlock) {
      int hits = 0;
      for (int64_t i = 0; i < kSearchBlock; ++i) hits += hit(place + i);
      if (hits > 0) break;
    }
    while (hit(place) == 0) ++place;
    out[row] = static_cast<int32_t>(place);
  });
}

template <class Op, class T>
void arg_columns(const T* x, Extents e, int32_t* out, stream::Context& context) {
  using Acc = typename Op::Acc;
  const int64_t blocks = ceil_div(e.inner, kArgBlock);
  parallel_items(context, e.outer * blocks, task_grain(e.reduce * least(e.inner, kArgBlock)),
                 [&](int64_t item, int) {
                   const int64_t slice = item / blocks, column = item % blocks * kArgBlock;
                   const int64_t columns = least(e.inner - column, kArgBlock);
                   const T* from = x + slice * e.reduce * e.inner + column;
                   int32_t* to = out + slice * e.inner + column;
                   Acc best[kArgBlock], buffer[kArgBlock];
                   for (int64_t j = 0; j < columns; ++j) best[j] = read(from[j]);
                   for (int64_t j = 0; j < columns; ++j) to[j] = 0;
                   for (int64_t r = 1; r < e.reduce; ++r) {
                     const Acc* row = widen(from + r * e.inner, columns, buffer);
                     for (int64_t j = 0; j < columns; ++j) {
                       const Acc value = row[j];
                       const bool better = replaces<Op>(value, best[j]);
                       best[j] = better ? value : best[j];
                       to[j] = better ? static_cast<int32_t>(r) : to[j];
                     }
                   }
                 });
}

}  // namespace
}  // namespace hebb::kernels::HEBB_ISA

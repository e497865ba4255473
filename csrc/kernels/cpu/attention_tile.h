// What the attention kernels work in: one head of an operand as a matrix, dense and transposed blocks of it,
// and the products of such blocks.
#pragma once

#include "kernels/attention.h"
#include "kernels/cpu/gemm_core.h"
#include "kernels/cpu/softmax_rows.h"

namespace hebb::kernels::HEBB_ISA {
namespace {
namespace heads {

// Keys in one block: their scores against a block of queries stay in the L1 cache.
constexpr int64_t kKeys = 256;
// Queries in one block: the tiles of the products read keys and values in place up to this many rows.
constexpr int64_t kQueries = 2 * tile::kTileRows;

// Work per query and key beside depth and width multiply-adds.
constexpr int64_t kWeightCost = 16;

template <class T>
HEBB_INLINE int64_t rounded_up(int64_t n) {
  return ceil_div(n, tile::kTileColumns<T>) * tile::kTileColumns<T>;
}

// The distance of rows of kKeys scores: no power of two, so that they do not share one set of the cache.
template <class T>
constexpr int64_t kScoreLine = kKeys + tile::kTileColumns<T>;

// One head of an operand [.., rows, columns].
template <class T>
struct Matrix {
  T* data;
  int64_t row_stride, column_stride;

  Matrix(const stream::Operand& x, int64_t head)
      : data(x.as<T>()), row_stride(x.strides[x.rank - 2]), column_stride(x.strides[x.rank - 1]) {
    for (int axis = x.rank - 3; axis >= 0; --axis) {
      data += head % x.shape[axis] * x.strides[axis];
      head /= x.shape[axis];
    }
  }
  HEBB_INLINE T* row(int64_t i) const { return data + i * row_stride; }
  HEBB_INLINE void clear(int64_t rows, int64_t columns) const {
    for (int64_t i = 0; i < rows; ++i)
      each_vector<T>(0, columns, [&](Span<T> span) { span.put(row(i), V<T>::zero()); });
  }
};

// The operands of one head.
template <class T>
struct ForwardMatrices {
  Matrix<T> y, q, k, v;
  T* sums;  // [queries]

  ForwardMatrices(const stream::Command& command, int64_t head)
      : y(command[0], head),
        q(command[2], head),
        k(command[3], head),
        v(command[4], head),
        sums(command[1].as<T>() + head * command[2].shape[command[2].rank - 2]) {}
};

template <class T>
struct BackwardMatrices {
  Matrix<T> dq, dk, dv, q, k, v, y, dy;
  const T* sums;

  BackwardMatrices(const stream::Command& command, int64_t head)
      : dq(command[0], head),
        dk(command[1], head),
        dv(command[2], head),
        q(command[3], head),
        k(command[4], head),
        v(command[5], head),
        y(command[6], head),
        dy(command[7], head),
        sums(command[8].as<const T>() + head * command[3].shape[command[3].rank - 2]) {}
};

// Extents and parameters that all heads share.
struct Sizes {
  int64_t count = 1;  // heads, over all leading axes
  int64_t queries, keys, depth, width;
  double scale;
  bool causal;

  Sizes(const stream::Operand& q, const stream::Operand& v, const AttentionParams& params)
      : queries(q.shape[q.rank - 2]),
        keys(v.shape[v.rank - 2]),
        depth(q.shape[q.rank - 1]),
        width(v.shape[v.rank - 1]),
        scale(params.scale),
        causal(params.causal) {
    for (int axis = 0; axis < q.rank - 2; ++axis) count *= q.shape[axis];
  }
  // How many keys the query at `row` attends to: the first ones.
  HEBB_INLINE int64_t limit(int64_t row) const { return causal ? least(keys, row + 1) : keys; }
};

// A block of keys, and how many of them a block of queries attends to: the first ones.
struct KeyBlock {
  int64_t first, count, seen;
};

// Queries of one head.
struct Part {
  int64_t head, first, rows;
};

// What the sums of gradients by outputs are made in: dense rows of a block, and the sum of each query.
template <class T>
struct DeltaSpace {
  T *y, *dy, *deltas;
};

// Rows first.. of a matrix times `scale`, one behind the other.
template <class T>
void copy_block(const Matrix<T>& from, int64_t first, int64_t rows, int64_t columns, T* to, T scale = T{1}) {
  for (int64_t i = 0; i < rows; ++i, to += columns) {
    const T* row = from.row(first + i);
    if (from.column_stride == 1) {
      // Rows of a head lie too far apart for the hardware to see that they follow each other.
      constexpr int64_t kLine = 64 / static_cast<int64_t>(sizeof(T)), kAhead = 8;
      for (int64_t j = 0; j < columns; j += kLine) __builtin_prefetch(row + kAhead * from.row_stride + j);
      each_vector<T>(0, columns, [&](Span<T> span) { span.put(to, span.of(row) * V<T>(scale)); });
    } else {
      for (int64_t j = 0; j < columns; ++j) to[j] = row[j * from.column_stride] * scale;
    }
  }
}

// to[j * rounded_up(rows) + i] = from[i * columns + j], and zeros behind the last row.
template <class T>
void transpose_block(const T* from, int64_t rows, int64_t columns, T* to) {
  const T* starts[kKeys];
  const int64_t line = rounded_up<T>(rows);
  for (int64_t i = 0; i < line; ++i) starts[i] = i < rows ? from + i * columns : nullptr;
  tile::interleave(to, line, starts, static_cast<int>(line), columns);
}

// Dense or transposed operands of a product C (+)= A B.
template <class T>
using Block = tile::Product<T, tile::MatrixA<T>, tile::MatrixB<T>, tile::MatrixC<T>>;

// The most memory that a product of blocks needs, m, n and k being at most these.
template <class T>
int64_t product_space(int64_t n, int64_t k) {
  return tile::thread_space(Block<T>{1, n, k, {nullptr, 0, 0}, {nullptr, 0, 0}, {nullptr, 0}, {}});
}

}  // namespace heads
}  // namespace
}  // namespace hebb::kernels::HEBB_ISA

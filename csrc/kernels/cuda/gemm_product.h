// A matrix product as its grids take it: where the elements lie, how k is cut, and what becomes of a sum.
#pragma once

#include "kernels/convert.h"
#include "kernels/cuda/formulas.h"
#include "kernels/cuda/hw.h"
#include "kernels/gemm.h"

namespace hebb::kernels::cuda {
namespace {

constexpr int kBatchAxes = stream::kRank - 2;

// C [matrices, m, n] = activation(A [m, k] B [k, n] + bias) for each matrix. Strides are in elements.
struct Product {
  int64_t m, n, k;
  int64_t a_row, a_k, b_k, b_column, c_row, c_column;
  int64_t bias_row, bias_column;
  int axes;  // of the batch
  int64_t extents[kBatchAxes], a_steps[kBatchAxes], b_steps[kBatchAxes];
  int64_t matrices;
  const void *a, *b;
  void* c;
  const void* bias;  // null for none
  int64_t activation;
  bool accumulate;  // C is added to
  // k is cut into `splits` parts of `depth`. Where there are several, a grid leaves its sums in `partial`
  // [splits, matrices, m, n], in the compute type.
  int64_t splits, depth;
  void* partial;

  // Seen as C^T = B^T A^T.
  void turn() {
    const Product old = *this;
    m = old.n, n = old.m;
    a_row = old.b_column, a_k = old.b_k, b_k = old.a_k, b_column = old.a_row;
    c_row = old.c_column, c_column = old.c_row;
    bias_row = old.bias_column, bias_column = old.bias_row;
    a = old.b, b = old.a;
    for (int i = 0; i < axes; ++i) a_steps[i] = old.b_steps[i], b_steps[i] = old.a_steps[i];
  }

  void add_axis(int64_t extent, int64_t a_step, int64_t b_step) {
    extents[axes] = extent, a_steps[axes] = a_step, b_steps[axes] = b_step;
    ++axes;
  }
};

// Matrices of an axis that meet the same B are rows of one taller matrix.
inline Product product_of(const stream::Operand& c, const stream::Operand& a, const stream::Operand& b) {
  const int rank = c.rank;
  Product p{};
  p.m = c.shape[rank - 2], p.n = c.shape[rank - 1], p.k = a.shape[rank - 1];
  p.a_row = a.strides[rank - 2], p.a_k = a.strides[rank - 1];
  p.b_k = b.strides[rank - 2], p.b_column = b.strides[rank - 1];
  p.c_row = p.n, p.c_column = 1;
  p.bias_column = 1;
  p.a = a.data, p.b = b.data, p.c = c.data;
  int axes = rank - 2;
  for (; axes > 0; --axes) {
    const int last = axes - 1;
    if (c.shape[last] == 1) continue;
    if (b.strides[last] != 0 || (p.m != 1 && a.strides[last] != p.m * p.a_row)) break;
    if (p.m == 1) p.a_row = a.strides[last];
    p.m *= c.shape[last];
  }
  p.matrices = 1;
  for (int i = 0; i < axes; ++i) {
    if (c.shape[i] == 1) continue;
    p.add_axis(c.shape[i], a.strides[i], b.strides[i]);
    p.matrices *= c.shape[i];
  }
  p.splits = 1, p.depth = p.k;
  return p;
}

template <class S>
struct Matrices {
  const S *a, *b;
};
template <class S>
HEBB_DEVICE Matrices<S> matrices_at(const Product& p, int64_t matrix) {
  Matrices<S> at{static_cast<const S*>(p.a), static_cast<const S*>(p.b)};
  for (int i = p.axes - 1; i >= 0; --i) {
    const int64_t place = matrix % p.extents[i];
    matrix /= p.extents[i];
    at.a += place * p.a_steps[i];
    at.b += place * p.b_steps[i];
  }
  return at;
}

template <class T>
HEBB_DEVICE T activate(T x, int64_t activation) {
  if (activation == kActivationRelu) return max(x, T(0));
  if (activation == kActivationSigmoid) return sigmoid(x);
  if (activation == kActivationTanh) return tanh(x);
  return x;
}

// What is stored at [i, j] of a matrix, where C has `old`.
template <class S>
HEBB_DEVICE S finished(const Product& p, int64_t i, int64_t j, Compute<S> sum, const S* old) {
  if (p.bias != nullptr) sum += read(static_cast<const S*>(p.bias)[i * p.bias_row + j * p.bias_column]);
  const S stored = write<S>(activate(sum, p.activation));
  return p.accumulate ? write<S>(read(*old) + read(stored)) : stored;
}

template <class S>
HEBB_DEVICE void store_sum(const Product& p, int64_t matrix, int64_t i, int64_t j, Compute<S> sum) {
  S* to = static_cast<S*>(p.c) + matrix * p.m * p.n + i * p.c_row + j * p.c_column;
  *to = finished<S>(p, i, j, sum, to);
}

// Where the sums of a part of k go: [m, n] of one matrix.
template <class S>
HEBB_DEVICE Compute<S>* partial_at(const Product& p, int64_t split, int64_t matrix) {
  return static_cast<Compute<S>*>(p.partial) + (split * p.matrices + matrix) * p.m * p.n;
}

// Which part of the work is a block's. Grids have a second axis where the first is full.
struct Share {
  int64_t group, split, matrix;
};
HEBB_DEVICE Share share_of_block(const Product& p, int64_t groups) {
  int64_t index = hw::block() + static_cast<int64_t>(hw::block(1)) * hw::blocks();
  Share share;
  share.group = index % groups;
  index /= groups;
  share.split = index % p.splits;
  share.matrix = index / p.splits;
  return share;
}
inline Grid grid_of_shares(const Product& p, int64_t groups, int threads) {
  constexpr int64_t kRow = int64_t{1} << 20;
  const int64_t blocks = groups * p.splits * p.matrices;
  const int64_t row = blocks < kRow ? blocks : kRow;
  return {.threads = threads,
          .blocks = static_cast<int>(row),
          .blocks_y = static_cast<int>(ceil_div(blocks, row))};
}

}  // namespace
}  // namespace hebb::kernels::cuda

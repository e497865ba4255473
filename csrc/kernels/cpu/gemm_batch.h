// Batches of strided matrices: the operands of a product as its loop nest takes them, one matrix at a time.
#pragma once

#include "kernels/cpu/gemm_core.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

// A product as matrices: `axes` batch axes, each with the strides of the three operands, over C [m, n].
struct Batch {
  int axes = 0;
  int64_t count = 1;
  int64_t extents[stream::kRank];
  int64_t a_strides[stream::kRank], b_strides[stream::kRank];
  int64_t m, n, k;
  int64_t a_row, a_k, b_k, b_column;
  bool turned = false;  // A and B have changed places

  // Where every matrix of an axis meets the same B, its rows are those of one taller matrix, unless these are
  // to be kept `apart`.
  Batch(const stream::Operand& c, const stream::Operand& a, const stream::Operand& b, bool apart = false) {
    const int rank = c.rank;
    m = c.shape[rank - 2], n = c.shape[rank - 1], k = a.shape[rank - 1];
    a_row = a.strides[rank - 2], a_k = a.strides[rank - 1];
    b_k = b.strides[rank - 2], b_column = b.strides[rank - 1];
    axes = rank - 2;
    for (int i = 0; i < axes; ++i)
      extents[i] = c.shape[i], a_strides[i] = a.strides[i], b_strides[i] = b.strides[i];
    for (; axes > 0 && !apart; --axes) {
      const int last = axes - 1;
      if (extents[last] == 1) continue;
      if (b_strides[last] != 0 || (m != 1 && a_strides[last] != m * a_row)) break;
      if (m == 1) a_row = a_strides[last];
      m *= extents[last];
    }
    for (int i = 0; i < axes; ++i) count *= extents[i];
  }

  // A column C = A b as the row it is in memory, b^T A^T, where A is contiguous along its rows.
  void turn_column() {
    if (n != 1 || a_row != 1 || a_k == 1) return;
    turned = true;
    n = m, m = 1;
    const int64_t step = a_k;
    a_row = 0, a_k = b_k, b_k = step, b_column = 1;
    for (int i = 0; i < axes; ++i) {
      const int64_t stride = a_strides[i];
      a_strides[i] = b_strides[i], b_strides[i] = stride;
    }
  }

  // Offsets of the operands of matrix `index`.
  HEBB_INLINE void offsets(int64_t index, int64_t* a, int64_t* b) const {
    *a = *b = 0;
    for (int i = axes - 1; i >= 0; --i) {
      const int64_t at = index % extents[i];
      index /= extents[i];
      *a += at * a_strides[i];
      *b += at * b_strides[i];
    }
  }
};

}  // namespace
}  // namespace hebb::kernels::HEBB_ISA

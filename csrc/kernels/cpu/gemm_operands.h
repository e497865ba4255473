// The operands of GEMM: how its loop nest comes to panels of A and B and to the rows of C.
//
// They are policies, so that a convolution can pack an image that was never unfolded:
//
//   struct A {                        // rows of A, in panels of at most kTileRows
//     Panel<T> panel(T* space, int64_t row, int rows, int64_t k0, int64_t kc) const;
//        // rows row..row+rows-1 and k0..k0+kc-1, either packed into space as space[k * rows + i], or in
//        // place, where rows are contiguous along k or across. space has room for kTileRows * kc + kSlack
//        // elements.
//     bool runs_across() const;     // whether several panels are better made at once, by
//     void panels(T* space, const Rows* bands, int count, int64_t k0, int64_t kc, Panel<T>* made) const;
//   };
//   struct B {                        // columns of B, in panels of `width` = 1 or 2 vectors
//     void pack(T* space, int width, int64_t column, int columns, int64_t k0, int64_t kc) const;
//        // space[k * width + j] = B[k0 + k, column + j] for j < columns, and 0 for columns <= j < width
//     const T* in_place(int64_t column, int64_t k0) const;   // B[k0, column] if rows of B are contiguous,
//     else null int64_t k_stride() const;                              // its distance to the next k
//   };                                // or PanelB, which was packed before
//   struct C {
//     T* row(int64_t i) const;        // the n contiguous elements of row i
//   };
//
// MatrixA, MatrixB and MatrixC are those of plain strided matrices; gemm_pack.h has interleave() and
// copy_rows() to write others with. Policies are called from several threads at once and must not change.
#pragma once

#include "kernels/cpu/gemm_pack.h"

namespace hebb::kernels::HEBB_ISA {
namespace {
namespace tile {

// One of the strides is 1.
template <class T>
struct Panel {
  const T* data;
  int64_t row_stride, k_stride;
};

// Rows of A and C that one panel has.
struct Rows {
  int64_t first;
  int count;
};

// Panels that are made at a time where memory runs across them: some whole lines of it.
inline constexpr int kBandsAtOnce = 112 / kTileRows;

// A strided matrix of T, or of a half type that is converted to T while packing.
template <class T, class S = T>
struct MatrixA {
  const S* data;
  int64_t row_stride, k_stride;
  bool in_cache = false;  // small, and just made: packing would not pay where rows run across

  Panel<T> panel(T* space, int64_t row, int rows, int64_t k0, int64_t kc) const {
    const Panel<T> placed = panel_at(space, row, rows, k0);
    if (placed.data == space) pack(space, row, rows, k0, kc);
    return placed;
  }

  // What panel() returns.
  Panel<T> panel_at(const T* space, int64_t row, int rows, int64_t k0) const {
    if constexpr (sizeof(S) == sizeof(T)) {
      const T* from = data + row * row_stride + k0 * k_stride;
      // Rows whole pages apart share one set of the L1 cache and would evict each other.
      const bool aliased = row_stride * static_cast<int64_t>(sizeof(T)) % 2048 == 0 && rows > 8;
      if (k_stride == 1 && !aliased) return {from, row_stride, 1};
      if (row_stride == 1 && in_cache) return {from, 1, k_stride};
    }
    return {space, 1, rows};
  }

  void pack(T* space, int64_t row, int rows, int64_t k0, int64_t kc) const {
    const S* from = data + row * row_stride + k0 * k_stride;
    if (k_stride == 1) {
      const S* starts[kTileRows];
      for (int i = 0; i < rows; ++i) starts[i] = from + i * row_stride;
      interleave(space, rows, starts, rows, kc);
    } else if (row_stride == 1) {
      copy_rows(space, rows, from, k_stride, rows, rows, kc);
    } else {
      for (int64_t k = 0; k < kc; ++k)
        for (int i = 0; i < rows; ++i)
          space[k * rows + i] = compute_value(from[k * k_stride + i * row_stride]);
    }
  }

  // Whether memory runs across the rows: a panel alone would take a part of each line that it touches.
  bool runs_across() const { return sizeof(S) == sizeof(T) && row_stride == 1 && k_stride != 1 && !in_cache; }

  // Panels of `count` bands of rows that follow each other, each in room for kTileRows * kc + kSlack
  // elements.
  void panels(T* space, const Rows* bands, int count, int64_t k0, int64_t kc, Panel<T>* made) const {
    const int64_t room = kTileRows * kc + kSlack;
    if constexpr (sizeof(S) == sizeof(T)) {
      if (count > 1 && runs_across()) {
        T* out[kBandsAtOnce];
        int rows[kBandsAtOnce];
        for (int i = 0; i < count; ++i) {
          out[i] = space + i * room, rows[i] = bands[i].count;
          made[i] = {out[i], 1, rows[i]};
        }
        return copy_side_by_side(out, rows, count, data + bands[0].first + k0 * k_stride, k_stride, kc);
      }
    }
    for (int i = 0; i < count; ++i) made[i] = panel(space + i * room, bands[i].first, bands[i].count, k0, kc);
  }
};

template <class T, class S = T>
struct MatrixB {
  const S* data;
  int64_t row_stride, column_stride;  // the rows of B count k

  void pack(T* space, int width, int64_t column, int columns, int64_t k0, int64_t kc) const {
    const S* from = data + k0 * row_stride + column * column_stride;
    if (column_stride == 1) {
      copy_rows(space, width, from, row_stride, columns, width, kc);
    } else if (row_stride == 1) {
      const S* starts[kTileColumns<T>];
      for (int j = 0; j < width; ++j) starts[j] = j < columns ? from + j * column_stride : nullptr;
      interleave(space, width, starts, width, kc);
    } else {
      for (int64_t k = 0; k < kc; ++k)
        for (int j = 0; j < width; ++j)
          space[k * width + j] = j < columns ? compute_value(from[k * row_stride + j * column_stride]) : T(0);
    }
  }
  const T* in_place(int64_t column, int64_t k0) const {
    if constexpr (sizeof(S) == sizeof(T)) {
      if (column_stride == 1) return data + k0 * row_stride + column;
    }
    return nullptr;
  }
  int64_t k_stride() const { return row_stride; }
};

// The width of a panel of so many columns.
template <class T>
HEBB_INLINE int panel_width(int columns) {
  return columns <= V<T>::kWidth ? V<T>::kWidth : kTileColumns<T>;
}

// A matrix of `depth` rows in panels of all their depth, one behind the other.
template <class T>
struct PanelB {
  const T* data;
  int64_t depth;

  const T* in_place(int64_t, int64_t) const { return nullptr; }
};

template <class B>
inline constexpr bool kIsPanels = false;
template <class T>
inline constexpr bool kIsPanels<PanelB<T>> = true;

template <class T>
struct MatrixC {
  T* data;
  int64_t row_stride;
  T* row(int64_t i) const { return data + i * row_stride; }
};

}  // namespace tile
}  // namespace
}  // namespace hebb::kernels::HEBB_ISA

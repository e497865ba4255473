// Products of few rows or columns, where packing would cost more than the arithmetic: dot products where both
// operands are contiguous in k, sums of whole rows of B where it is contiguous along them.
#pragma once

#include "kernels/cpu/gemm_core.h"

namespace hebb::kernels::HEBB_ISA {
namespace {
namespace tile {

inline constexpr int kDotTile = 4;
// Below this, adding up the lanes costs more than packing would.
inline constexpr int64_t kDotDepth = 64;

// c[i][j] = sum over k of A[i, k] B[k, j].
template <class T>
struct ThinTile {
  const T* a;
  int64_t a_row, a_k;
  const T* b;
  int64_t b_k, b_column;
  int64_t k;
  T* const* c;
  int columns;
};

// Needs a_k = b_k = 1. Lane l sums the k that are l modulo the width.
template <class T, int kRows, int kColumns>
void dot_tile(const ThinTile<T>& t) {
  using Vec = V<T>;
  Vec acc[kRows][kColumns];
#pragma GCC unroll 4
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < kColumns; ++j) acc[i][j] = Vec::zero();
  }
  const auto step = [&](auto load) __attribute__((always_inline)) {
    Vec a[kRows];
#pragma GCC unroll 4
    for (int i = 0; i < kRows; ++i) a[i] = load(t.a + i * t.a_row);
#pragma GCC unroll 4
    for (int j = 0; j < kColumns; ++j) {
      const Vec b = load(t.b + j * t.b_column);
#pragma GCC unroll 4
      for (int i = 0; i < kRows; ++i) acc[i][j] = fma(a[i], b, acc[i][j]);
    }
  };
  int64_t k = 0;
  for (; k + Vec::kWidth <= t.k; k += Vec::kWidth) step([k](const T* p) { return Vec::load(p + k); });
  const int rest = static_cast<int>(t.k - k);
  if (rest > 0) step([k, rest](const T* p) { return Vec::load_partial(p + k, rest); });
#pragma GCC unroll 4
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < kColumns; ++j) t.c[i][j] = reduce_add(acc[i][j]);
  }
}

template <class T>
using Dot = void (*)(const ThinTile<T>& tile);

template <class T>
inline constexpr Dot<T> kDot[kDotTile][kDotTile] = {
    {&dot_tile<T, 1, 1>, &dot_tile<T, 1, 2>, &dot_tile<T, 1, 3>, &dot_tile<T, 1, 4>},
    {&dot_tile<T, 2, 1>, &dot_tile<T, 2, 2>, &dot_tile<T, 2, 3>, &dot_tile<T, 2, 4>},
    {&dot_tile<T, 3, 1>, &dot_tile<T, 3, 2>, &dot_tile<T, 3, 3>, &dot_tile<T, 3, 4>},
    {&dot_tile<T, 4, 1>, &dot_tile<T, 4, 2>, &dot_tile<T, 4, 3>, &dot_tile<T, 4, 4>}};

// Sums of rows: enough columns at once to hide the latency of the additions.
inline constexpr int kWideVectors = 8;
inline constexpr int kWideRows = 2;

// Needs b_column = 1.
template <class T, int kRows>
void wide_tile(const ThinTile<T>& t) {
  using Vec = V<T>;
  constexpr int kVectors = kWideVectors / kRows;
  const auto sum = [&](auto load, auto store) __attribute__((always_inline)) {
    Vec acc[kRows][kVectors];
#pragma GCC unroll 2
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 8
      for (int j = 0; j < kVectors; ++j) acc[i][j] = Vec::zero();
    }
    for (int64_t k = 0; k < t.k; ++k) {
      Vec factor[kRows];
#pragma GCC unroll 2
      for (int i = 0; i < kRows; ++i) factor[i] = Vec::set1(t.a[i * t.a_row + k * t.a_k]);
#pragma GCC unroll 8
      for (int j = 0; j < kVectors; ++j) {
        const Vec row = load(t.b + k * t.b_k, j * Vec::kWidth);
#pragma GCC unroll 2
        for (int i = 0; i < kRows; ++i) acc[i][j] = fma(factor[i], row, acc[i][j]);
      }
    }
#pragma GCC unroll 2
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 8
      for (int j = 0; j < kVectors; ++j) store(acc[i][j], t.c[i], j * Vec::kWidth);
    }
  };
  if (t.columns == kVectors * Vec::kWidth) {
    sum([](const T* p, int j) { return Vec::load(p + j); }, [](Vec x, T* p, int j) { x.store(p + j); });
  } else {
    const auto lanes = [&](int j) {
      const int rest = t.columns - j;
      return rest < 0 ? 0 : rest < Vec::kWidth ? rest : Vec::kWidth;
    };
    sum([&](const T* p, int j) { return Vec::load_partial(p + j, lanes(j)); },
        [&](Vec x, T* p, int j) { x.store_partial(p + j, lanes(j)); });
  }
}

template <class T>
using Plain = Product<T, MatrixA<T>, MatrixB<T>, MatrixC<T>>;

enum class Thin { kNone, kDot, kWide };

// Which of the two forms computes p, if any: an element of the larger operand is used only a few times.
template <class T>
Thin thin_form(const Plain<T>& p) {
  if (p.epilogue.accumulate) return Thin::kNone;
  if (p.a.k_stride == 1 && p.b.row_stride == 1 && p.k >= kDotDepth &&
      (p.m <= 2 * kDotTile || p.n <= kDotTile)) {
    return Thin::kDot;
  }
  return p.m <= kWideRows && p.b.column_stride == 1 ? Thin::kWide : Thin::kNone;
}

// The tiles that p is cut into: kDot by rows and columns, kWide by columns.
template <class T>
struct ThinTiles {
  int64_t rows, columns, count, work;  // of a tile; how many; multiply-adds in one
  ThinTiles(const Plain<T>& p, Thin form) {
    rows = form == Thin::kDot ? kDotTile : p.m;
    columns = form == Thin::kDot ? kDotTile : kWideVectors / p.m * V<T>::kWidth;
    count = pieces_of(p.m, rows) * pieces_of(p.n, columns);
    work = rows * columns * p.k;
  }
};

// Tile `index`; they are numbered down the columns, so that columns of B are read once.
template <class T>
void multiply_thin(const Plain<T>& p, Thin form, const ThinTiles<T>& tiles, int64_t index) {
  const int64_t row_tiles = pieces_of(p.m, tiles.rows);
  const int64_t row = index % row_tiles * tiles.rows, column = index / row_tiles * tiles.columns;
  const int rows = static_cast<int>(p.m - row < tiles.rows ? p.m - row : tiles.rows);
  const int columns = static_cast<int>(p.n - column < tiles.columns ? p.n - column : tiles.columns);
  T* c[kDotTile];
  for (int i = 0; i < rows; ++i) c[i] = p.c.row(row + i) + column;
  const ThinTile<T> tile{p.a.data + row * p.a.row_stride,
                         p.a.row_stride,
                         p.a.k_stride,
                         p.b.data + column * p.b.column_stride,
                         p.b.row_stride,
                         p.b.column_stride,
                         p.k,
                         c,
                         columns};
  if (form == Thin::kDot) {
    kDot<T>[rows - 1][columns - 1](tile);
  } else if (rows == 1) {
    wide_tile<T, 1>(tile);
  } else {
    wide_tile<T, 2>(tile);
  }
  if (p.epilogue.bias || p.epilogue.activation != kActivationNone)
    finish(c, rows, columns, p.epilogue.bias ? p.epilogue.bias + column : nullptr, p.epilogue.activation);
}

}  // namespace tile
}  // namespace
}  // namespace hebb::kernels::HEBB_ISA

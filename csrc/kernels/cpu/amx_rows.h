// Matrices kept as rows of bf16 terms: each value is split once, and whatever tiles a product wants of the
// matrix are made of the terms. As rows lie, they are tiles of A.
#pragma once

#include "kernels/cpu/amx_tiles.h"

namespace hebb::kernels::HEBB_ISA {
namespace {
namespace amx {

HEBB_INLINE int64_t whole(int64_t extent, int64_t unit) { return (extent + unit - 1) / unit * unit; }

// Term t of element (i, j) at data[t * plane() + i * stride + j]. Both extents are whole tiles', with zeros
// behind the values.
template <int kTerms>
struct TermRows {
  uint16_t* data;
  int64_t rows, columns, stride;

  TermRows() = default;
  TermRows(int64_t height, int64_t width)
      : data(nullptr), rows(whole(height, kBand)), columns(whole(width, kDepth)) {
    // Rows of tiles whole kilobytes apart would share sets of the L1 cache.
    stride = columns % 512 == 0 ? columns + kDepth : columns;
  }

  HEBB_INLINE int64_t plane() const { return rows * stride; }
  HEBB_INLINE int64_t size() const { return kTerms * plane(); }
  HEBB_INLINE uint16_t* row(int64_t i) const { return data + i * stride; }
  // Rows from the i-th on as tiles of A, columns being k.
  HEBB_INLINE Tiles tiles(int64_t i) const { return {row(i), plane(), kSide * stride, 2 * stride, kDepth}; }

  HEBB_INLINE void clear(int64_t i, int64_t first, int64_t last) const {
    for (int t = 0; t < kTerms; ++t)
      for (int64_t j = first; j < last; ++j) row(i)[t * plane() + j] = 0;
  }
};

// The steps of packed tiles [panel][step], each of kTerms * kBandItems.
template <int kTerms>
struct TilePlan {
  uint16_t* data = nullptr;
  int64_t panels = 0, steps = 0;

  TilePlan() = default;
  TilePlan(int64_t lines, int64_t depth)
      : panels(whole(lines, kBand) / kBand), steps(whole(depth, kDepth) / kDepth) {}
  HEBB_INLINE int64_t size() const { return panels * steps * kTerms * kBandItems; }
  HEBB_INLINE uint16_t* at(int64_t panel, int64_t step) const {
    return data + (panel * steps + step) * kTerms * kBandItems;
  }
  HEBB_INLINE Tiles tiles(int64_t panel, int64_t step) const { return packed_tiles<kTerms>(at(panel, step)); }
};

HEBB_INLINE void store_tile(const __m512i (&rows)[kSide], uint16_t* to) {
  for (int i = 0; i < kSide; ++i) _mm512_storeu_si512(to + i * kDepth, rows[i]);
}

// Sixteen columns of kDepth rows: pair p of rows for each column.
HEBB_INLINE void pairs_of_rows(const uint16_t* from, int64_t stride, __m512i (&pairs)[kSide]) {
  for (int p = 0; p < kSide; ++p) {
    const auto load = [&](int64_t row) {
      return _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + row * stride)));
    };
    pairs[p] = _mm512_or_si512(load(2 * p), _mm512_slli_epi32(load(2 * p + 1), 16));
  }
}

enum class Use {
  kRowsAreColumns,  // tiles of B [columns, rows]
  kRowsAreDepth,    // tiles of B [rows, columns]
  kTurned,          // tiles of A [columns, rows]
};

// A block of kBand rows and kDepth columns, term by term: one step of a packed panel.
template <int kTerms, Use kUse>
HEBB_INLINE void pack_step(const TermRows<kTerms>& from, int64_t row, int64_t column, uint16_t* to) {
  for (int t = 0; t < kTerms; ++t) {
    const uint16_t* block = from.row(row) + t * from.plane() + column;
    for (int half = 0; half < 2; ++half) {
      __m512i tile[kSide];
      if constexpr (kUse == Use::kRowsAreColumns) {
        for (int i = 0; i < kSide; ++i)
          tile[i] = _mm512_loadu_si512(block + (half * kSide + i) * from.stride);
      } else {
        pairs_of_rows(block + half * kSide, from.stride, tile);
      }
      if constexpr (kUse != Use::kRowsAreDepth) turn(tile);
      store_tile(tile, to + t * kBandItems + half * kTileItems);
    }
  }
}

// All columns of kBand rows from `row` on, which are the index-th of the panels or of the steps of `to`.
template <int kTerms, Use kUse>
void pack_rows(const TermRows<kTerms>& from, int64_t row, int64_t columns, const TilePlan<kTerms>& to,
               int64_t index) {
  for (int64_t i = 0; i * kDepth < columns; ++i) {
    const bool is_panel = kUse == Use::kRowsAreColumns;
    pack_step<kTerms, kUse>(from, row, i * kDepth, is_panel ? to.at(index, i) : to.at(i, index));
  }
}

}  // namespace amx
}  // namespace
}  // namespace hebb::kernels::HEBB_ISA

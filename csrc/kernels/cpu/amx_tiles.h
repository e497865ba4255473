// The register tiles of products on the tile unit: bands of two tiles of A, two of B, and four of C.
#pragma once

#include <utility>

#include "kernels/cpu/amx_split.h"

namespace hebb::kernels::HEBB_ISA {
namespace {
namespace amx {

// Rows of a band of A and columns of a panel of B: two tiles, so that four of C are in registers.
inline constexpr int kBand = 2 * kSide;
inline constexpr int kBandItems = 2 * kTileItems;  // of one term of kDepth of k

// Lines line..line+lines-1 (at most kBand) and k0..k0+kc-1 of a matrix; where it has fewer, zeros.
template <int kTerms, Order kOrder>
bool pack_band(const float* data, int64_t line_stride, int64_t k_stride, int64_t line, int lines, int64_t k0,
               int64_t kc, uint16_t* out) {
  bool finite = true;
  for (int64_t k = 0; k < kc; k += kDepth) {
    const int depth = static_cast<int>(kc - k < kDepth ? kc - k : kDepth);
    for (int half = 0; half * kSide < lines; ++half) {
      const int rest = lines - half * kSide;
      const float* from = data + (line + half * kSide) * line_stride + (k0 + k) * k_stride;
      if (!pack_strided<kTerms, kOrder>(from, line_stride, k_stride, rest < kSide ? rest : kSide, depth,
                                        out + half * kTileItems, kBandItems))
        finite = false;
    }
    out += kTerms * kBandItems;
  }
  return finite;
}

// Which terms are multiplied, so that few tiles are loaded anew: those of about the size of the last term
// kept.
template <int kTerms>
struct Pairs;
template <>
struct Pairs<1> {
  static constexpr int kCount = 1, a[] = {0}, b[] = {0};
};
template <>
struct Pairs<2> {
  static constexpr int kCount = 3, a[] = {1, 0, 0}, b[] = {0, 0, 1};
};
template <>
struct Pairs<3> {
  static constexpr int kCount = 6, a[] = {2, 1, 0, 0, 1, 0}, b[] = {0, 0, 0, 1, 1, 2};
};

// Where the tiles of an operand lie: term t of half h of step s, rows row_bytes apart, at
// data + offset(s) + t * term_step + h * half_step, in 16-bit elements.
struct Tiles {
  const uint16_t* data;
  int64_t term_step, half_step, row_bytes;
  int64_t step;
  const int64_t* offsets = nullptr;  // of each step, where they are not `step` apart

  HEBB_INLINE const uint16_t* at(int64_t index) const {
    return data + (offsets ? offsets[index] : index * step);
  }
};

// Those of a packed band.
template <int kTerms>
HEBB_INLINE Tiles packed_tiles(const uint16_t* data) {
  return {data, kBandItems, kTileItems, 2 * kDepth, kTerms * kBandItems};
}

// C [16 kRows, 16 kColumns] (+)= A B over `steps` tiles of k, in registers.
template <class Unit, int kRows, int kColumns, int kTerms>
void multiply_tiles(Unit& unit, const Tiles& a, const Tiles& b, int64_t steps, float* c, int64_t c_stride,
                    bool accumulate) {
  constexpr int kA = 4, kB = 6;
  using Terms = Pairs<kTerms>;
  const auto tile_of = [&](int i, int j) { return c + (i * c_stride + j) * kSide; };
  const int64_t stride = c_stride * static_cast<int64_t>(sizeof(float));
  const auto open = [&]<int kIndex>() {
    if constexpr (kIndex / 2 < kRows && kIndex % 2 < kColumns) {
      if (accumulate) unit.template load<kIndex>(tile_of(kIndex / 2, kIndex % 2), stride);
      if (!accumulate) unit.template zero<kIndex>();
    }
  };
  const auto close = [&]<int kIndex>() {
    if constexpr (kIndex / 2 < kRows && kIndex % 2 < kColumns)
      unit.template store<kIndex>(tile_of(kIndex / 2, kIndex % 2), stride);
  };
  const uint16_t *at_a = nullptr, *at_b = nullptr;
  const auto pair = [&]<int kPair>() {
    constexpr int kTermA = Terms::a[kPair], kTermB = Terms::b[kPair], kLast = kPair == 0 ? 0 : kPair - 1;
    if constexpr (kPair == 0 || kTermA != Terms::a[kLast]) {
      const uint16_t* from = at_a + kTermA * a.term_step;
      unit.template load<kA>(from, a.row_bytes);
      if constexpr (kRows == 2) unit.template load<kA + 1>(from + a.half_step, a.row_bytes);
    }
    if constexpr (kPair == 0 || kTermB != Terms::b[kLast]) {
      const uint16_t* from = at_b + kTermB * b.term_step;
      unit.template load<kB>(from, b.row_bytes);
      if constexpr (kColumns == 2) unit.template load<kB + 1>(from + b.half_step, b.row_bytes);
    }
    unit.template multiply<0, kA, kB>();
    if constexpr (kColumns == 2) unit.template multiply<1, kA, kB + 1>();
    if constexpr (kRows == 2) unit.template multiply<2, kA + 1, kB>();
    if constexpr (kRows == 2 && kColumns == 2) unit.template multiply<3, kA + 1, kB + 1>();
  };
  [&]<int... kIndex>(std::integer_sequence<int, kIndex...>) { (open.template operator()<kIndex>(), ...); }
  (std::make_integer_sequence<int, 4>{});
  for (int64_t step = 0; step < steps; ++step) {
    at_a = a.at(step), at_b = b.at(step);
    [&]<int... kPair>(std::integer_sequence<int, kPair...>) { (pair.template operator()<kPair>(), ...); }
    (std::make_integer_sequence<int, Terms::kCount>{});
  }
  [&]<int... kIndex>(std::integer_sequence<int, kIndex...>) { (close.template operator()<kIndex>(), ...); }
  (std::make_integer_sequence<int, 4>{});
}

// C [rows, columns], up to kBand of each: whole tiles are written.
template <class Unit, int kTerms>
HEBB_INLINE void multiply_band(Unit& unit, const Tiles& a, const Tiles& b, int64_t steps, int rows,
                               int columns, float* c, int64_t c_stride, bool accumulate) {
  const auto multiply =
      rows > kSide
          ? (columns > kSide ? &multiply_tiles<Unit, 2, 2, kTerms> : &multiply_tiles<Unit, 2, 1, kTerms>)
          : (columns > kSide ? &multiply_tiles<Unit, 1, 2, kTerms> : &multiply_tiles<Unit, 1, 1, kTerms>);
  multiply(unit, a, b, steps, c, c_stride, accumulate);
}

// multiply(to, stride) with C where that has whole tiles, else with a copy in `edge`, kBand x kBand.
template <class F>
HEBB_INLINE void with_whole_tiles(float* c, int64_t c_stride, int rows, int columns, bool accumulate,
                                  float* edge, F&& multiply) {
  if (rows % kSide == 0 && columns % kSide == 0) return multiply(c, c_stride);
  if (accumulate) {
    for (int i = 0; i < rows; ++i)
      for (int j = 0; j < columns; ++j) edge[i * kBand + j] = c[i * c_stride + j];
  }
  multiply(edge, kBand);
  for (int i = 0; i < rows; ++i)
    for (int j = 0; j < columns; ++j) c[i * c_stride + j] = edge[i * kBand + j];
}

}  // namespace amx
}  // namespace
}  // namespace hebb::kernels::HEBB_ISA

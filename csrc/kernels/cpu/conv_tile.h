// The register tiles of convolution: neighbouring pixels times vectors of output channels, and output
// channels times vectors of weights. Images are read where they are; only weights are packed.
#pragma once

#include <utility>

#include "kernels/cpu/tile_reads.h"

namespace hebb::kernels::HEBB_ISA {
namespace {
namespace conv {

#if defined(__AVX512F__)
inline constexpr int kWideRows = 14;
#elif defined(__AVX2__)
inline constexpr int kWideRows = 6;
#elif defined(__aarch64__)
inline constexpr int kWideRows = 12;
#else
inline constexpr int kWideRows = 4;
#endif
inline constexpr int kVectors = 2;

// f64 exists for checking gradients: four rows keep the tables small.
template <class T>
inline constexpr int kRows = sizeof(T) == 4 ? kWideRows : 4;
template <class T>
inline constexpr int kColumns = kVectors* V<T>::kWidth;

// Outputs of `rows` neighbouring pixels: out[i][j] = act(bias[j] + sum over u, v, k of in[i][u, v, k] w[u, v,
// k, j]).
template <class T>
struct ForwardTile {
  const T* in;
  int64_t pixel;           // from one output's input to the next one's
  int64_t taps, tap_step;  // vertical taps
  int64_t runs, run_step;  // contiguous runs of a vertical tap
  int64_t run;             // their length
  const T* weights;        // [taps, runs, run, kVectors * kWidth of the panel]
  const T* bias;           // null where there is none
  bool relu;
  T* out;
  int64_t out_pixel;
  int columns;              // the last vector may be filled in part
  bool accumulate = false;  // go on with the sums in `out`; without a bias, and for full vectors alone
};

// Every output is one chain of FMAs in the order of u, v, k, whatever tile it falls in.
template <class T, int kTileRows, int kTileVectors>
void forward_tile(const ForwardTile<T>& t) {
  using Vec = V<T>;
  constexpr int kWidth = Vec::kWidth;
  const int last = t.columns - (kTileVectors - 1) * kWidth;
  Vec acc[kTileRows][kTileVectors];
#pragma GCC unroll 2
  for (int j = 0; j < kTileVectors; ++j) {
    Vec start = Vec::set1(T(0));
    if (t.bias) {
      start = j + 1 < kTileVectors ? Vec::load(t.bias + j * kWidth)
                                   : Vec::load_partial(t.bias + j * kWidth, last);
    }
#pragma GCC unroll 16
    for (int i = 0; i < kTileRows; ++i) acc[i][j] = start;
  }
  if (t.accumulate) {
#pragma GCC unroll 16
    for (int i = 0; i < kTileRows; ++i) {
#pragma GCC unroll 2
      for (int j = 0; j < kTileVectors; ++j) acc[i][j] = Vec::load(t.out + i * t.out_pixel + j * kWidth);
    }
  }
  // A pointer for every third row: base, base + pixel and base + 2 pixel are addresses of one instruction
  // each.
  constexpr int kBases = (kTileRows + 2) / 3;
  const int64_t pixel = t.pixel;
  const T* w = t.weights;
  for (int64_t u = 0; u < t.taps; ++u) {
    for (int64_t v = 0; v < t.runs; ++v) {
      const T* base[kBases];
#pragma GCC unroll 8
      for (int b = 0; b < kBases; ++b) base[b] = t.in + u * t.tap_step + v * t.run_step + 3 * b * pixel;
      for (int64_t k = 0; k < t.run; ++k) {
        Vec wv[kTileVectors];
#pragma GCC unroll 2
        for (int j = 0; j < kTileVectors; ++j) wv[j] = Vec::load(w + j * kWidth);
        w += kTileVectors * kWidth;
#pragma GCC unroll 16
        for (int i = 0; i < kTileRows; ++i)
          add_multiples(reads_memory<kTileVectors>(i), base[i / 3] + (i % 3) * pixel, wv, acc[i]);
#pragma GCC unroll 8
        for (int b = 0; b < kBases; ++b) ++base[b];
      }
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < kTileRows; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < kTileVectors; ++j) {
      T* to = t.out + i * t.out_pixel + j * kWidth;
      const Vec y = t.relu ? max(acc[i][j], Vec::set1(T(0))) : acc[i][j];
      if (j + 1 < kTileVectors || last == kWidth) {
        y.store(to);
      } else {
        y.store_partial(to, last);
      }
    }
  }
}

// Short runs of taps that share a vector.
inline constexpr int kMostRuns = 3;

// Sums over the pixels of a block: out[i][j] (+)= sum of dy[pixel, i] x[pixel + offset of vector j].
template <class T>
struct WeightTile {
  const T* x[kVectors];
  // Further runs of a vector, which start at its lanes `run`, 2 run: what lane 0 of each would be read from.
  const T* next[kVectors][kMostRuns - 1];
  int64_t run;
  int64_t x_image, x_row, x_pixel;
  const T* dy;
  int64_t dy_image, dy_row, dy_pixel;
  int64_t images, rows, columns;
  bool accumulate;
  T* out;
  int64_t out_row;
};

template <class T, int kTileRows, int kTileVectors, int kRuns>
void weight_tile(const WeightTile<T>& t) {
  using Vec = V<T>;
  Mask<T> before[kRuns];  // the lanes before those of a run
#pragma GCC unroll 3
  for (int r = 1; r < kRuns; ++r) before[r] = first_lanes<T>(r * t.run);
  Vec acc[kTileRows][kTileVectors];
#pragma GCC unroll 16
  for (int i = 0; i < kTileRows; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < kTileVectors; ++j) acc[i][j] = Vec::set1(T(0));
  }
  for (int64_t n = 0; n < t.images; ++n) {
    for (int64_t y = 0; y < t.rows; ++y) {
      const T* dy = t.dy + n * t.dy_image + y * t.dy_row;
      int64_t at = n * t.x_image + y * t.x_row;
      for (int64_t x = 0; x < t.columns; ++x, at += t.x_pixel, dy += t.dy_pixel) {
        Vec xv[kTileVectors];
#pragma GCC unroll 2
        for (int j = 0; j < kTileVectors; ++j) {
          xv[j] = Vec::load(t.x[j] + at);
#pragma GCC unroll 3
          for (int r = 1; r < kRuns; ++r) xv[j] = select(before[r], xv[j], Vec::load(t.next[j][r - 1] + at));
        }
#pragma GCC unroll 16
        for (int i = 0; i < kTileRows; ++i) add_multiples(reads_memory<kTileVectors>(i), dy + i, xv, acc[i]);
      }
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < kTileRows; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < kTileVectors; ++j) {
      T* to = t.out + i * t.out_row + j * Vec::kWidth;
      if (t.accumulate) acc[i][j] = Vec::load(to) + acc[i][j];
      acc[i][j].store(to);
    }
  }
}

template <class Tile, int kCount>
struct TileTable {
  void (*entry[kCount][kVectors])(const Tile&);
};

template <class T, int... kRow>
constexpr TileTable<ForwardTile<T>, kRows<T>> forward_table(std::integer_sequence<int, kRow...>) {
  return {{{&forward_tile<T, kRow + 1, 1>, &forward_tile<T, kRow + 1, 2>}...}};
}
template <class T, int kRuns, int... kRow>
constexpr TileTable<WeightTile<T>, kRows<T>> weight_table(std::integer_sequence<int, kRow...>) {
  return {{{&weight_tile<T, kRow + 1, 1, kRuns>, &weight_tile<T, kRow + 1, 2, kRuns>}...}};
}

// entry[rows - 1][vectors - 1].
template <class T>
inline constexpr auto kForwardTiles = forward_table<T>(std::make_integer_sequence<int, kRows<T>>{});
template <class T, int kRuns = 1>
inline constexpr auto kWeightTiles = weight_table<T, kRuns>(std::make_integer_sequence<int, kRows<T>>{});

// n cut into the fewest pieces of at most `most_each`; the first `longer` of them have one more than `size`.
struct Pieces {
  int64_t count, size, longer;
  HEBB_INLINE Pieces(int64_t n, int64_t most_each)
      : count((n + most_each - 1) / most_each), size(count ? n / count : 0), longer(n - count * size) {}
  HEBB_INLINE int64_t start(int64_t piece) const { return piece * size + (piece < longer ? piece : longer); }
};

}  // namespace conv
}  // namespace
}  // namespace hebb::kernels::HEBB_ISA

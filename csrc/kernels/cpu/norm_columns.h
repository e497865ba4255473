// Batch normalisation: columns of [rows, channels] by the mean and variance over all rows. Narrow rows are
// taken several at a time as one wide row. Sums are made in fixed parts that stay in cache and are joined in
// order, in f64, so that x is read from memory once for its variance and no digits are lost where the mean is
// large.
#pragma once

#include "kernels/cpu/row.h"
#include "kernels/cpu/tile_epilogue.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

constexpr int64_t kWideRow = 64;        // narrower rows are joined
constexpr int64_t kBlockColumns = 128;  // columns of a part
constexpr int64_t kPartElements = 8192;
constexpr int64_t kJoinColumns = 64;

// How [rows, channels] is cut into parts of wide rows and blocks of their columns.
struct Cut {
  int64_t rows, channels;
  int64_t group;      // rows in a wide row
  int64_t width;      // elements in a wide row
  int64_t part_rows;  // wide rows in a part
  int64_t parts, blocks;

  HEBB_INLINE int64_t wide_rows() const { return ceil_div(rows, group); }
  // Rows, not wide ones, in a part.
  HEBB_INLINE int64_t rows_of(int64_t part) const {
    const int64_t whole = part_rows * group;
    return least(whole, rows - part * whole);
  }
  // Channels that a block makes sums of.
  HEBB_INLINE int64_t first_channel(int64_t block) const { return block * kBlockColumns; }
  HEBB_INLINE int64_t channels_of(int64_t block) const {
    return least(kBlockColumns, channels - first_channel(block));
  }
};

// channels > 0
HEBB_INLINE Cut cut_of(int64_t rows, int64_t channels) {
  Cut cut{rows, channels};
  cut.group = channels < kWideRow ? ceil_div(kWideRow, channels) : 1;
  cut.width = cut.group * channels;
  cut.part_rows = kPartElements / least(cut.width, kBlockColumns);
  cut.parts = ceil_div(cut.wide_rows(), cut.part_rows);
  cut.blocks = ceil_div(cut.width, kBlockColumns);
  return cut;
}

// The columns of one block in the rows of one part: whole wide rows, then `tail` elements of one more.
struct Tile {
  int64_t start;  // of the first element
  int64_t stride;
  int64_t rows, tail, width;
};

HEBB_INLINE Tile tile_of(const Cut& cut, int64_t part, int64_t block) {
  const int64_t column = block * kBlockColumns, row = part * cut.part_rows;
  const int64_t whole = cut.rows_of(part) / cut.group;
  return {row * cut.width + column, cut.width, whole, cut.rows_of(part) % cut.group * cut.channels,
          least(kBlockColumns, cut.width - column)};
}

// f(offset, span, sums) adds elements of the row at `offset` to kSums sums of each column: 0 in lanes without
// any. sums is [kSums, kBlockColumns].
template <int kSums, int kVectors, class C, class F>
HEBB_INLINE void sum_vectors_of(const Tile& tile, int64_t column, int64_t count, C* sums, F&& f) {
  constexpr int64_t kWidth = V<C>::kWidth;
  V<C> acc[kVectors][kSums];
  for (auto& list : acc) {
    for (V<C>& sum : list) sum = V<C>::zero();
  }
  int64_t offset = tile.start;
  for (int64_t row = 0; row < tile.rows; ++row, offset += tile.stride) {
    for (int64_t v = 0; v < kVectors; ++v) f(offset, Span<C>{column + v * kWidth, count}, acc[v]);
  }
  for (int64_t v = 0; v < kVectors; ++v) {
    const int64_t at = column + v * kWidth, left = least(count, tile.tail - at);
    if (left > 0) f(offset, Span<C>{at, left}, acc[v]);
    for (int s = 0; s < kSums; ++s) Span<C>{at, count}.put(sums + s * kBlockColumns, acc[v][s]);
  }
}

template <int kSums, class C, class F>
HEBB_INLINE void sum_columns(const Tile& tile, C* sums, F&& f) {
  // As many vectors side by side as there are registers for: long runs of memory at a time.
  constexpr int64_t kWidth = V<C>::kWidth, kMany = kVectorBytes == 64 ? 8 : 4, kSome = 4;
  int64_t column = 0;
  for (; column + kMany * kWidth <= tile.width; column += kMany * kWidth) {
    sum_vectors_of<kSums, kMany>(tile, column, kWidth, sums, f);
  }
  for (; column + kSome * kWidth <= tile.width; column += kSome * kWidth) {
    sum_vectors_of<kSums, kSome>(tile, column, kWidth, sums, f);
  }
  for (; column + kWidth <= tile.width; column += kWidth) {
    sum_vectors_of<kSums, 1>(tile, column, kWidth, sums, f);
  }
  if (column < tile.width) sum_vectors_of<kSums, 1>(tile, column, tile.width - column, sums, f);
}

// The sum of one channel over the rows of a wide row.
template <class C>
HEBB_INLINE double channel_sum(const Cut& cut, const C* sums, int64_t channel) {
  double total = 0;
  for (int64_t k = 0; k < cut.group; ++k) total += static_cast<double>(sums[k * cut.channels + channel]);
  return total;
}

// Each of `count` lists of a wide row's width has [channels] values; they are repeated to its end.
template <class C>
HEBB_INLINE void repeat(const Cut& cut, C* lists, int count) {
  for (C* list = lists; count > 0; --count, list += cut.width) {
    for (int64_t i = cut.channels; i < cut.width; ++i) list[i] = list[i - cut.channels];
  }
}

// Mean and sum of squares around it of the channels of a part: out [2, channels].
template <class E, class C = Compute<E>>
void part_moments(const Cut& cut, const E* x, int64_t part, int64_t block, double* out) {
  const Tile tile = tile_of(cut, part, block);
  const int64_t channels = cut.channels_of(block);
  const double count = static_cast<double>(cut.rows_of(part));
  C sums[2 * kBlockColumns], center[kBlockColumns];
  sum_columns<1>(
      tile, sums, [&](int64_t offset, Span<C> span, V<C> * sum) __attribute__((always_inline)) {
        sum[0] = sum[0] + span.of(x + offset);
      });
  for (int64_t c = 0; c < channels; ++c) center[c] = static_cast<C>(channel_sum(cut, sums, c) / count);
  if (cut.group > 1) repeat(cut, center, 1);
  sum_columns<2>(
      tile, sums, [&](int64_t offset, Span<C> span, V<C> * sum) __attribute__((always_inline)) {
        const V<C> d = span.valid(span.of(x + offset) - span.of(center), 0);
        sum[0] = sum[0] + d;
        sum[1] = fma(d, d, sum[1]);
      });
  out += cut.first_channel(block);
  for (int64_t c = 0; c < channels; ++c) {
    const double rest = channel_sum(cut, sums, c);
    out[c] = static_cast<double>(center[c]) + rest / count;
    out[cut.channels + c] = channel_sum(cut, sums + kBlockColumns, c) - rest * rest / count;
  }
}

// Joins the parts of kJoinColumns channels: the mean of all, and squares around it from squares around their
// own.
template <class C>
void join_moments(const Cut& cut, const double* parts, int64_t first, C* mean, C* variance) {
  const int64_t count = least(kJoinColumns, cut.channels - first);
  const double rows = static_cast<double>(cut.rows);
  double means[kJoinColumns] = {}, squares[kJoinColumns] = {};
  for (int64_t part = 0; part < cut.parts; ++part) {
    const double* own = parts + 2 * part * cut.channels + first;
    const double size = static_cast<double>(cut.rows_of(part));
    for (int64_t c = 0; c < count; ++c) means[c] += size * own[c];
  }
  for (int64_t c = 0; c < count; ++c) means[c] /= rows;
  for (int64_t part = 0; part < cut.parts; ++part) {
    const double* own = parts + 2 * part * cut.channels + first;
    const double size = static_cast<double>(cut.rows_of(part));
    for (int64_t c = 0; c < count; ++c) {
      const double off = own[c] - means[c];
      squares[c] += own[cut.channels + c] + size * off * off;
    }
  }
  for (int64_t c = 0; c < count; ++c) {
    mean[first + c] = static_cast<C>(means[c]);
    variance[first + c] = static_cast<C>((squares[c] < 0 ? 0 : squares[c]) / rows);
  }
}

template <class E, class C = Compute<E>>
void column_moments(stream::Context& context, const Cut& cut, const E* x, C* mean, C* variance) {
  double* parts = context.scratch<double>(0, cut.parts * 2 * cut.channels);
  const int64_t grain = task_grain(kPartElements);
  parallel_items(context, cut.parts * cut.blocks, grain, [&](int64_t item, int) {
    const int64_t part = item / cut.blocks;
    part_moments(cut, x, part, item % cut.blocks, parts + 2 * part * cut.channels);
  });
  parallel_items(context, ceil_div(cut.channels, kJoinColumns), task_grain(cut.parts * kJoinColumns),
                 [&](int64_t item, int) { join_moments(cut, parts, item * kJoinColumns, mean, variance); });
}

// f(offset, span) for every vector of every wide row, `offset` being where its row starts; the epilogue
// follows.
template <class C, class F>
HEBB_INLINE void each_wide_vector(stream::Context& context, const Cut& cut, const TileEpilogue& epilogue,
                                  F&& f) {
  const int64_t size = cut.rows * cut.channels, piece = rows_of_piece(cut.width) * cut.width;
  parallel_items(context, ceil_div(size, piece), task_grain(piece), [&](int64_t item, int thread) {
    const int64_t first = item * piece, last = least(size, first + piece);
    for (int64_t offset = first; offset < last; offset += cut.width)
      each_vector<C>(0, least(cut.width, last - offset), [&](Span<C> span) { f(offset, span); });
    epilogue.run(thread, {first, last - first});
  });
}

}  // namespace
}  // namespace hebb::kernels::HEBB_ISA

// The tiles of Winograd's convolution: how outputs fall into tiles of 4 x 4, and the transforms of their
// images.
#pragma once

#include "kernels/cpu/conv_band.h"
#include "kernels/cpu/conv_tile.h"
#include "kernels/cpu/lanes.h"
#include "kernels/cpu/winograd_lines.h"

namespace hebb::kernels::HEBB_ISA {
namespace {
namespace winograd {

using conv::Images;

inline constexpr int64_t kVectorLanes = V<float>::kWidth;
inline constexpr int64_t kPanel = conv::kColumns<float>;

// Tiles are numbered along rows, down images, then from image to image.
struct Grid {
  int64_t batch, rows, columns;  // outputs

  HEBB_INLINE int64_t down() const { return ceil_div(rows, kOutputs); }
  HEBB_INLINE int64_t across() const { return ceil_div(columns, kOutputs); }
  HEBB_INLINE int64_t count() const { return batch * down() * across(); }
};

// The first output of a tile.
struct Place {
  int64_t image, row, column;
};

HEBB_INLINE Place place_of(const Grid& grid, int64_t tile) {
  const int64_t line = tile / grid.across();
  return {line / grid.down(), line % grid.down() * kOutputs, tile % grid.across() * kOutputs};
}

// Matrices of the 36 points, [rows, columns] each. Starts of neighbouring points fall into different sets of
// the first cache, because a transform goes through all of them at once.
struct Points {
  int64_t row, point;  // steps in elements

  HEBB_INLINE static Points of(int64_t rows, int64_t row) {
    constexpr int64_t kPage = 1024, kStagger = 9 * 16;
    return {row, (rows * row + kPage - kStagger - 1) / kPage * kPage + kStagger};
  }
  HEBB_INLINE int64_t size() const { return kPoints2 * point; }
};

// Columns of a matrix whose rows are read side by side: whole vectors, and never whole pages apart.
HEBB_INLINE int64_t padded_row(int64_t channels) { return ceil_div(channels, 16) * 16 + 16; }

// Addresses of the pixels that kSize x kSize values of a tile come from; those outside the image are zeros.
template <int kSize>
struct Pixels {
  const float* at[kSize * kSize];

  HEBB_INLINE Pixels(const Images<float>& in, int64_t image, int64_t y, int64_t x, const float* zeros) {
    for (int i = 0; i < kSize; ++i) {
      const bool row_inside = y + i >= 0 && y + i < in.height;
      const float* row = in.data + ((image * in.height + y + i) * in.width + x) * in.channels;
      for (int j = 0; j < kSize; ++j) {
        const bool inside = row_inside && x + j >= 0 && x + j < in.width;
        at[i * kSize + j] = inside ? row + j * in.channels : zeros;
      }
    }
  }
};

// Tiles first..last-1 of the images, transformed, of which rows kFirst..kEnd-1 of the points are kept:
// to[point][tile - first][channel]. `zeros` has in.depth elements.
template <int kFirst = 0, int kEnd = kPoints>
HEBB_INLINE void transform_inputs(const Images<float>& in, const Grid& grid, const int64_t (&before)[2],
                                  int64_t first, int64_t last, const float* zeros, const Points& points,
                                  float* to) {
  for (int64_t tile = first; tile < last; ++tile, to += points.row) {
    const Place place = place_of(grid, tile);
    const Pixels<kPoints> pixels(in, place.image, place.row - before[0], place.column - before[1], zeros);
    for_channels<float>(in.depth, [&](int64_t c, auto lanes) {
      transform<kPoints, kPoints, kFirst, kEnd>(
          [](const auto& d, auto& t) { input_line(d, t); },
          [&](int i, int j) { return lanes.load(pixels.at[i * kPoints + j] + c); },
          [&](int i, int j, Vec t) { t.store(to + ((i - kFirst) * kPoints + j) * points.point + c); });
    });
  }
}

// The same for gradients of outputs.
template <int kFirst, int kEnd>
HEBB_INLINE void transform_output_grads(const Images<float>& dy, const Grid& grid, int64_t first,
                                        int64_t last, const float* zeros, const Points& points, float* to) {
  for (int64_t tile = first; tile < last; ++tile, to += points.row) {
    const Place place = place_of(grid, tile);
    const Pixels<kOutputs> pixels(dy, place.image, place.row, place.column, zeros);
    for_channels<float>(dy.depth, [&](int64_t c, auto lanes) {
      transform<kOutputs, kPoints, kFirst, kEnd>(
          [](const auto& d, auto& m) { output_grad_line(d, m); },
          [&](int i, int j) { return lanes.load(pixels.at[i * kOutputs + j] + c); },
          [&](int i, int j, Vec m) { m.store(to + ((i - kFirst) * kPoints + j) * points.point + c); });
    });
  }
}

// Where outputs go.
struct Outputs {
  float* data;  // [batch, rows, columns, outs]
  int64_t outs;
  const float* bias;  // null where there is none
  bool relu;
};

// Outputs of tiles first..last-1 from their products, [point][tile - first][width]: channels from `channel`
// on, `count` of them.
HEBB_INLINE void transform_outputs(const float* from, const Points& points, const Grid& grid, int64_t first,
                                   int64_t last, int64_t channel, int64_t count, const Outputs& outputs) {
  for (int64_t tile = first; tile < last; ++tile, from += points.row) {
    const Place place = place_of(grid, tile);
    const int64_t rows = least(kOutputs, grid.rows - place.row);
    const int64_t columns = least(kOutputs, grid.columns - place.column);
    const int64_t row = grid.columns * outputs.outs;
    float* out =
        outputs.data + (place.image * grid.rows + place.row) * row + place.column * outputs.outs + channel;
    for_channels<float>(count, [&](int64_t c, auto lanes) {
      const Vec bias = outputs.bias ? lanes.load(outputs.bias + channel + c) : Vec::zero();
      transform<kPoints, kOutputs>(
          [](const auto& m, auto& y) { output_line(m, y); },
          [&](int i, int j) { return Vec::load(from + (i * kPoints + j) * points.point + c); },
          [&](int i, int j, Vec y) {
            if (i >= rows || j >= columns) return;
            y = y + bias;
            if (outputs.relu) y = max(y, Vec::zero());
            lanes.store(y, out + i * row + j * outputs.outs + c);
          });
    });
  }
}

}  // namespace winograd
}  // namespace
}  // namespace hebb::kernels::HEBB_ISA

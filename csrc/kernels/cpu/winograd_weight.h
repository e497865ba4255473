// The weight gradient by Winograd's tiles: 36 products of transformed images with transformed gradients,
// summed over the tiles, become the filters' gradient by the adjoint of their transform.
//
// Two orders again. By parts, for many tiles: a task transforms the tiles of its part a block at a time, for
// half of the points and some channels, and adds them to sums that stay in the second cache; parts are added
// in order afterwards. By results, for few tiles: all are transformed once, and a task makes the final
// gradient of some channels.
#pragma once

#include "kernels/cpu/winograd_tiles.h"
#include "stream/context.h"

namespace hebb::kernels::HEBB_ISA {
namespace {
namespace winograd {

// dw[o, u, v, c] = sum over n, y, x of dy[n, y, x, o] in[n, y + u - before, x + v - before, c].
struct WeightSum {
  Images<float> in, dy;
  int64_t before[2];
  Grid grid;  // of dy
  float* dw;
};

// A task has the sums of so many channels and outputs: for all points half a megabyte.
inline constexpr int64_t kBlockChannels = 64;

// Channels begin..end-1 of what is transformed.
struct Range {
  int64_t begin, end;

  HEBB_INLINE static Range of(int64_t block, int64_t count) {
    return {block * kBlockChannels, least(count, (block + 1) * kBlockChannels)};
  }
  HEBB_INLINE int64_t size() const { return end - begin; }
};

HEBB_INLINE int64_t channel_blocks(int64_t channels) { return ceil_div(channels, kBlockChannels); }

HEBB_INLINE Images<float> narrowed(const Images<float>& in, Range channels) {
  Images<float> part = in;
  part.data += channels.begin;
  part.depth = channels.size();
  return part;
}

// sums[point][o][c] (+)= sum over tiles of grads[point][tile][o] images[point][tile][c], for `points` points.
struct SumTiles {
  const float* images;
  Points image_points;
  const float* grads;
  Points grad_points;
  float* sums;
  Points sum_points;
  int64_t tiles, outs, channels, points;
  bool accumulate;

  void run() const {
    const conv::Pieces rows(outs, conv::kRows<float>);
    const int64_t vectors = ceil_div(channels, kVectorLanes);
    conv::WeightTile<float> tile{};
    tile.x_pixel = image_points.row;
    tile.dy_pixel = grad_points.row;
    tile.images = tile.rows = 1;
    tile.columns = tiles;
    tile.accumulate = accumulate;
    tile.out_row = sum_points.row;
    for (int64_t point = 0; point < points; ++point) {
      for (int64_t v = 0; v < vectors; v += conv::kVectors) {
        const int64_t count = least(conv::kVectors, vectors - v);
        for (int64_t j = 0; j < count; ++j)
          tile.x[j] = images + point * image_points.point + (v + j) * kVectorLanes;
        for (int64_t i = 0; i < rows.count; ++i) {
          const int64_t o = rows.start(i);
          tile.dy = grads + point * grad_points.point + o;
          tile.out = sums + point * sum_points.point + o * sum_points.row + v * kVectorLanes;
          conv::kWeightTiles<float>.entry[rows.start(i + 1) - o - 1][count - 1](tile);
        }
      }
    }
  }
};

// The gradient of filters [o][3][3][channel] for `outs` outputs and `channels` channels from the sums of all
// points, which are in `parts` parts.
HEBB_INLINE void finish_filters(const float* sums, const Points& points, int64_t parts, int64_t part_size,
                                int64_t outs, int64_t channels, float* dw, int64_t depth) {
  for (int64_t o = 0; o < outs; ++o, sums += points.row, dw += kTaps2 * depth) {
    for_channels<float>(channels, [&](int64_t c, auto lanes) {
      transform<kPoints, kTaps>(
          [](const auto& du, auto& dg) { filter_grad_line(du, dg); },
          [&](int i, int j) {
            const float* from = sums + (i * kPoints + j) * points.point + c;
            Vec sum = Vec::load(from);
            for (int64_t part = 1; part < parts; ++part) sum = sum + Vec::load(from + part * part_size);
            return sum;
          },
          [&](int i, int j, Vec dg) { lanes.store(dg, dw + (i * kTaps + j) * depth + c); });
    });
  }
}

class ByParts {
 public:
  explicit ByParts(const WeightSum& s)
      : channels_(s.in.depth), outs_(s.dy.depth), blocks_(channel_blocks(channels_) * channel_blocks(outs_)) {
    // Sums of whole vectors of channels.
    sums_ = Points::of(outs_, ceil_div(channels_, 16) * 16);
    part_size_ = sums_.size();
    parts_ = most(1, least(least(ceil_div(s.grid.count(), kTiles), ceil_div(kMostTasks, blocks_)),
                           kMostElements / part_size_));
    images_ = Points::of(kTiles, padded_row(least(channels_, kBlockChannels)));
    grads_ = Points::of(kTiles, padded_row(least(outs_, kBlockChannels)));
  }

  int64_t shared_space() const { return parts_ * part_size_; }
  int64_t thread_space() const { return images_.size() / 2 + grads_.size() / 2 + kZeros; }

  void run(stream::Context& context, const WeightSum& s, float* shared, float* own) const {
    context.parallel(parts_ * blocks_ * 2, [&](int64_t task, int thread) {
      const int64_t block = task / 2 % blocks_, part = task / 2 / blocks_;
      float* space = own + thread * thread_space();
      if (task % 2 == 0) {
        run_part<0>(s, part, block, shared, space);
      } else {
        run_part<kPoints / 2>(s, part, block, shared, space);
      }
    });
    parallel_items(context, outs_, task_grain(sums_.row * kPoints2), [&](int64_t o, int) {
      finish_filters(shared + o * sums_.row, sums_, parts_, part_size_, 1, channels_,
                     s.dw + o * kTaps2 * channels_, channels_);
    });
  }

 private:
  // Tiles of a block, tasks above which more gain nothing, elements that all sums may have.
  static constexpr int64_t kTiles = 32, kMostTasks = 8, kMostElements = 1 << 21;
  static constexpr int64_t kZeros = kBlockChannels;

  template <int kFirst>
  void run_part(const WeightSum& s, int64_t part, int64_t block, float* shared, float* space) const {
    const int64_t channel_count = channel_blocks(channels_), count = s.grid.count();
    const Range channels = Range::of(block % channel_count, channels_),
                outs = Range::of(block / channel_count, outs_);
    const Images<float> in = narrowed(s.in, channels), dy = narrowed(s.dy, outs);
    float *images = space, *grads = images + images_.size() / 2, *zeros = grads + grads_.size() / 2;
    conv::zero_run(zeros, kZeros);
    float* sums =
        shared + part * part_size_ + kFirst * kPoints * sums_.point + outs.begin * sums_.row + channels.begin;
    const int64_t begin = count * part / parts_, end = count * (part + 1) / parts_;
    for (int64_t tile = begin; tile < end; tile += kTiles) {
      const int64_t last = least(end, tile + kTiles);
      transform_inputs<kFirst, kFirst + kPoints / 2>(in, s.grid, s.before, tile, last, zeros, images_,
                                                     images);
      transform_output_grads<kFirst, kFirst + kPoints / 2>(dy, s.grid, tile, last, zeros, grads_, grads);
      SumTiles{images,      images_,     grads,           grads_,       sums,        sums_,
               last - tile, outs.size(), channels.size(), kPoints2 / 2, tile > begin}
          .run();
    }
  }

  int64_t channels_, outs_, blocks_;
  int64_t parts_, part_size_;
  Points sums_{}, images_{}, grads_{};
};

class ByResults {
 public:
  explicit ByResults(const WeightSum& s) : channels_(s.in.depth), outs_(s.dy.depth) {
    images_ = Points::of(s.grid.count(), padded_row(channels_));
    grads_ = Points::of(s.grid.count(), padded_row(outs_));
    sums_ = Points::of(kBlockChannels, kBlockChannels);
  }

  int64_t shared_space() const { return images_.size() + grads_.size(); }
  int64_t thread_space() const { return most(sums_.size(), most(channels_, outs_)); }

  void run(stream::Context& context, const WeightSum& s, float* shared, float* own) const {
    float *images = shared, *grads = shared + images_.size();
    const int64_t count = s.grid.count();
    parallel_items(context, count, task_grain(kPoints2 * (channels_ + outs_)), [&](int64_t tile, int thread) {
      float* zeros = own + thread * thread_space();
      conv::zero_run(zeros, most(channels_, outs_));
      transform_inputs<0, kPoints>(s.in, s.grid, s.before, tile, tile + 1, zeros, images_,
                                   images + tile * images_.row);
      transform_output_grads<0, kPoints>(s.dy, s.grid, tile, tile + 1, zeros, grads_,
                                         grads + tile * grads_.row);
    });
    const int64_t channel_count = channel_blocks(channels_);
    context.parallel(channel_count * channel_blocks(outs_), [&](int64_t task, int thread) {
      const Range channels = Range::of(task % channel_count, channels_),
                  outs = Range::of(task / channel_count, outs_);
      float* sums = own + thread * thread_space();
      SumTiles{images + channels.begin,
               images_,
               grads + outs.begin,
               grads_,
               sums,
               sums_,
               count,
               outs.size(),
               channels.size(),
               kPoints2,
               false}
          .run();
      finish_filters(sums, sums_, 1, 0, outs.size(), channels.size(),
                     s.dw + outs.begin * kTaps2 * channels_ + channels.begin, channels_);
    });
  }

 private:
  int64_t channels_, outs_;
  Points sums_{}, images_{}, grads_{};
};

}  // namespace winograd
}  // namespace
}  // namespace hebb::kernels::HEBB_ISA

// A correlation by Winograd's tiles: filters and images are transformed, 36 matrix products take the place of
// the sums over taps, and their results are transformed back.
//
// Two orders of the work, both with all that is used again in the second cache. By tiles, for many tiles and
// few channels: the filters are transformed once, a task owns a block of tiles and goes through all panels of
// outputs. By panels, for few tiles and many channels: the images are transformed once, a task owns a panel
// of outputs and transforms its filters a block of channels at a time.
//
// Each output is a sum in the order of channels either way.
#pragma once

#include "kernels/cpu/tile_epilogue.h"
#include "kernels/cpu/winograd_filters.h"
#include "stream/context.h"

namespace hebb::kernels::HEBB_ISA {
namespace {
namespace winograd {

// out[n, y, x, j] = act(bias[j] + sum over u, v, c of in[n, y + u - before, x + v - before, c]
// filter[u, v, c, j]).
struct Correlation {
  Images<float> in;
  int64_t before[2];
  Grid grid;
  Filters filters;
  Outputs outputs;
  const TileEpilogue* epilogue;  // null where none follows the blocks
};

// Elements that a task works in, beside what streams through.
inline constexpr int64_t kBlockElements = 128 * 1024;
inline constexpr int64_t kTileRows = conv::kRows<float>;

// products[point][row][width] (+)= images[point][row][k] filters[point][k][width], for `rows` rows and
// `depth` channels.
struct Multiply {
  const float* images;
  Points image_points;
  const float* filters;
  Points filter_points;
  float* products;
  Points product_points;
  int64_t rows, depth;
  int width;
  bool accumulate;

  void run() const {
    const conv::Pieces pieces(rows, kTileRows);
    conv::ForwardTile<float> tile{};
    tile.pixel = image_points.row;
    tile.taps = tile.runs = 1;
    tile.run = depth;
    tile.out_pixel = product_points.row;
    tile.columns = width;
    tile.accumulate = accumulate;
    for (int point = 0; point < kPoints2; ++point) {
      tile.weights = filters + point * filter_points.point;
      for (int64_t i = 0; i < pieces.count; ++i) {
        const int64_t row = pieces.start(i);
        tile.in = images + point * image_points.point + row * image_points.row;
        tile.out = products + point * product_points.point + row * product_points.row;
        conv::kForwardTiles<float>.entry[pieces.start(i + 1) - row - 1][width / kVectorLanes - 1](tile);
      }
    }
  }
};

// The elements of tiles first..last-1 are final.
HEBB_INLINE void end_tiles(const Correlation& c, int64_t first, int64_t last, int thread) {
  if (!c.epilogue) return;
  const Grid& grid = c.grid;
  const int64_t row = grid.columns * c.outputs.outs;
  while (first < last) {
    const Place place = place_of(grid, first);
    const int64_t count = least(last - first, grid.across() - place.column / kOutputs);
    const int64_t columns = least(count * kOutputs, grid.columns - place.column);
    c.epilogue->run(thread, {(place.image * grid.rows + place.row) * row + place.column * c.outputs.outs,
                             columns * c.outputs.outs, least(kOutputs, grid.rows - place.row), row});
    first += count;
  }
}

class ByTiles {
 public:
  explicit ByTiles(const Correlation& c) : depth_(c.in.depth), panels_(c.filters.panels()) {
    const int64_t row = padded_row(depth_);
    const int64_t most_tiles = most(1, kBlockElements / (kPoints2 * (row + kPanel)) / kTileRows) * kTileRows;
    blocks_ = ceil_div(c.grid.count(), most_tiles);
    tiles_ = ceil_div(c.grid.count(), most(1, blocks_));
    images_ = Points::of(tiles_, row);
    products_ = Points::of(tiles_, kPanel);
  }

  int64_t shared_space() const { return panels_ * filter_panel(); }
  int64_t thread_space() const {
    return images_.size() + products_.size() + padded_row(depth_) + kFilterSpace;
  }

  void run(stream::Context& context, const Correlation& c, float* shared, float* own) const {
    const int64_t pieces = ceil_div(depth_, kFilterPiece);
    context.parallel(panels_ * pieces, [&](int64_t task, int thread) {
      const int64_t panel = task / pieces, k0 = task % pieces * kFilterPiece;
      const Points points = filter_points(c.filters.width(panel));
      transform_filters(c.filters, panel, k0, least(depth_, k0 + kFilterPiece), points,
                        own + thread * thread_space(), shared + panel * filter_panel() + k0 * points.row);
    });
    context.parallel(blocks_, [&](int64_t block, int thread) {
      run_block(c, block * c.grid.count() / blocks_, (block + 1) * c.grid.count() / blocks_, shared,
                own + thread * thread_space(), thread);
    });
  }

 private:
  // Channels that a task transforms the filters of.
  static constexpr int64_t kFilterPiece = 64;

  Points filter_points(int width) const { return Points::of(depth_, width); }
  int64_t filter_panel() const { return filter_points(kPanel).size(); }

  void run_block(const Correlation& c, int64_t first, int64_t last, const float* filters, float* space,
                 int thread) const {
    float *images = space, *products = images + images_.size(), *zeros = products + products_.size();
    conv::zero_run(zeros, depth_);
    transform_inputs(c.in, c.grid, c.before, first, last, zeros, images_, images);
    for (int64_t panel = 0; panel < panels_; ++panel) {
      const int width = c.filters.width(panel);
      const Multiply multiply{images,
                              images_,
                              filters + panel * filter_panel(),
                              filter_points(width),
                              products,
                              products_,
                              last - first,
                              depth_,
                              width,
                              false};
      multiply.run();
      transform_outputs(products, products_, c.grid, first, last, panel * kPanel,
                        least(width, c.filters.outs - panel * kPanel), c.outputs);
    }
    end_tiles(c, first, last, thread);
  }

  int64_t depth_, panels_;
  int64_t blocks_, tiles_;
  Points images_{}, products_{};
};

class ByPanels {
 public:
  explicit ByPanels(const Correlation& c) : depth_(c.in.depth), panels_(c.filters.panels()) {
    groups_ = ceil_div(c.grid.count(), kMostTiles);
    tiles_ = ceil_div(c.grid.count(), most(1, groups_));
    images_ = Points::of(c.grid.count(), padded_row(depth_));
    products_ = Points::of(tiles_, kPanel);
    filters_ = Points::of(kChannels, kPanel);
  }

  int64_t shared_space() const { return images_.size(); }
  int64_t thread_space() const {
    return products_.size() + filters_.size() + kFilterSpace + padded_row(depth_);
  }

  void run(stream::Context& context, const Correlation& c, float* shared, float* own) const {
    const int64_t count = c.grid.count();
    parallel_items(context, count, task_grain(kPoints2 * depth_), [&](int64_t tile, int thread) {
      float* zeros = own + thread * thread_space();
      conv::zero_run(zeros, depth_);
      transform_inputs(c.in, c.grid, c.before, tile, tile + 1, zeros, images_, shared + tile * images_.row);
    });
    context.parallel(panels_ * groups_, [&](int64_t task, int thread) {
      const int64_t group = task % groups_;
      run_panel(c, task / groups_, group * count / groups_, (group + 1) * count / groups_, shared,
                own + thread * thread_space());
    });
  }

 private:
  static constexpr int64_t kMostTiles = 128, kChannels = 64;

  void run_panel(const Correlation& c, int64_t panel, int64_t first, int64_t last, const float* images,
                 float* space) const {
    float *products = space, *filters = products + products_.size(), *taps = filters + filters_.size();
    const int width = c.filters.width(panel);
    for (int64_t k = 0; k < depth_; k += kChannels) {
      const int64_t end = least(depth_, k + kChannels);
      transform_filters(c.filters, panel, k, end, {width, filters_.point}, taps, filters);
      const Multiply multiply{images + first * images_.row + k,
                              images_,
                              filters,
                              {width, filters_.point},
                              products,
                              products_,
                              last - first,
                              end - k,
                              width,
                              k > 0};
      multiply.run();
    }
    transform_outputs(products, products_, c.grid, first, last, panel * kPanel,
                      least(width, c.filters.outs - panel * kPanel), c.outputs);
  }

  int64_t depth_, panels_;
  int64_t groups_, tiles_;
  Points images_{}, products_{}, filters_{};
};

}  // namespace winograd
}  // namespace
}  // namespace hebb::kernels::HEBB_ISA

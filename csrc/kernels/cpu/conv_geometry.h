// The sizes of one convolution, and how its input gradient falls into correlations with dy.
#pragma once

#include "kernels/conv.h"
#include "kernels/cpu/conv_band.h"

namespace hebb::kernels::HEBB_ISA {
namespace {
namespace conv {

// The sizes of one convolution, from its three operands.
struct Geometry {
  int64_t batch, height, width, channels;  // images
  int64_t rows, columns, outs;             // outputs
  int64_t size[2];
  int64_t depth, group_outs;  // of a group
  ConvParams params;

  Geometry(const stream::Operand& image, const stream::Operand& weight, const stream::Operand& output,
           const ConvParams& p)
      : batch(image.shape[0]),
        height(image.shape[1]),
        width(image.shape[2]),
        channels(image.shape[3]),
        rows(output.shape[1]),
        columns(output.shape[2]),
        outs(weight.shape[0]),
        size{weight.shape[1], weight.shape[2]},
        depth(weight.shape[3]),
        group_outs(outs / p.groups),
        params(p) {
    const bool pointwise = size[0] == 1 && size[1] == 1 && p.stride[0] == 1 && p.stride[1] == 1 &&
                           p.before[0] == 0 && p.before[1] == 0 && rows == height && columns == width;
    // The pixels of all images are one long row: a matrix product.
    if (pointwise) {
      columns = width = batch * height * width;
      batch = height = rows = 1;
    }
  }

  HEBB_INLINE int64_t taps() const { return size[0] * size[1]; }
  HEBB_INLINE bool depthwise() const { return depth == 1 && group_outs == 1 && outs > 1; }
  // Taps without a distance between them are neighbours.
  HEBB_INLINE Axis axis(int i) const {
    return {-params.before[i], params.stride[i], size[i] == 1 ? 1 : params.dilation[i], size[i]};
  }
  template <class T>
  HEBB_INLINE Images<T> images(const T* x, int64_t group) const {
    return {x + group * depth, batch, height, width, channels, depth};
  }
};

// Rows (or columns) phase, phase + stride, ... of the images: each is a sum over every step-th tap of the
// windows at at(i), at(i) + gap, ...; taps run backwards, from `last` down, because later taps belong to
// earlier windows.
struct Phase {
  int64_t count;       // rows of the phase
  Axis axis;           // over dy
  int64_t last, step;  // tap u of the axis is tap last - u * step of the weights
};

HEBB_INLINE Phase make_phase(const Axis& windows, int64_t before, int64_t extent, int64_t phase) {
  Phase p{phase < extent ? ceil_div(extent - phase, windows.step) : 0, {0, 1, 1, 0}, 0, 1};
  // The first taps k that meet this phase: phase + before - k * gap is a multiple of the stride.
  int64_t first = -1, second = -1;
  for (int64_t k = 0; k < windows.taps && second < 0; ++k) {
    if ((phase + before - k * windows.gap) % windows.step != 0) continue;
    (first < 0 ? first : second) = k;
  }
  if (first < 0) return p;
  p.step = second < 0 ? windows.taps : second - first;
  p.axis.taps = (windows.taps - 1 - first) / p.step + 1;
  p.last = first + (p.axis.taps - 1) * p.step;
  p.axis.gap = p.axis.taps > 1 ? p.step * windows.gap / windows.step : 1;
  p.axis.from = (phase + before - p.last * windows.gap) / windows.step;
  return p;
}

}  // namespace conv
}  // namespace
}  // namespace hebb::kernels::HEBB_ISA

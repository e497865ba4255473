// The commands of convolution: images [batch, height, width, channels], weights [out, kh, kw, channels /
// groups].
#pragma once

#include "kernels/gemm.h"
#include "stream/command.h"

namespace hebb::kernels {

// How f32 convolutions are computed: by the shapes, or as tuning, tests and benchmarks ask. kConvWinograd is
// for filters of 3 x 3 with stride and dilation 1 in one group, kConvTiles for machines with a tile unit;
// they change nothing elsewhere.
enum ConvMethod : int64_t { kConvByShape, kConvDirect, kConvWinograd, kConvTiles };

// Index 0 is vertical, 1 horizontal. `before` pads top and left; the other end follows from the shapes.
struct ConvParams {
  int64_t stride[2];
  int64_t dilation[2];
  int64_t before[2];
  int64_t groups;
  int64_t activation;  // an Activation: none or relu
  bool has_bias;
  int64_t method = kConvByShape;
  int64_t precision = kPrecisionF32;
};

// y; x, weight, then bias [out] where has_bias: y = activation(x * weight + bias).
extern stream::Slot conv2d;
// dx; dy, weight: the gradient of x, linear in both.
extern stream::Slot conv2d_input_grad;
// dweight; x, dy: the gradient of the weight, linear in both.
extern stream::Slot conv2d_weight_grad;

}  // namespace hebb::kernels

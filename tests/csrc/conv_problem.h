// A convolution in doubles by naive loops: what its kernels are compared with.
#pragma once

#include "image_check.h"
#include "kernels/conv.h"

namespace hebb::testing {

struct ConvCase {
  int64_t n, h, w, c, o, kh, kw;
  int64_t stride[2], dilation[2], pads[4];  // top, bottom, left, right
  int64_t groups;
};

inline int64_t conv_extent(int64_t in, int64_t pads, int64_t k, int64_t stride, int64_t dilation) {
  return (in + pads - dilation * (k - 1) - 1) / stride + 1;
}

// A convolution in doubles: f32 values, so that one set of inputs serves every dtype.
struct Problem {
  ConvCase s;
  int64_t oh, ow, depth;
  std::vector<double> x, w, bias, dy;

  explicit Problem(const ConvCase& c)
      : s(c),
        oh(conv_extent(c.h, c.pads[0] + c.pads[1], c.kh, c.stride[0], c.dilation[0])),
        ow(conv_extent(c.w, c.pads[2] + c.pads[3], c.kw, c.stride[1], c.dilation[1])),
        depth(c.c / c.groups),
        x(draw_eighths(c.n * c.h * c.w * c.c, 1, 0.25)),
        w(draw_eighths(c.o * c.kh * c.kw * depth, 2, 0.25)),
        bias(draw_eighths(c.o, 3, 0.25)),
        dy(draw_eighths(c.n * oh * ow * c.o, 4, 0.25)) {}

  // f(index of y, index of x, index of w) for every product of the convolution.
  template <class F>
  void products(F&& f) const {
    const int64_t outs = s.o / s.groups;
    for (int64_t n = 0; n < s.n; ++n)
      for (int64_t i = 0; i < oh; ++i)
        for (int64_t j = 0; j < ow; ++j)
          for (int64_t o = 0; o < s.o; ++o)
            for (int64_t u = 0; u < s.kh; ++u)
              for (int64_t v = 0; v < s.kw; ++v) {
                const int64_t y = i * s.stride[0] + u * s.dilation[0] - s.pads[0];
                const int64_t z = j * s.stride[1] + v * s.dilation[1] - s.pads[2];
                if (y < 0 || y >= s.h || z < 0 || z >= s.w) continue;
                for (int64_t d = 0; d < depth; ++d)
                  f(((n * oh + i) * ow + j) * s.o + o, ((n * s.h + y) * s.w + z) * s.c + o / outs * depth + d,
                    ((o * s.kh + u) * s.kw + v) * depth + d);
              }
  }

  kernels::ConvParams params(bool relu, bool has_bias, int64_t method = kernels::kConvByShape) const {
    return {{s.stride[0], s.stride[1]},
            {s.dilation[0], s.dilation[1]},
            {s.pads[0], s.pads[2]},
            s.groups,
            relu ? kernels::kActivationRelu : kernels::kActivationNone,
            has_bias,
            method};
  }
};

}  // namespace hebb::testing

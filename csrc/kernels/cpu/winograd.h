// Convolution by Winograd's tiles as jobs of conv.cpp, and where they take the place of the direct kernels.
#pragma once

#include "kernels/cpu/carver.h"
#include "kernels/cpu/conv_geometry.h"
#include "kernels/cpu/winograd_correlate.h"
#include "kernels/cpu/winograd_weight.h"

namespace hebb::kernels::HEBB_ISA {
namespace {
namespace winograd {

using conv::Geometry;

// Filters of 3 x 3 that move by one pixel, in f32.
HEBB_INLINE bool is_possible(const Geometry& g, DType dtype) {
  const ConvParams& p = g.params;
  return dtype == DType::kF32 && g.size[0] == kTaps && g.size[1] == kTaps && p.groups == 1 &&
         p.stride[0] == 1 && p.stride[1] == 1 && p.dilation[0] == 1 && p.dilation[1] == 1 &&
         g.batch * g.rows * g.columns > 0 && g.batch * g.height * g.width > 0 && g.depth > 0 && g.outs > 0;
}

// Tiles whose outputs are mostly inside the image, enough of them for the products, and channels for their
// vectors: where both were measured, tiles won (docs/decisions/0010-winograd-by-shape.md).
HEBB_INLINE bool is_faster(const Grid& grid, int64_t depth, int64_t outs) {
  const int64_t inside = grid.rows * grid.columns, tiles = grid.down() * grid.across();
  return depth >= 32 && outs >= 32 && grid.count() >= 8 && inside >= kOutputs2 * tiles * 5 / 8;
}

// More memory than this, in elements, is not asked for.
inline constexpr int64_t kMostSpace = 1 << 24;

// What tiles are to a convolution.
struct Suitability {
  bool possible = false;
  bool small = false;  // in what all threads share
  bool faster = false;

  HEBB_INLINE bool takes(int64_t method) const {
    if (method == kConvDirect || !possible) return false;
    return method == kConvWinograd || (small && faster);
  }
  HEBB_INLINE stream::MethodChoice choice() const {
    const uint32_t tiles = possible && small ? 1u << kConvWinograd : 0;
    return {1u << kConvDirect | tiles, takes(kConvByShape) ? kConvWinograd : kConvDirect};
  }
};

// Where few tiles meet many channels, it is the filters that should not leave the cache.
HEBB_INLINE bool goes_by_panels(const Correlation& c) {
  return c.in.depth >= 256 && c.grid.count() <= c.in.depth;
}

// What an order of the work takes.
struct Memory {
  float* shared = nullptr;
  float* own = nullptr;  // thread by thread

  template <class Order>
  void carve(Carver& carver, const Order& order, int threads) {
    shared = carver.take<float>(order.shared_space());
    own = carver.take<float>(threads * order.thread_space());
  }
};

// y, or dx as the correlation of dy with the filters turned around.
template <class T, bool kForward>
class Correlate {
 public:
  Correlate(const stream::Command& command, const TileEpilogue* epilogue)
      : c_(correlation(command)), has_bias_(command.param<ConvParams>().has_bias && kForward) {
    by_panels_ = goes_by_panels(c_);
    if (!by_panels_) c_.epilogue = epilogue;
  }

  static Suitability suits(const stream::Command& command) {
    const Geometry g = geometry(command);
    if (!is_possible(g, command[0].dtype)) return {};
    const Correlation c = correlation(command);
    const int64_t space = goes_by_panels(c) ? ByPanels(c).shared_space() : ByTiles(c).shared_space();
    return {true, space <= kMostSpace, is_faster(c.grid, g.depth, g.outs)};
  }

  // Whether run() leaves nothing for the epilogue to do.
  bool has_run_epilogue() const { return c_.epilogue != nullptr; }

  void carve(Carver& carver, int threads) {
    by_panels_ ? memory_.carve(carver, ByPanels(c_), threads) : memory_.carve(carver, ByTiles(c_), threads);
  }

  void run(stream::Context& context, T* const* operands) {
    c_.in.data = operands[1];
    c_.filters.data = operands[2];
    c_.outputs.data = operands[0];
    c_.outputs.bias = has_bias_ ? operands[3] : nullptr;
    if (by_panels_) return ByPanels(c_).run(context, c_, memory_.shared, memory_.own);
    ByTiles(c_).run(context, c_, memory_.shared, memory_.own);
  }

 private:
  static Geometry geometry(const stream::Command& command) {
    return kForward ? Geometry(command[1], command[2], command[0], command.param<ConvParams>())
                    : Geometry(command[0], command[2], command[1], command.param<ConvParams>());
  }

  static Correlation correlation(const stream::Command& command) {
    const Geometry g = geometry(command);
    Correlation c{};
    if (kForward) {
      c.in = {nullptr, g.batch, g.height, g.width, g.channels, g.channels};
      for (int i = 0; i < 2; ++i) c.before[i] = g.params.before[i];
      c.grid = {g.batch, g.rows, g.columns};
      c.filters = {nullptr, g.channels, g.outs, false};
      c.outputs = {nullptr, g.outs, nullptr, g.params.activation == kActivationRelu};
    } else {
      c.in = {nullptr, g.batch, g.rows, g.columns, g.outs, g.outs};
      for (int i = 0; i < 2; ++i) c.before[i] = kTaps - 1 - g.params.before[i];
      c.grid = {g.batch, g.height, g.width};
      c.filters = {nullptr, g.outs, g.channels, true};
      c.outputs = {nullptr, g.channels, nullptr, false};
    }
    return c;
  }

  Correlation c_;
  bool has_bias_;
  bool by_panels_;
  Memory memory_;
};

// So few tiles may be transformed before the first is used.
HEBB_INLINE bool goes_by_results(const WeightSum& s) { return s.grid.count() <= 256; }

// dw.
template <class T>
class WeightGrad {
 public:
  WeightGrad(const stream::Command& command, const TileEpilogue*) : s_(sum(command)) {
    by_results_ = goes_by_results(s_);
  }

  static Suitability suits(const stream::Command& command) {
    const Geometry g = geometry(command);
    if (!is_possible(g, command[0].dtype)) return {};
    const WeightSum s = sum(command);
    const int64_t space = goes_by_results(s) ? ByResults(s).shared_space() : ByParts(s).shared_space();
    return {true, space <= kMostSpace, is_faster(s.grid, g.depth, g.outs)};
  }

  bool has_run_epilogue() const { return false; }

  void carve(Carver& carver, int threads) {
    by_results_ ? memory_.carve(carver, ByResults(s_), threads) : memory_.carve(carver, ByParts(s_), threads);
  }

  void run(stream::Context& context, T* const* operands) {
    s_.dw = operands[0];
    s_.in.data = operands[1];
    s_.dy.data = operands[2];
    if (by_results_) return ByResults(s_).run(context, s_, memory_.shared, memory_.own);
    ByParts(s_).run(context, s_, memory_.shared, memory_.own);
  }

 private:
  static Geometry geometry(const stream::Command& command) {
    return Geometry(command[1], command[0], command[2], command.param<ConvParams>());
  }

  static WeightSum sum(const stream::Command& command) {
    const Geometry g = geometry(command);
    return {{nullptr, g.batch, g.height, g.width, g.channels, g.channels},
            {nullptr, g.batch, g.rows, g.columns, g.outs, g.outs},
            {g.params.before[0], g.params.before[1]},
            {g.batch, g.rows, g.columns},
            nullptr};
  }

  WeightSum s_;
  bool by_results_;
  Memory memory_;
};

template <class T>
using Forward = Correlate<T, true>;
template <class T>
using InputGrad = Correlate<T, false>;

}  // namespace winograd
}  // namespace
}  // namespace hebb::kernels::HEBB_ISA

// The input gradient: one correlation with dy for every phase of the stride, or row sums where channels are
// few.
#pragma once

#include "kernels/cpu/carver.h"
#include "kernels/cpu/conv_depthwise.h"
#include "kernels/cpu/conv_geometry.h"
#include "kernels/cpu/conv_rows.h"

namespace hebb::kernels::HEBB_ISA {
namespace {
namespace conv {

// to[0..width) = from[0..count), then zeros; width is of whole vectors and less than one longer.
template <class T>
HEBB_INLINE void copy_run(T* to, const T* from, int count, int width) {
  int j = 0;
  for (; j + V<T>::kWidth <= count; j += V<T>::kWidth) V<T>::load(from + j).store(to + j);
  if (j < width) V<T>::load_partial(from + j, count - j).store(to + j);
}

template <class T>
class InputGrad {
 public:
  InputGrad(const stream::Command& command, const TileEpilogue* epilogue)
      : epilogue_(epilogue),
        g_(command[0], command[2], command[1], command.param<ConvParams>()),
        thin_(!g_.depthwise() && g_.axis(1).gap == 1 && thin_channels<T>(g_.size[1], g_.depth)) {
    if (thin_) {
      for_rows([&](const Phase& down, int64_t) {
        const RowSum<T> r = row_sum(down);
        packed_size_ = most(packed_size_, r.packed());
        band_size_ = r.thread_space();
      });
      // Groups lie between each other.
      if (g_.params.groups > 1 || g_.width * g_.depth < kLongRun) epilogue_ = nullptr;
      return;
    }
    bool long_runs = true;
    for_phases([&](const Phase& down, const Phase& across, int64_t, int64_t) {
      const Correlation<T> c = correlation(down, across);
      long_runs = long_runs && (g_.depthwise() ? has_long_depthwise_runs(c) : has_long_runs(c, blocking(c)));
      packed_size_ =
          most(packed_size_, g_.depthwise() ? g_.taps() * g_.outs : packed_weights<T>(c.outs, c.depth()));
      if (!g_.depthwise()) band_size_ = most(band_size_, block_space<T>(blocking(c), c.axes, c.in.depth));
    });
    if (!long_runs) epilogue_ = nullptr;
  }

  // Whether run() leaves nothing for the epilogue to do.
  bool has_run_epilogue() const { return epilogue_ != nullptr; }

  void carve(Carver& carver, int threads) {
    packed_ = carver.take<T>(packed_size_);
    bands_ = carver.take<T>(threads * band_size_);
  }

  void run(stream::Context& context, T* const* operands) {
    const T *dy = operands[1], *weight = operands[2];
    result_ = operands[0];
    if (thin_) return run_thin(context, operands[0], dy, weight);
    for_phases([&](const Phase& down, const Phase& across, int64_t y, int64_t x) {
      Correlation<T> c = correlation(down, across);
      const int64_t first = (y * g_.width + x) * g_.channels;
      if (g_.depthwise()) {
        pack(context, weight, down, across);
        c.in.data = dy;
        c.out = operands[0] + first;
        return correlate_depthwise(context, c);
      }
      for (int64_t group = 0; group < g_.params.groups; ++group) {
        pack(context, weight + group * g_.group_outs * g_.taps() * g_.depth, down, across);
        c.in.data = dy + group * g_.group_outs;
        c.out = operands[0] + first + group * g_.depth;
        correlate(context, c, blocking(c), bands_);
      }
    });
  }

 private:
  template <class F>
  void for_rows(F&& body) const {
    for (int64_t y = 0; y < g_.params.stride[0]; ++y) {
      const Phase down = make_phase(g_.axis(0), g_.params.before[0], g_.height, y);
      if (down.count > 0) body(down, y);
    }
  }

  template <class F>
  void for_phases(F&& body) const {
    for_rows([&](const Phase& down, int64_t y) {
      for (int64_t x = 0; x < g_.params.stride[1]; ++x) {
        const Phase across = make_phase(g_.axis(1), g_.params.before[1], g_.width, x);
        if (across.count > 0) body(down, across, y, x);
      }
    });
  }

  RowSum<T> row_sum(const Phase& down) const {
    RowSum<T> r{};
    r.in = {nullptr, g_.batch, g_.rows, g_.columns, g_.outs, g_.group_outs};
    r.down = down.axis;
    r.rows = down.count;
    r.step = g_.params.stride[1];
    r.before = g_.params.before[1];
    r.taps = g_.size[1];
    r.width = g_.width;
    r.depth = g_.depth;
    r.out_pixel = g_.channels;
    r.out_row = g_.params.stride[0] * g_.width * g_.channels;
    r.out_image = g_.height * g_.width * g_.channels;
    r.weights = packed_;
    r.epilogue = epilogue_;
    r.result = result_;
    return r;
  }

  void run_thin(stream::Context& context, T* dx, const T* dy, const T* weight) {
    for_rows([&](const Phase& down, int64_t y) {
      RowSum<T> r = row_sum(down);
      for (int64_t group = 0; group < g_.params.groups; ++group) {
        const T* from = weight + group * g_.group_outs * g_.taps() * g_.depth;
        pack_panels(context, from, down.axis.taps, r.run(),
                    [&](int64_t tap) { return (down.last - tap * down.step) * r.run(); });
        r.in.data = dy + group * g_.group_outs;
        r.out = dx + y * g_.width * g_.channels + group * g_.depth;
        sum_rows(context, r, bands_);
      }
    });
  }

  Correlation<T> correlation(const Phase& down, const Phase& across) const {
    Correlation<T> c{};
    const bool all = g_.depthwise();
    c.in = {nullptr, g_.batch, g_.rows, g_.columns, g_.outs, all ? g_.outs : g_.group_outs};
    c.axes[0] = down.axis;
    c.axes[1] = across.axis;
    if (down.axis.taps == 0 || across.axis.taps == 0) c.axes[0].taps = c.axes[1].taps = 0;
    c.rows = down.count;
    c.columns = across.count;
    c.outs = all ? g_.channels : g_.depth;
    c.out_pixel = g_.params.stride[1] * g_.channels;
    c.out_row = g_.params.stride[0] * g_.width * g_.channels;
    c.out_image = g_.height * g_.width * g_.channels;
    c.weights = packed_;
    c.epilogue = epilogue_;
    c.result = result_;
    return c;
  }

  Blocking blocking(const Correlation<T>& c) const {
    return make_blocks<T>(c.in, c.axes, c.rows, c.columns, c.depth() * c.outs);
  }

  // The taps of a phase, backwards, as [tap, channel] where depthwise and else as panels [tap, out, panel of
  // depth].
  void pack(stream::Context& context, const T* weight, const Phase& down, const Phase& across) {
    const int64_t taps = down.axis.taps * across.axis.taps, depth = g_.depth;
    const auto tap_of = [&](int64_t tap) {
      return (down.last - tap / across.axis.taps * down.step) * g_.size[1] + across.last -
             tap % across.axis.taps * across.step;
    };
    if (g_.depthwise()) {
      for (int64_t tap = 0; tap < taps; ++tap)
        for (int64_t c = 0; c < g_.channels; ++c)
          packed_[tap * g_.channels + c] = weight[c * g_.taps() + tap_of(tap)];
      return;
    }
    pack_panels(context, weight, taps, depth, [&](int64_t tap) { return tap_of(tap) * depth; });
  }

  // Panels [tap, out, panel of columns]: those of a tap and output start offset(tap) into the output's
  // weights.
  template <class F>
  void pack_panels(stream::Context& context, const T* weight, int64_t taps, int64_t columns, F&& offset) {
    const int64_t outs = g_.group_outs;
    context.parallel(ceil_div(columns, kColumns<T>), [&](int64_t panel, int) {
      const int width = panel_vectors<T>(columns, panel) * V<T>::kWidth;
      const int count = static_cast<int>(least(width, columns - panel * kColumns<T>));
      T* to = packed_ + panel * kColumns<T> * taps * outs;
      for (int64_t tap = 0; tap < taps; ++tap) {
        const T* from = weight + offset(tap) + panel * kColumns<T>;
        for (int64_t o = 0; o < outs; ++o, to += width)
          copy_run(to, from + o * g_.taps() * g_.depth, count, width);
      }
    });
  }

  const TileEpilogue* epilogue_;
  const T* result_ = nullptr;
  Geometry g_;
  bool thin_;  // few channels: whole rows of dx at a time
  int64_t packed_size_ = 0, band_size_ = 0;
  T* packed_ = nullptr;
  T* bands_ = nullptr;
};

}  // namespace conv
}  // namespace
}  // namespace hebb::kernels::HEBB_ISA

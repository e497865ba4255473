// Convolution on the CPU: three commands over the correlation, weight sum and depthwise kernels.
#include "kernels/conv.h"

#include "kernels/cpu/conv_depthwise.h"
#include "kernels/cpu/conv_weight.h"
#include "kernels/cpu/gemm_pack.h"
#include "kernels/cpu/widen.h"

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

// Weights [out, taps, depth] of a group into panels [depth of a tap.., panel]: rows become columns.
template <class T>
void pack_forward(stream::Context& context, const T* weight, int64_t outs, int64_t depth, T* packed) {
  context.parallel(ceil_div(outs, kColumns<T>), [&](int64_t panel, int) {
    const T* rows[kColumns<T>];
    const int width = panel_vectors<T>(outs, panel) * V<T>::kWidth;
    for (int j = 0; j < width; ++j) {
      const int64_t o = panel * kColumns<T> + j;
      rows[j] = o < outs ? weight + o * depth : nullptr;
    }
    tile::interleave(packed + panel * kColumns<T> * depth, width, rows, width, depth);
  });
}

// to[0..width) = from[0..count), then zeros; width is of whole vectors and less than one longer.
template <class T>
HEBB_INLINE void copy_run(T* to, const T* from, int count, int width) {
  int j = 0;
  for (; j + V<T>::kWidth <= count; j += V<T>::kWidth) V<T>::load(from + j).store(to + j);
  if (j < width) V<T>::load_partial(from + j, count - j).store(to + j);
}

template <class T>
class Forward {
 public:
  explicit Forward(const stream::Command& command)
      : g_(command[1], command[2], command[0], command.param<ConvParams>()) {
    for (int i = 0; i < 2; ++i) c_.axes[i] = g_.axis(i);
    c_.in = g_.images<T>(nullptr, 0);
    c_.rows = g_.rows;
    c_.columns = g_.columns;
    c_.outs = g_.depthwise() ? g_.outs : g_.group_outs;
    c_.out_pixel = g_.outs;
    c_.out_row = g_.columns * g_.outs;
    c_.out_image = g_.rows * c_.out_row;
    c_.relu = g_.params.activation == kActivationRelu;
    blocks_ = make_blocks<T>(c_.in, c_.axes, c_.rows, c_.columns, c_.depth() * c_.outs);
  }

  void carve(Carver& carver, int threads) {
    packed_ = carver.take<T>(g_.depthwise() ? g_.taps() * g_.outs : packed_weights<T>(c_.outs, c_.depth()));
    bands_ = carver.take<T>(g_.depthwise() ? 0 : threads * block_space<T>(blocks_, c_.axes, g_.depth));
  }

  void run(stream::Context& context, T* const* operands) {
    const T *x = operands[1], *weight = operands[2], *bias = g_.params.has_bias ? operands[3] : nullptr;
    c_.weights = packed_;
    if (g_.depthwise()) {
      for (int64_t tap = 0; tap < g_.taps(); ++tap)
        for (int64_t o = 0; o < g_.outs; ++o) packed_[tap * g_.outs + o] = weight[o * g_.taps() + tap];
      c_.in.data = x;
      c_.out = operands[0];
      c_.bias = bias;
      return correlate_depthwise(context, c_);
    }
    for (int64_t group = 0; group < g_.params.groups; ++group) {
      c_.in = g_.images(x, group);
      c_.out = operands[0] + group * c_.outs;
      c_.bias = bias ? bias + group * c_.outs : nullptr;
      pack_forward(context, weight + group * c_.outs * c_.depth(), c_.outs, c_.depth(), packed_);
      correlate(context, c_, blocks_, bands_);
    }
  }

 private:
  Geometry g_;
  Correlation<T> c_;
  Blocking blocks_;
  T* packed_ = nullptr;
  T* bands_ = nullptr;
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

template <class T>
class InputGrad {
 public:
  explicit InputGrad(const stream::Command& command)
      : g_(command[0], command[2], command[1], command.param<ConvParams>()) {
    for_phases([&](const Phase& down, const Phase& across, int64_t, int64_t) {
      const Correlation<T> c = correlation(down, across);
      packed_size_ =
          most(packed_size_, g_.depthwise() ? g_.taps() * g_.outs : packed_weights<T>(c.outs, c.depth()));
      if (!g_.depthwise()) band_size_ = most(band_size_, block_space<T>(blocking(c), c.axes, c.in.depth));
    });
  }

  void carve(Carver& carver, int threads) {
    packed_ = carver.take<T>(packed_size_);
    bands_ = carver.take<T>(threads * band_size_);
  }

  void run(stream::Context& context, T* const* operands) {
    const T *dy = operands[1], *weight = operands[2];
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
  void for_phases(F&& body) const {
    for (int64_t y = 0; y < g_.params.stride[0]; ++y) {
      const Phase down = make_phase(g_.axis(0), g_.params.before[0], g_.height, y);
      for (int64_t x = 0; x < g_.params.stride[1]; ++x) {
        const Phase across = make_phase(g_.axis(1), g_.params.before[1], g_.width, x);
        if (down.count > 0 && across.count > 0) body(down, across, y, x);
      }
    }
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
    return c;
  }

  Blocking blocking(const Correlation<T>& c) const {
    return make_blocks<T>(c.in, c.axes, c.rows, c.columns, c.depth() * c.outs);
  }

  // The taps of a phase, backwards, as [tap, channel] where depthwise and else as panels [tap, out, panel of
  // depth].
  void pack(stream::Context& context, const T* weight, const Phase& down, const Phase& across) {
    const int64_t taps = down.axis.taps * across.axis.taps, depth = g_.depth, outs = g_.group_outs;
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
    context.parallel(ceil_div(depth, kColumns<T>), [&](int64_t panel, int) {
      const int width = panel_vectors<T>(depth, panel) * V<T>::kWidth;
      const int count = static_cast<int>(least(width, depth - panel * kColumns<T>));
      T* to = packed_ + panel * kColumns<T> * taps * outs;
      for (int64_t tap = 0; tap < taps; ++tap) {
        const T* from = weight + tap_of(tap) * depth + panel * kColumns<T>;
        for (int64_t o = 0; o < outs; ++o, to += width)
          copy_run(to, from + o * g_.taps() * depth, count, width);
      }
    });
  }

  Geometry g_;
  int64_t packed_size_ = 0, band_size_ = 0;
  T* packed_ = nullptr;
  T* bands_ = nullptr;
};

template <class T>
class WeightGrad {
 public:
  explicit WeightGrad(const stream::Command& command)
      : g_(command[1], command[0], command[2], command.param<ConvParams>()) {
    if (empty()) return;
    const WeightSum<T> s = sum(nullptr, nullptr, nullptr, 0);
    if (g_.depthwise()) {
      sums_size_ = depthwise_parts(s) * g_.taps() * g_.outs;
      return;
    }
    const WeightParts<T> plan(s);
    sums_size_ = plan.space();
    band_size_ = block_space<T>(plan.blocks, s.axes, g_.depth);
  }

  void carve(Carver& carver, int threads) {
    sums_ = carver.take<T>(sums_size_);
    bands_ = carver.take<T>(threads * band_size_);
  }

  void run(stream::Context& context, T* const* operands) {
    if (empty()) return zero_run(operands[0], g_.outs * g_.taps() * g_.depth);
    if (g_.depthwise()) return sum_depthwise(context, sum(operands[0], operands[1], operands[2], 0), sums_);
    for (int64_t group = 0; group < g_.params.groups; ++group) {
      const WeightSum<T> s = sum(operands[0], operands[1], operands[2], group);
      sum_weights(context, s, WeightParts<T>(s), sums_, bands_);
    }
  }

 private:
  bool empty() const { return g_.batch * g_.height * g_.width == 0; }

  WeightSum<T> sum(T* dw, const T* x, const T* dy, int64_t group) const {
    WeightSum<T> s{
        g_.images(x, group), {g_.axis(0), g_.axis(1)}, g_.rows, g_.columns, g_.group_outs, dy, g_.outs, dw};
    s.dy += group * g_.group_outs;
    s.dw += group * g_.group_outs * g_.taps() * g_.depth;
    return s;
  }

  Geometry g_;
  int64_t sums_size_ = 0, band_size_ = 0;
  T* sums_ = nullptr;
  T* bands_ = nullptr;
};

// Runs a job whose operand 0 is written, in T; half operands are converted around it.
template <class T, template <class> class Job>
void execute(const stream::Command& command, stream::Context& context) {
  constexpr int kMost = 4;
  Job<T> job(command);
  const bool half = is_half(command[0].dtype);
  T* operands[kMost];
  const auto carve = [&](Carver& carver) {
    for (int i = 0; i < command.operand_count; ++i)
      operands[i] = half ? carver.take<T>(command[i].size()) : command[i].as<T>();
    job.carve(carver, context.threads());
  };
  Carver needed{nullptr};
  carve(needed);
  Carver memory{context.scratch<char>(0, needed.used)};
  carve(memory);
  if constexpr (sizeof(T) == sizeof(float)) {
    if (half) {
      for (int i = 1; i < command.operand_count; ++i) widen(context, command[i], operands[i]);
      job.run(context, operands);
      return narrow(context, operands[0], command[0]);
    }
  }
  job.run(context, operands);
}

template <template <class> class Job>
void run_conv(const stream::Command& command, stream::Context& context) {
  if (command[0].dtype == DType::kF64) return execute<double, Job>(command, context);
  execute<float, Job>(command, context);
}

}  // namespace conv
}  // namespace

void fill_conv() {
  kernels::conv2d.cpu = &conv::run_conv<conv::Forward>;
  kernels::conv2d_input_grad.cpu = &conv::run_conv<conv::InputGrad>;
  kernels::conv2d_weight_grad.cpu = &conv::run_conv<conv::WeightGrad>;
}

}  // namespace hebb::kernels::HEBB_ISA

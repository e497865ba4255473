// Convolution on the CPU: three commands over the correlation, weight sum and depthwise kernels.
#include "kernels/conv.h"

#include "kernels/cpu/carver.h"
#include "kernels/cpu/conv_depthwise.h"
#include "kernels/cpu/conv_input.h"
#include "kernels/cpu/conv_weight.h"
#include "kernels/cpu/panels.h"
#include "kernels/cpu/widen.h"
#include "kernels/cpu/winograd.h"

namespace hebb::kernels::HEBB_ISA {
namespace {
namespace conv {

// Weights [out, taps, depth] of a group are packed as those of a matrix product.
static_assert(kColumns<float> == tile::kTileColumns<float> && kColumns<double> == tile::kTileColumns<double>);

// Whether the forward pass goes by pair_tile.
template <class T>
bool takes_pairs(const Geometry& g) {
  return kHasPairs<T> && g.channels == 1 && g.axis(1).step == 1 && g.axis(1).gap == 1 &&
         2 * g.outs <= V<T>::kWidth;
}

template <class T>
class Forward {
 public:
  Forward(const stream::Command& command, const TileEpilogue* epilogue)
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
    c_.paired = takes_pairs<T>(g_);
    blocks_ = make_blocks<T>(c_.in, c_.axes, c_.rows, c_.columns, c_.depth() * c_.outs);
    if (g_.depthwise() ? has_long_depthwise_runs(c_) : has_long_runs(c_, blocks_)) c_.epilogue = epilogue;
    in_panels_ = command[2].in_panels;
  }

  // Whether run() leaves nothing for the epilogue to do.
  bool has_run_epilogue() const { return c_.epilogue != nullptr; }

  void carve(Carver& carver, int threads) {
    const int64_t packed = g_.depthwise() ? g_.taps() * g_.outs : packed_weights<T>(c_.outs, c_.depth());
    packed_ = carver.take<T>(in_panels_ ? 0 : c_.paired ? V<T>::kWidth * (c_.depth() + 1) : packed);
    bands_ = carver.take<T>(g_.depthwise() ? 0 : threads * block_space<T>(blocks_, c_.axes, g_.depth));
  }

  void run(stream::Context& context, T* const* operands) {
    const T *x = operands[1], *weight = operands[2], *bias = g_.params.has_bias ? operands[3] : nullptr;
    c_.weights = in_panels_ ? weight : packed_;
    c_.result = operands[0];
    if (g_.depthwise()) {
      for (int64_t tap = 0; tap < g_.taps(); ++tap)
        for (int64_t o = 0; o < g_.outs; ++o) packed_[tap * g_.outs + o] = weight[o * g_.taps() + tap];
      c_.in.data = x;
      c_.out = operands[0];
      c_.bias = bias;
      return correlate_depthwise(context, c_);
    }
    if (c_.paired) {
      pack_pairs(weight, bias);
      c_.in.data = x;
      c_.out = operands[0];
      return correlate(context, c_, blocks_, bands_);
    }
    for (int64_t group = 0; group < g_.params.groups; ++group) {
      c_.in = g_.images(x, group);
      c_.out = operands[0] + group * c_.outs;
      c_.bias = bias ? bias + group * c_.outs : nullptr;
      if (!in_panels_) {
        const tile::Panels<T> panels{packed_, c_.outs, 1, c_.depth()};
        panels.pack(context, weight + group * c_.outs * c_.depth(), 0, 1, c_.depth());
      }
      correlate(context, c_, blocks_, bands_);
    }
  }

 private:
  // The weights of each tap, then the bias, as a vector of two lanes for each output.
  void pack_pairs(const T* weight, const T* bias) {
    const int64_t taps = c_.depth();
    zero_run(packed_, (taps + 1) * V<T>::kWidth);
    for (int64_t tap = 0; tap <= taps; ++tap) {
      T* to = packed_ + tap * V<T>::kWidth;
      for (int64_t o = 0; o < c_.outs; ++o)
        to[2 * o] = to[2 * o + 1] = tap < taps ? weight[o * taps + tap] : bias ? bias[o] : T(0);
    }
    c_.bias = packed_ + taps * V<T>::kWidth;
  }

  Geometry g_;
  Correlation<T> c_{};
  Blocking blocks_;
  bool in_panels_;
  T* packed_ = nullptr;
  T* bands_ = nullptr;
};

template <class T>
class WeightGrad {
 public:
  WeightGrad(const stream::Command& command, const TileEpilogue*)
      : g_(command[1], command[0], command[2], command.param<ConvParams>()) {
    if (empty()) return;
    const WeightSum<T> s = sum(nullptr, nullptr, nullptr, 0);
    if (g_.depthwise()) {
      sums_size_ = depthwise_parts(s) * g_.taps() * g_.outs;
      return;
    }
    const WeightParts<T> plan(s);
    sums_size_ = plan.space();
    band_size_ = plan.thread_space(s);
  }

  void carve(Carver& carver, int threads) {
    sums_ = carver.take<T>(sums_size_);
    bands_ = carver.take<T>(threads * band_size_);
  }

  bool has_run_epilogue() const { return false; }

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
  const TileEpilogue epilogue(command, context);
  const bool half = is_half(command[0].dtype);
  Job<T> job(command, epilogue && !half ? &epilogue : nullptr);
  // Panels are of T already.
  const auto converted = [&](int i) { return half && !command[i].in_panels; };
  T* operands[kMost];
  const auto carve = [&](Carver& carver) {
    for (int i = 0; i < command.own_operands(); ++i)
      operands[i] = converted(i) ? carver.take<T>(command[i].size()) : command[i].as<T>();
    job.carve(carver, context.threads());
  };
  carve_scratch(context, carve);
  if constexpr (sizeof(T) == sizeof(float)) {
    if (half) {
      for (int i = 1; i < command.own_operands(); ++i) {
        if (converted(i)) widen(context, command[i], operands[i]);
      }
      job.run(context, operands);
      narrow(context, operands[0], command[0]);
      return epilogue.run_behind(0, command[0].size());
    }
  }
  job.run(context, operands);
  if (!job.has_run_epilogue()) epilogue.run_behind(0, command[0].size());
}

template <template <class> class Tiled>
bool goes_by_tiles(const stream::Command& command) {
  return Tiled<float>::suits(command).takes(command.param<ConvParams>().method);
}

template <template <class> class Tiled>
stream::MethodChoice method_choice(const stream::Command& command) {
  return Tiled<float>::suits(command).choice();
}

// Tiled where that takes the command.
template <template <class> class Job, template <class> class Tiled>
void run_conv(const stream::Command& command, stream::Context& context) {
  if (goes_by_tiles<Tiled>(command)) return execute<float, Tiled>(command, context);
  if (command[0].dtype == DType::kF64) return execute<double, Job>(command, context);
  execute<float, Job>(command, context);
}

// The weight of a convolution of one group as a matrix [taps depth, outs].
stream::Packing forward_packing(const stream::Command& command) {
  const Geometry g(command[1], command[2], command[0], command.param<ConvParams>());
  if (g.params.groups != 1 || goes_by_tiles<winograd::Forward>(command)) return {};
  if (command[0].dtype != DType::kF64 && takes_pairs<float>(g)) return {};
  const int64_t depth = g.taps() * g.depth, rows = g.batch * g.rows * g.columns;
  const int64_t shape[] = {1, depth, g.outs}, strides[] = {0, 1, depth};
  return tile::packing_of(command, 2, rows, shape, strides);
}

}  // namespace conv
}  // namespace

void fill_conv() {
  kernels::conv2d.packing = &conv::forward_packing;
  kernels::conv2d.choice = &conv::method_choice<winograd::Forward>;
  kernels::conv2d_input_grad.choice = &conv::method_choice<winograd::InputGrad>;
  kernels::conv2d_weight_grad.choice = &conv::method_choice<winograd::WeightGrad>;
  kernels::conv2d.cpu = &conv::run_conv<conv::Forward, winograd::Forward>;
  kernels::conv2d_input_grad.cpu = &conv::run_conv<conv::InputGrad, winograd::InputGrad>;
  kernels::conv2d_weight_grad.cpu = &conv::run_conv<conv::WeightGrad, winograd::WeightGrad>;
}

}  // namespace hebb::kernels::HEBB_ISA

// Convolutions on the tile unit of AMX, laid over the kernels of AVX-512: which commands it takes, by their
// precision and shape alone. All others go to the kernels that were there before, and so do those whose
// operands are not all finite: what tiles hold beside them would make NaN of an infinity.
#include "kernels/conv.h"

#if defined(__AVX512F__)

#include "kernels/cpu/amx_weights.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

using namespace amx;
using conv::Geometry;
using conv::Phase;

stream::Kernel plain_forward, plain_input_grad, plain_weight_grad;
stream::Packing (*plain_packing)(const stream::Command& command);

// How many terms the unit would sum the convolution with; 0 where it is not for it: channels or outputs that
// do not fill a tile, groups, and little work. For f32 it has to be `asked` for.
int possible_terms(const Geometry& g, DType dtype, bool asked) {
  constexpr int64_t kLeastWork = int64_t{1} << 18;
  const int terms = dtype == DType::kF32 ? terms_of_precision(g.params.precision, asked) : 0;
  if (g.params.groups != 1 || g.depth < kSide || g.outs < kSide || g.height * g.width == 0) return 0;
  return g.batch * g.rows * g.columns * g.taps() * g.depth * g.outs >= kLeastWork ? terms : 0;
}

// With how many it does.
int terms_of(const Geometry& g, DType dtype) {
  const int64_t method = g.params.method;
  if (method == kConvDirect || method == kConvWinograd) return 0;
  return possible_terms(g, dtype, method == kConvTiles);
}

Geometry forward_geometry(const stream::Command& command) {
  return Geometry(command[1], command[2], command[0], command.param<ConvParams>());
}
Geometry input_geometry(const stream::Command& command) {
  return Geometry(command[0], command[2], command[1], command.param<ConvParams>());
}
Geometry weight_geometry(const stream::Command& command) {
  return Geometry(command[1], command[0], command[2], command.param<ConvParams>());
}

template <int kTerms>
WindowSum<kTerms> forward_sum(const stream::Command& command) {
  const Geometry g = forward_geometry(command);
  WindowSum<kTerms> s{};
  s.in = g.images(command[1].as<const float>(), 0);
  for (int i = 0; i < 2; ++i) s.axes[i] = g.axis(i);
  s.rows = g.rows, s.columns = g.columns, s.outs = g.outs;
  s.out = command[0].as<float>();
  s.out_pixel = g.outs, s.out_row = g.columns * g.outs, s.out_image = g.rows * s.out_row;
  s.bias = g.params.has_bias ? command[3].as<const float>() : nullptr;
  s.relu = g.params.activation == kActivationRelu;
  s.weights = command[2].as<const float>();
  s.out_step = g.taps() * g.depth, s.depth_step = 1;
  s.tap_step[0] = g.size[1] * g.depth, s.tap_step[1] = g.depth;
  return s;
}

// The pixels of dx that lie at one remainder of the stride, as windows over dy.
template <int kTerms>
WindowSum<kTerms> input_sum(const stream::Command& command, const Geometry& g, const Phase (&phases)[2],
                            const int64_t (&at)[2]) {
  WindowSum<kTerms> s{};
  s.in = {command[1].as<const float>(), g.batch, g.rows, g.columns, g.outs, g.outs};
  const bool empty = phases[0].axis.taps * phases[1].axis.taps == 0;
  const int64_t tap[] = {g.size[1] * g.depth, g.depth};
  for (int i = 0; i < 2; ++i) {
    s.axes[i] = phases[i].axis;
    if (empty) s.axes[i].taps = 0;
    s.tap_first[i] = phases[i].last * tap[i], s.tap_step[i] = -phases[i].step * tap[i];
  }
  s.rows = phases[0].count, s.columns = phases[1].count, s.outs = g.channels;
  s.out = command[0].as<float>() + (at[0] * g.width + at[1]) * g.channels;
  s.out_pixel = g.params.stride[1] * g.channels;
  s.out_row = g.params.stride[0] * g.width * g.channels;
  s.out_image = g.height * g.width * g.channels;
  s.weights = command[2].as<const float>();
  s.out_step = 1, s.depth_step = g.taps() * g.depth;
  return s;
}

// run(memory, finite) with the memory of a plan, and a word of each thread, in the scratch of thread 0.
template <class Memory, class Plan, class F>
bool with_memory(stream::Context& context, const Plan& plan, F&& run) {
  Memory memory;
  bool* finite = nullptr;
  carve_scratch(context, [&](Carver& carver) {
    memory.carve(carver, plan, context.threads());
    finite = carver.take<bool>(context.threads());
  });
  return run(memory, finite);
}

template <class Unit, int kTerms>
bool run_sum(stream::Context& context, const WindowSum<kTerms>& s) {
  return with_memory<WindowMemory<kTerms>>(context, s, [&](const auto& memory, bool* finite) {
    return sum_windows<Unit>(context, s, memory, finite);
  });
}

template <class Unit, int kTerms>
bool run_input_grad(stream::Context& context, const stream::Command& command) {
  const Geometry g = input_geometry(command);
  const int64_t extents[] = {g.height, g.width};
  int64_t at[2];
  Phase phases[2];
  for (at[0] = 0; at[0] < g.params.stride[0]; ++at[0]) {
    for (at[1] = 0; at[1] < g.params.stride[1]; ++at[1]) {
      for (int i = 0; i < 2; ++i)
        phases[i] = conv::make_phase(g.axis(i), g.params.before[i], extents[i], at[i]);
      if (phases[0].count == 0 || phases[1].count == 0) continue;
      if (!run_sum<Unit>(context, input_sum<kTerms>(command, g, phases, at))) return false;
    }
  }
  return true;
}

template <class Unit, int kTerms>
bool run_weight_grad(stream::Context& context, const stream::Command& command) {
  const WeightPlan<kTerms> plan(weight_geometry(command));
  const float* const operands[] = {command[1].as<const float>(), command[2].as<const float>()};
  return with_memory<WeightMemory<kTerms>>(context, plan, [&](const auto& memory, bool* finite) {
    return sum_weights<Unit>(context, plan, memory, operands, command[0].as<float>(), finite);
  });
}

// run<terms>() where the unit takes the command and says that it could use it; else the kernel before.
template <class F>
void run_conv(const stream::Command& command, stream::Context& context, int terms, stream::Kernel plain,
              F&& run) {
  if (terms == 0) return plain(command, context);
  const TileEpilogue epilogue(command, context);
  const bool done = terms == 1   ? run.template operator()<1>()
                    : terms == 2 ? run.template operator()<2>()
                                 : run.template operator()<3>();
  if (!done) return plain(command, context);
  epilogue.run_behind(0, command[0].size());
}

template <class Unit>
void forward_kernel(const stream::Command& command, stream::Context& context) {
  run_conv(command, context, terms_of(forward_geometry(command), command[0].dtype), plain_forward,
           [&]<int kTerms>() { return run_sum<Unit>(context, forward_sum<kTerms>(command)); });
}

template <class Unit>
void input_grad_kernel(const stream::Command& command, stream::Context& context) {
  run_conv(command, context, terms_of(input_geometry(command), command[0].dtype), plain_input_grad,
           [&]<int kTerms>() { return run_input_grad<Unit, kTerms>(context, command); });
}

template <class Unit>
void weight_grad_kernel(const stream::Command& command, stream::Context& context) {
  run_conv(command, context, terms_of(weight_geometry(command), command[0].dtype), plain_weight_grad,
           [&]<int kTerms>() { return run_weight_grad<Unit, kTerms>(context, command); });
}

template <stream::Slot& kSlot>
stream::MethodChoice (*plain_choice)(const stream::Command& command);

template <stream::Slot& kSlot, Geometry (*kGeometry)(const stream::Command& command)>
stream::MethodChoice choice(const stream::Command& command) {
  const Geometry g = kGeometry(command);
  stream::MethodChoice result = plain_choice<kSlot>(command);
  if (possible_terms(g, command[0].dtype, true) > 0) result.possible |= 1u << kConvTiles;
  if (possible_terms(g, command[0].dtype, false) > 0) result.by_shape = kConvTiles;
  return result;
}

template <stream::Slot& kSlot, Geometry (*kGeometry)(const stream::Command& command)>
void add_choice() {
  plain_choice<kSlot> = kSlot.choice;
  kSlot.choice = &choice<kSlot, kGeometry>;
}

// The weight is packed in each call: a few hundredths of it.
stream::Packing packing(const stream::Command& command) {
  return terms_of(forward_geometry(command), command[0].dtype) > 0 ? stream::Packing{}
                                                                   : plain_packing(command);
}

template <class Unit>
void lay_over() {
  plain_forward = conv2d.cpu;
  plain_input_grad = conv2d_input_grad.cpu;
  plain_weight_grad = conv2d_weight_grad.cpu;
  plain_packing = conv2d.packing;
  conv2d.cpu = &forward_kernel<Unit>;
  conv2d.packing = &packing;
  conv2d_input_grad.cpu = &input_grad_kernel<Unit>;
  conv2d_weight_grad.cpu = &weight_grad_kernel<Unit>;
  add_choice<conv2d, &forward_geometry>();
  add_choice<conv2d_input_grad, &input_geometry>();
  add_choice<conv2d_weight_grad, &weight_geometry>();
}

}  // namespace

void fill_amx_conv(bool emulated) { emulated ? lay_over<EmulatedAmx>() : lay_over<Amx>(); }

}  // namespace hebb::kernels::HEBB_ISA

#endif

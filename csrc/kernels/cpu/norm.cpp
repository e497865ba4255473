// The normalisations: layer normalisation by rows, batch normalisation by columns, and the update of its
// running statistics.
#include "kernels/norm.h"

#include "kernels/cpu/norm_columns.h"
#include "kernels/cpu/norm_rows.h"
#include "stream/context.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

using stream::Command;
using stream::Context;

// The operand at `index` where the command has it; moves on to the next.
template <class C>
const C* next_if(const Command& command, bool there, int& index) {
  return there ? command[index++].as<const C>() : nullptr;
}

template <class E>
void run_layer_norm(const Command& command, Context& context) {
  using C = Compute<E>;
  const auto& params = command.param<NormParams>();
  const int64_t rows = command[0].shape[0], n = command[0].shape[1];
  const E* x = command[2].as<const E>();
  int at = 3;
  const C* weight = next_if<C>(command, params.weight, at);
  const C* bias = next_if<C>(command, params.bias, at);
  E* y = command[0].as<E>();
  C* stats = command[1].as<C>();
  const TileEpilogue epilogue(command, context);
  const int64_t piece = rows_of_piece(n);
  parallel_items(context, ceil_div(rows, piece), task_grain(piece * n), [&](int64_t item, int thread) {
    const int64_t first = item * piece, last = least(rows, first + piece);
    for (int64_t row = first; row < last; ++row)
      layer_norm_row(x + row * n, y + row * n, n, weight, bias, params.eps, stats + 2 * row);
    epilogue.run(thread, {first * n, (last - first) * n});
  });
}

template <class E>
void run_layer_norm_grad(const Command& command, Context& context) {
  using C = Compute<E>;
  const auto& params = command.param<LayerNormGradParams>();
  const int64_t rows = command[0].shape[0], n = command[0].shape[1];
  const int in = params.sums ? 3 : 1;
  const LayerGrad<E> grad{command[in].as<const E>(),
                          command[in + 1].as<const E>(),
                          command[0].as<E>(),
                          command[in + 2].as<const C>(),
                          params.weight ? command[in + 3].as<const C>() : nullptr,
                          n};
  const int64_t parts = ceil_div(rows, kPartRows);
  const TileEpilogue epilogue(command, context);
  C* sums = params.sums ? context.scratch<C>(0, most(1, parts * 2 * n)) : nullptr;
  parallel_items(context, parts, task_grain(kPartRows * n), [&](int64_t part, int thread) {
    const int64_t first = part * kPartRows, last = least(rows, first + kPartRows);
    layer_norm_grad_part(grad, first, last, sums ? sums + part * 2 * n : nullptr);
    epilogue.run(thread, {first * n, (last - first) * n});
  });
  if (!sums) return;
  add_parts(context, sums, parts, 2 * n, n, command[1].as<C>());
  add_parts(context, sums + n, parts, 2 * n, n, command[2].as<C>());
}

// What each column is moved and scaled by, repeated to the width of a wide row.
template <class C>
struct Columns {
  C *mean, *scale, *shift;
};

template <class E, class C = Compute<E>>
void normalise(Context& context, const Cut& cut, const TileEpilogue& epilogue, const E* x, E* y,
               Columns<C> columns) {
  each_wide_vector<C>(context, cut, epilogue, [&](int64_t offset, Span<C> span) {
    const V<C> d = span.of(x + offset) - span.of(columns.mean);
    span.put(y + offset, fma(d, span.of(columns.scale), span.of(columns.shift)));
  });
}

// y = (x - mean) scale + bias with scale = weight / sqrt(variance + eps)
template <class C>
Columns<C> columns_of(Context& context, const Cut& cut, const C* mean, const C* variance, const C* weight,
                      const C* bias, double eps) {
  C* memory = context.scratch<C>(0, 3 * cut.width);
  const Columns<C> columns{memory, memory + cut.width, memory + 2 * cut.width};
  for (int64_t c = 0; c < cut.channels; ++c) {
    const C scale = 1 / root(variance[c] + static_cast<C>(eps));
    columns.mean[c] = mean[c];
    columns.scale[c] = weight ? scale * weight[c] : scale;
    columns.shift[c] = bias ? bias[c] : C{0};
  }
  repeat(cut, memory, 3);
  return columns;
}

template <class E>
void run_batch_norm(const Command& command, Context& context) {
  using C = Compute<E>;
  const auto& params = command.param<NormParams>();
  const Cut cut = cut_of(command[0].shape[0], command[0].shape[1]);
  const E* x = command[3].as<const E>();
  int at = 4;
  const C* weight = next_if<C>(command, params.weight, at);
  const C* bias = next_if<C>(command, params.bias, at);
  C *mean = command[1].as<C>(), *variance = command[2].as<C>();
  const TileEpilogue epilogue(command, context);
  column_moments(context, cut, x, mean, variance);
  normalise(context, cut, epilogue, x, command[0].as<E>(),
            columns_of(context, cut, mean, variance, weight, bias, params.eps));
}

template <class E>
void run_batch_norm_eval(const Command& command, Context& context) {
  using C = Compute<E>;
  const auto& params = command.param<NormParams>();
  const Cut cut = cut_of(command[0].shape[0], command[0].shape[1]);
  int at = 4;
  const C* weight = next_if<C>(command, params.weight, at);
  const C* bias = next_if<C>(command, params.bias, at);
  const TileEpilogue epilogue(command, context);
  normalise(
      context, cut, epilogue, command[1].as<const E>(), command[0].as<E>(),
      columns_of(context, cut, command[2].as<const C>(), command[3].as<const C>(), weight, bias, params.eps));
}

// Sums of dy and of dy (x - mean) of the channels of a part: out [2, channels].
template <class E, class C = Compute<E>>
void part_grad_sums(const Cut& cut, const E* dy, const E* x, const C* mean, int64_t part, int64_t block,
                    double* out) {
  const Tile tile = tile_of(cut, part, block);
  const int64_t channels = cut.channels_of(block), first = cut.first_channel(block);
  C sums[2 * kBlockColumns], center[kBlockColumns];
  for (int64_t c = 0; cut.group > 1 && c < channels; ++c) center[c] = mean[c];
  if (cut.group > 1) repeat(cut, center, 1);
  const C* at = cut.group > 1 ? center : mean + first;
  sum_columns<2>(
      tile, sums, [&](int64_t offset, Span<C> span, V<C> * sum) __attribute__((always_inline)) {
        const V<C> d = span.of(dy + offset);
        sum[0] = sum[0] + d;
        sum[1] = fma(d, span.of(x + offset) - span.of(at), sum[1]);
      });
  for (int64_t c = 0; c < channels; ++c) {
    out[first + c] = channel_sum(cut, sums, c);
    out[cut.channels + first + c] = channel_sum(cut, sums + kBlockColumns, c);
  }
}

// The operands of a batch normalisation's gradient.
template <class E>
struct BatchGrad {
  using C = Compute<E>;
  const E *dy, *x;
  const C *mean, *variance, *weight;
  E* dx;
  C *dweight, *dbias;
  double eps;
};

// dx = weight scale (dy - mean(dy) - hat mean(dy hat)) with hat = (x - mean) scale, as
// (dy weight scale - pull) - (x - mean) turn
template <class E, class C = Compute<E>>
void batch_norm_dx(Context& context, const Cut& cut, const TileEpilogue& epilogue, const BatchGrad<E>& grad) {
  C* memory = context.scratch<C>(0, 4 * cut.width);
  C *mean = memory, *scales = mean + cut.width, *pull = scales + cut.width, *turn = pull + cut.width;
  const double rows = static_cast<double>(cut.rows);
  for (int64_t c = 0; c < cut.channels; ++c) {
    const C scale = 1 / root(grad.variance[c] + static_cast<C>(grad.eps));
    mean[c] = grad.mean[c];
    scales[c] = grad.weight ? scale * grad.weight[c] : scale;
    pull[c] = scales[c] * static_cast<C>(static_cast<double>(grad.dbias[c]) / rows);
    turn[c] = scales[c] * scale * static_cast<C>(static_cast<double>(grad.dweight[c]) / rows);
  }
  repeat(cut, memory, 4);
  each_wide_vector<C>(context, cut, epilogue, [&](int64_t offset, Span<C> span) {
    const V<C> level = span.of(grad.dy + offset) * span.of(scales) - span.of(pull);
    const V<C> d = span.of(grad.x + offset) - span.of(mean);
    span.put(grad.dx + offset, fnma(d, span.of(turn), level));
  });
}

template <class E>
void run_batch_norm_grad(const Command& command, Context& context) {
  using C = Compute<E>;
  const auto& params = command.param<NormParams>();
  const Cut cut = cut_of(command[0].shape[0], command[0].shape[1]);
  int at = 7;
  const C* weight = next_if<C>(command, params.weight, at);
  const BatchGrad<E> grad{command[3].as<const E>(),
                          command[4].as<const E>(),
                          command[5].as<const C>(),
                          command[6].as<const C>(),
                          weight,
                          command[0].as<E>(),
                          command[1].as<C>(),
                          command[2].as<C>(),
                          params.eps};
  const TileEpilogue epilogue(command, context);
  double* parts = context.scratch<double>(0, most(1, cut.parts * 2 * cut.channels));
  parallel_items(context, cut.parts * cut.blocks, task_grain(kPartElements), [&](int64_t item, int) {
    const int64_t part = item / cut.blocks;
    part_grad_sums(cut, grad.dy, grad.x, grad.mean, part, item % cut.blocks, parts + 2 * part * cut.channels);
  });
  add_parts(context, parts, cut.parts, 2 * cut.channels, cut.channels, grad.dbias);
  add_parts(context, parts + cut.channels, cut.parts, 2 * cut.channels, cut.channels, grad.dweight);
  for (int64_t c = 0; c < cut.channels; ++c) {
    grad.dweight[c] *= 1 / root(grad.variance[c] + static_cast<C>(params.eps));
  }
  batch_norm_dx(context, cut, epilogue, grad);
}

// kept (1 - share) + fresh share; the variance of the batch is made unbiased before.
template <class T>
void run_batch_norm_update(const Command& command, double share, double correction) {
  T *mean = command[0].as<T>(), *variance = command[1].as<T>();
  const T *batch_mean = command[3].as<const T>(), *batch_variance = command[4].as<const T>();
  const T fresh = static_cast<T>(share), kept = static_cast<T>(1 - share);
  const T unbiased = static_cast<T>(share * correction);
  for (int64_t c = 0; c < command[0].size(); ++c) {
    mean[c] = kept * mean[c] + fresh * batch_mean[c];
    variance[c] = kept * variance[c] + unbiased * batch_variance[c];
  }
}

void batch_norm_update_kernel(const Command& command, Context&) {
  const auto& params = command.param<BatchNormUpdateParams>();
  double share = params.momentum;
  with_index(command[2].dtype, [&](auto tag) {
    const auto count = ++*command[2].as<typename decltype(tag)::type>();
    if (params.cumulative) share = 1 / static_cast<double>(count);
  });
  if (command[0].dtype == DType::kF64) {
    run_batch_norm_update<double>(command, share, params.correction);
  } else {
    run_batch_norm_update<float>(command, share, params.correction);
  }
}

void layer_norm_kernel(const Command& command, Context& context) {
  with_float(command[0].dtype,
             [&](auto tag) { run_layer_norm<typename decltype(tag)::type>(command, context); });
}

void layer_norm_grad_kernel(const Command& command, Context& context) {
  with_float(command[0].dtype,
             [&](auto tag) { run_layer_norm_grad<typename decltype(tag)::type>(command, context); });
}

void batch_norm_kernel(const Command& command, Context& context) {
  if (command[0].shape[1] == 0) return;
  with_float(command[0].dtype,
             [&](auto tag) { run_batch_norm<typename decltype(tag)::type>(command, context); });
}

void batch_norm_eval_kernel(const Command& command, Context& context) {
  if (command[0].size() == 0) return;
  with_float(command[0].dtype,
             [&](auto tag) { run_batch_norm_eval<typename decltype(tag)::type>(command, context); });
}

void batch_norm_grad_kernel(const Command& command, Context& context) {
  if (command[0].shape[1] == 0) return;
  with_float(command[0].dtype,
             [&](auto tag) { run_batch_norm_grad<typename decltype(tag)::type>(command, context); });
}

}  // namespace

void fill_norm() {
  kernels::layer_norm.cpu = &layer_norm_kernel;
  kernels::layer_norm_grad.cpu = &layer_norm_grad_kernel;
  kernels::batch_norm.cpu = &batch_norm_kernel;
  kernels::batch_norm_eval.cpu = &batch_norm_eval_kernel;
  kernels::batch_norm_grad.cpu = &batch_norm_grad_kernel;
  kernels::batch_norm_update.cpu = &batch_norm_update_kernel;
}

}  // namespace hebb::kernels::HEBB_ISA

// Recurrences: each step is one product with a packed weight, whose sums go through the gates while they are
// in the L1 cache.
#include "kernels/recurrent.h"

#include "kernels/cpu/recurrent_cells.h"
#include "stream/context.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

using stream::Command;
using stream::Context;

// Rows of [batch, extent] copied to rows `stride` apart whose ends are 0; from null, all are 0.
template <class T>
void spread_rows(T* to, int64_t stride, const T* from, int64_t batch, int64_t extent) {
  for (int64_t row = 0; row < batch; ++row) {
    for (int64_t i = 0; i < stride; ++i)
      to[row * stride + i] = from && i < extent ? from[row * extent + i] : T(0);
  }
}

// A weight [gates hidden, hidden] as matrices [matrices, k, units].
struct WeightView {
  int64_t shape[3], strides[3];
};

// Each gate's units are its rows.
WeightView forward_view(int64_t hidden, int64_t gates) {
  return {{gates, hidden, hidden}, {hidden * hidden, 1, hidden}};
}
WeightView backward_view(int64_t hidden, int64_t gates) {
  return {{1, gates * hidden, hidden}, {0, hidden, 1}};
}

// Room for `count` elements of states in the scratch memory of thread 0, and the weight in panels, behind
// them where they are not there yet.
template <class T>
PackedWeight<T> with_states(Context& context, const stream::Operand& weight, const WeightView& view,
                            int64_t count, T** states) {
  PackedWeight<T> panels{weight.as<T>(), view.shape[2], view.shape[0], view.shape[1]};
  *states = context.scratch<T>(0, count + (weight.in_panels ? 0 : panels.size()));
  if (weight.in_panels) return panels;
  panels.data = *states + count;
  panels.pack(context, weight.as<const T>(), view.strides[0], view.strides[1], view.strides[2]);
  return panels;
}

template <class T, class Cell>
struct Forward {
  static constexpr int kGates = Cell::kGates;
  // Of a tile: each row has its units gate by gate.
  static constexpr int kRowStep = kGates * kTileUnits<T>;

  SequenceShape n;
  Cell cell;
  PackedWeight<T> weight;
  const T *products, *bias;
  T *y, *last;
  int64_t stride;

  void store_tile(const StateTile& tile, int64_t step, const T* sums, const T* before, T* next) const {
    const int64_t first = tile.block * kTileUnits<T>, columns = weight.columns_in(tile.block);
    const int64_t ahead = n.reverse ? -1 : 1;
    for (int i = 0; i < tile.rows; ++i) {
      const int64_t row = tile.row + i;
      for_channels<T>(
          columns, [&](int64_t column, auto lanes) __attribute__((always_inline)) {
            const Place at = n.place(step, row, first + column);
            prefetch_step<kGates>(products, at, ahead);
            V<T> x[kGates], u[kGates];
#pragma GCC unroll 4
            for (int gate = 0; gate < kGates; ++gate) {
              x[gate] = lanes.load(products + at.in(kGates, gate));
              u[gate] = V<T>::load(sums + i * kRowStep + gate * kTileUnits<T> + column);
              if (bias) u[gate] = u[gate] + lanes.load(bias + gate * n.hidden + at.unit);
            }
            const V<T> h = cell.step(lanes, at, x, u, V<T>::load(before + row * stride + at.unit));
            lanes.store(h, y + at.in(1, 0));
            lanes.store(h, next + row * stride + at.unit);
            if (step == n.time - 1) lanes.store(h, last + at.state);
          });
    }
  }

  void all_steps(Context& context, T* states) const {
    for (int64_t step = 0; step < n.time; ++step) {
      const T* before = states + step % 2 * n.batch * stride;
      T* next = states + (step + 1) % 2 * n.batch * stride;
      each_tile(context, n.batch, weight, [&](const StateTile& tile) {
        alignas(64) T sums[kTileRows * kRowStep];
        for (int gate = 0; gate < kGates; ++gate) {
          multiply_panel(weight, before + tile.row * stride, stride, tile.rows, tile.block, gate,
                         sums + gate * kTileUnits<T>, kRowStep);
        }
        store_tile(tile, step, sums, before, next);
      });
    }
  }
};

// to = from, or 0 where there is none.
template <class T>
void start(T* to, const T* from, int64_t count) {
  for (int64_t i = 0; i < count; ++i) to[i] = from ? from[i] : T(0);
}

template <class T, class Cell>
void forward(const Command& command, Context& context) {
  const auto& params = command.param<RecurrentParams>();
  int next = 0;
  const auto take = [&](bool there) { return there ? command[next++].as<T>() : nullptr; };
  Kept<T> kept{take(params.saves), nullptr};
  const stream::Operand& y = command[next++];
  T* last = take(true);
  T* c = take(Cell::kHasCell);
  kept.other = take(params.saves);
  const T* products = params.saves ? kept.gates : take(true);
  const stream::Operand& packed = command[next++];
  const T* h0 = take(true);
  const T* c0 = take(Cell::kHasCell);
  const T* bias = take(params.has_bias);
  const SequenceShape n{y.shape[0], y.shape[1], y.shape[2], params.reverse};
  if (n.batch * n.hidden == 0) return;
  const int64_t stride = state_stride<T>(n.hidden);
  T* states;
  const WeightView view = forward_view(n.hidden, Cell::kGates);
  const auto weight = with_states(context, packed, view, 2 * n.batch * stride, &states);
  spread_rows(states, stride, h0, n.batch, n.hidden);
  spread_rows<T>(states + n.batch * stride, stride, nullptr, n.batch, n.hidden);
  if (Cell::kHasCell) start(c, c0, n.batch * n.hidden);
  const Forward<T, Cell> run{n, Cell(params, kept, c), weight, products, bias, y.as<T>(), last, stride};
  run.all_steps(context, states);
}

template <class T, class Cell>
struct Backward {
  static constexpr int kGates = Cell::kGates;

  SequenceShape n;
  Cell cell;
  PackedWeight<T> weight;
  const T* dy;
  T *d, *dh;  // dh: that of h0, and on the way what reaches each h past the product
  int64_t stride;

  // The gradients of the step-th products; those of h also go to `next`, which the step before multiplies.
  void store_tile(const StateTile& tile, int64_t step, const T* sums, T* next) const {
    const int64_t first = tile.block * kTileUnits<T>, columns = weight.columns_in(tile.block);
    const int64_t ahead = n.reverse ? 1 : -1;
    for (int i = 0; i < tile.rows; ++i) {
      const int64_t row = tile.row + i;
      for_channels<T>(
          columns, [&](int64_t column, auto lanes) __attribute__((always_inline)) {
            const Place at = n.place(step, row, first + column);
            V<T> total = lanes.load(dh + at.state);
            if (sums) total = total + V<T>::load(sums + i * kTileUnits<T> + column);
            if (step < 0) return lanes.store(total, dh + at.state);
            cell.prefetch(at, ahead);
            if (dy) {
              prefetch_step<1>(dy, at, ahead);
              total = total + lanes.load(dy + at.in(1, 0));
            }
            V<T> of_x[kGates], of_h[kGates];
            lanes.store(cell.grad(lanes, at, total, of_x, of_h), dh + at.state);
#pragma GCC unroll 4
            for (int gate = 0; gate < kGates; ++gate) {
              lanes.store(of_x[gate], d + at.in(kGates, gate));
              lanes.store(of_h[gate], next + row * stride + gate * n.hidden + at.unit);
            }
          });
    }
  }

  void all_steps(Context& context, T* states) const {
    for (int64_t step = n.time - 1; step >= -1; --step) {
      const T* after = states + (step + 2) % 2 * n.batch * stride;
      T* next = states + (step + 1) % 2 * n.batch * stride;
      each_tile(context, n.batch, weight, [&](const StateTile& tile) {
        alignas(64) T sums[kTileRows * kTileUnits<T>];
        const bool is_last = step == n.time - 1;
        if (!is_last) {
          multiply_panel(weight, after + tile.row * stride, stride, tile.rows, tile.block, 0, sums,
                         kTileUnits<T>);
        }
        store_tile(tile, step, is_last ? nullptr : sums, next);
      });
    }
  }
};

template <class T, class Cell>
void backward(const Command& command, Context& context) {
  const auto& params = command.param<RecurrentParams>();
  const stream::Operand& d = command[0];
  const SequenceShape n{d.shape[0], d.shape[1], d.shape[2] / Cell::kGates, params.reverse};
  if (n.batch * n.hidden == 0) return;
  constexpr int kWeight = Cell::kOutputs;
  int next = kWeight + Cell::kInputs;
  const T* dy = params.has_dy ? command[next++].as<T>() : nullptr;
  start(command[1].as<T>(), params.has_dh ? command[next++].as<T>() : nullptr, n.batch * n.hidden);
  const int64_t depth = Cell::kGates * n.hidden, stride = state_stride<T>(depth);
  if constexpr (Cell::kHasCell) {
    start(command[2].as<T>(), params.has_dc ? command[next++].as<T>() : nullptr, n.batch * n.hidden);
  }
  T* states;
  const WeightView view = backward_view(n.hidden, Cell::kGates);
  const auto weight = with_states(context, command[kWeight], view, 2 * n.batch * stride, &states);
  const Backward<T, Cell> run{n, Cell(command), weight, dy, d.as<T>(), command[1].as<T>(), stride};
  run.all_steps(context, states);
}

template <class F>
void with_type(const Command& command, F&& f) {
  if (command[0].dtype == DType::kF64) {
    f(double{});
  } else {
    f(float{});
  }
}

template <template <class> class Cell>
void sequence_kernel(const Command& command, Context& context) {
  with_type(command, [&](auto zero) {
    using T = decltype(zero);
    forward<T, Cell<T>>(command, context);
  });
}

template <template <class> class Cell>
void grad_kernel(const Command& command, Context& context) {
  with_type(command, [&](auto zero) {
    using T = decltype(zero);
    backward<T, Cell<T>>(command, context);
  });
}

// The weight of h as every step reads it.
template <bool kForward>
stream::Packing sequence_packing(const Command& command) {
  const int weight = sequence_weight(command, kForward);
  const int64_t hidden = command[weight].shape[1], gates = command[weight].shape[0] / hidden;
  const WeightView view = kForward ? forward_view(hidden, gates) : backward_view(hidden, gates);
  const int64_t rows = command[0].shape[0] * command[0].shape[1];
  return tile::packing_of(command, weight, rows, view.shape, view.strides);
}

void fill_slots(stream::Slot& forward, stream::Kernel kernel, stream::Slot& gradient, stream::Kernel back) {
  forward.cpu = kernel;
  forward.packing = &sequence_packing<true>;
  gradient.cpu = back;
  gradient.packing = &sequence_packing<false>;
}

}  // namespace

void fill_recurrent() {
  fill_slots(rnn_sequence, &sequence_kernel<RnnCell>, rnn_sequence_grad, &grad_kernel<RnnCellGrad>);
  fill_slots(lstm_sequence, &sequence_kernel<LstmCell>, lstm_sequence_grad, &grad_kernel<LstmCellGrad>);
  fill_slots(gru_sequence, &sequence_kernel<GruCell>, gru_sequence_grad, &grad_kernel<GruCellGrad>);
}

}  // namespace hebb::kernels::HEBB_ISA

// Recurrences step by step: one product with a weight that is packed once, whose sums go through the gates
// while they are in the L1 cache.
//
// A Product has the weight and the states that it is multiplied with; those of step s are where state(s)
// says:
//
//   Product(context, weight, view, batch);  product.start(h0);     // h0 [batch, depth] or null, as step 0
//   product.multiply(session, s, tile, gates, sums, row_step);     // states of s times the units of a tile
//   product.keep(lanes, value, s, row, k);                         // element k of a row's state
#pragma once

#include "kernels/cpu/recurrent_cells.h"
#include "stream/context.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

using stream::Command;
using stream::Context;

template <class T, class Cell, class Product>
struct Forward {
  static constexpr int kGates = Cell::kGates;
  // Of a tile: each row has its units gate by gate.
  static constexpr int kRowStep = kGates * kTileUnits<T>;

  SequenceShape n;
  Cell cell;
  const Product& product;
  const T *products, *bias;
  T *y, *last;

  void store_tile(const StateTile& tile, int64_t step, const T* sums) const {
    const int64_t first = tile.block * kTileUnits<T>, columns = product.columns_in(tile.block);
    const T* before = product.state(step);
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
            const V<T> h = cell.step(lanes, at, x, u, V<T>::load(before + row * product.stride() + at.unit));
            lanes.store(h, y + at.in(1, 0));
            product.keep(lanes, h, step + 1, row, at.unit);
            if (step == n.time - 1) lanes.store(h, last + at.state);
          });
    }
  }

  void all_steps(Context& context) const {
    for (int64_t step = 0; step < n.time; ++step) {
      each_tile(context, n.batch, product, [&](const StateTile& tile, auto& session) {
        alignas(64) T sums[Product::kRows * kRowStep];
        product.multiply(session, step, tile, kGates, sums, kRowStep);
        store_tile(tile, step, sums);
      });
    }
  }
};

// to = from, or 0 where there is none.
template <class T>
void start(T* to, const T* from, int64_t count) {
  for (int64_t i = 0; i < count; ++i) to[i] = from ? from[i] : T(0);
}

template <class T, class Cell, class Product>
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
  const Product product(context, packed, forward_view(n.hidden, Cell::kGates), n.batch);
  product.start(h0);
  if (Cell::kHasCell) start(c, c0, n.batch * n.hidden);
  const Forward<T, Cell, Product> run{n, Cell(params, kept, c), product, products, bias, y.as<T>(), last};
  run.all_steps(context);
}

template <class T, class Cell, class Product>
struct Backward {
  static constexpr int kGates = Cell::kGates;

  SequenceShape n;
  Cell cell;
  const Product& product;
  const T* dy;
  T *d, *dh;  // dh: that of h0, and on the way what reaches each h past the product

  // The gradients of the step-th products; those of h are also kept, for the step before to multiply.
  void store_tile(const StateTile& tile, int64_t step, const T* sums) const {
    const int64_t first = tile.block * kTileUnits<T>, columns = product.columns_in(tile.block);
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
              product.keep(lanes, of_h[gate], step + 1, row, gate * n.hidden + at.unit);
            }
          });
    }
  }

  void all_steps(Context& context) const {
    for (int64_t step = n.time - 1; step >= -1; --step) {
      each_tile(context, n.batch, product, [&](const StateTile& tile, auto& session) {
        alignas(64) T sums[Product::kRows * kTileUnits<T>];
        const bool is_last = step == n.time - 1;
        if (!is_last) product.multiply(session, step + 2, tile, 1, sums, kTileUnits<T>);
        store_tile(tile, step, is_last ? nullptr : sums);
      });
    }
  }
};

template <class T, class Cell, class Product>
void backward(const Command& command, Context& context) {
  const auto& params = command.param<RecurrentParams>();
  const stream::Operand& d = command[0];
  const SequenceShape n{d.shape[0], d.shape[1], d.shape[2] / Cell::kGates, params.reverse};
  if (n.batch * n.hidden == 0) return;
  constexpr int kWeight = Cell::kOutputs;
  int next = kWeight + Cell::kInputs;
  const T* dy = params.has_dy ? command[next++].as<T>() : nullptr;
  start(command[1].as<T>(), params.has_dh ? command[next++].as<T>() : nullptr, n.batch * n.hidden);
  if constexpr (Cell::kHasCell) {
    start(command[2].as<T>(), params.has_dc ? command[next++].as<T>() : nullptr, n.batch * n.hidden);
  }
  const Product product(context, command[kWeight], backward_view(n.hidden, Cell::kGates), n.batch);
  product.start(nullptr);
  const Backward<T, Cell, Product> run{n, Cell(command), product, dy, d.as<T>(), command[1].as<T>()};
  run.all_steps(context);
}

}  // namespace
}  // namespace hebb::kernels::HEBB_ISA

// The gates of RNN, LSTM and GRU on vectors of hidden units: a step, and its gradient.
//
// A cell is given the products of x and of h for each gate, at a place; it reads and writes what else it
// keeps. step() returns the new h. grad() is given dh and writes d, the gradient of the x products, and u,
// that of the h products; it returns what of dh reaches the h before past the product.
#pragma once

#include "kernels/cpu/lanes.h"
#include "kernels/cpu/recurrent_product.h"
#include "kernels/cpu/simd_math.h"
#include "kernels/recurrent.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

// One vector of units at one step of one row.
struct Place {
  int64_t state;     // of [batch, hidden]
  int64_t step;      // row * time + t
  int64_t previous;  // the same for the step before, -1 at the first
  int64_t unit, hidden;

  HEBB_INLINE int64_t in(int64_t parts, int64_t part) const { return (step * parts + part) * hidden + unit; }
  HEBB_INLINE int64_t before() const { return previous * hidden + unit; }
};

// Asks for the values of a step of [batch, time, parts hidden], `ahead` steps from this one. Rows lie too far
// apart for the hardware to see which comes next.
template <int kParts, class T>
HEBB_INLINE void prefetch_step(const T* p, const Place& at, int64_t ahead) {
#pragma GCC unroll 4
  for (int part = 0; part < kParts; ++part)
    __builtin_prefetch(p + at.in(kParts, part) + ahead * kParts * at.hidden, 0, 2);
}

struct SequenceShape {
  int64_t batch, time, hidden;
  bool reverse;

  // The step-th step of the recurrence, for one row.
  HEBB_INLINE Place place(int64_t step, int64_t row, int64_t unit) const {
    const int64_t t = reverse ? time - 1 - step : step, before = reverse ? t + 1 : t - 1;
    return {row * hidden + unit, row * time + t, step == 0 ? -1 : row * time + before, unit, hidden};
  }
};

// Where a forward step leaves what its gradient needs: null where there will be none.
template <class T>
struct Kept {
  T* gates;  // [batch, time, gates hidden], over the products
  T* other;  // [batch, time, hidden]
};

// dx of y = sigmoid(x), and of y = tanh(x).
template <class T>
HEBB_INLINE V<T> sigmoid_slope(V<T> y) {
  return y * (V<T>(T(1)) - y);
}
template <class T>
HEBB_INLINE V<T> tanh_slope(V<T> y) {
  return (V<T>(T(1)) - y) * (V<T>(T(1)) + y);
}

template <class T>
struct RnnCell {
  static constexpr int kGates = 1;
  static constexpr bool kHasCell = false;
  bool relu;

  RnnCell(const RecurrentParams& params, Kept<T>, T*) : relu(params.relu) {}

  template <class Lanes>
  HEBB_INLINE V<T> step(Lanes, const Place&, const V<T>* x, const V<T>* u, V<T>) const {
    const V<T> z = x[0] + u[0];
    return relu ? select(z < V<T>::zero(), V<T>::zero(), z) : tanh(z);
  }
};

template <class T>
struct RnnCellGrad {
  static constexpr int kGates = 1;
  static constexpr int kOutputs = 2, kInputs = 2;
  static constexpr bool kHasCell = false;
  bool relu;
  const T* y;

  explicit RnnCellGrad(const stream::Command& command)
      : relu(command.param<RecurrentParams>().relu), y(command[3].as<T>()) {}

  HEBB_INLINE void prefetch(const Place& at, int64_t ahead) const { prefetch_step<1>(y, at, ahead); }

  template <class Lanes>
  HEBB_INLINE V<T> grad(Lanes lanes, const Place& at, V<T> dh, V<T>* d, V<T>* u) const {
    const V<T> h = lanes.load(y + at.in(1, 0));
    d[0] = u[0] = relu ? select(h > V<T>::zero(), dh, V<T>::zero()) : dh * tanh_slope(h);
    return V<T>::zero();
  }
};

// c' = f c + i g, h' = o tanh(c')
template <class T>
struct LstmCell {
  static constexpr int kGates = 4;
  static constexpr bool kHasCell = true;
  Kept<T> kept;
  T* c;  // that of the last step, and on the way that of each

  LstmCell(const RecurrentParams&, Kept<T> room, T* last) : kept(room), c(last) {}

  template <class Lanes>
  HEBB_INLINE V<T> step(Lanes lanes, const Place& at, const V<T>* x, const V<T>* u, V<T>) const {
    const V<T> i = sigmoid(x[0] + u[0]), f = sigmoid(x[1] + u[1]);
    const V<T> g = tanh(x[2] + u[2]), o = sigmoid(x[3] + u[3]);
    const V<T> next = fma(f, lanes.load(c + at.state), i * g);
    lanes.store(next, c + at.state);
    if (kept.gates) {
      lanes.store(i, kept.gates + at.in(kGates, 0));
      lanes.store(f, kept.gates + at.in(kGates, 1));
      lanes.store(g, kept.gates + at.in(kGates, 2));
      lanes.store(o, kept.gates + at.in(kGates, 3));
      lanes.store(next, kept.other + at.in(1, 0));
    }
    return o * tanh(next);
  }
};

template <class T>
struct LstmCellGrad {
  static constexpr int kGates = 4;
  static constexpr int kOutputs = 3, kInputs = 4;
  static constexpr bool kHasCell = true;
  T* dc;  // that of c0, and on the way that of each c
  const T *gates, *cells, *c0;

  explicit LstmCellGrad(const stream::Command& command)
      : dc(command[2].as<T>()),
        gates(command[4].as<T>()),
        cells(command[5].as<T>()),
        c0(command[6].as<T>()) {}

  // Asks for what the step before reads, `ahead` of this one.
  HEBB_INLINE void prefetch(const Place& at, int64_t ahead) const {
    prefetch_step<kGates>(gates, at, ahead);
    prefetch_step<1>(cells, at, 2 * ahead);
  }

  template <class Lanes>
  HEBB_INLINE V<T> grad(Lanes lanes, const Place& at, V<T> dh, V<T>* d, V<T>* u) const {
    const V<T> i = lanes.load(gates + at.in(kGates, 0)), f = lanes.load(gates + at.in(kGates, 1));
    const V<T> g = lanes.load(gates + at.in(kGates, 2)), o = lanes.load(gates + at.in(kGates, 3));
    const V<T> tanh_c = tanh(lanes.load(cells + at.in(1, 0)));
    const V<T> before = lanes.load(at.previous < 0 ? c0 + at.state : cells + at.before());
    const V<T> total = fma(dh * o, tanh_slope(tanh_c), lanes.load(dc + at.state));
    d[0] = total * g * sigmoid_slope(i);
    d[1] = total * before * sigmoid_slope(f);
    d[2] = total * i * tanh_slope(g);
    d[3] = dh * tanh_c * sigmoid_slope(o);
    for (int gate = 0; gate < kGates; ++gate) u[gate] = d[gate];
    lanes.store(total * f, dc + at.state);
    return V<T>::zero();
  }
};

// n = tanh(x_n + r u_n), h' = (1 - z) n + z h
template <class T>
struct GruCell {
  static constexpr int kGates = 3;
  static constexpr bool kHasCell = false;
  Kept<T> kept;

  GruCell(const RecurrentParams&, Kept<T> room, T*) : kept(room) {}

  template <class Lanes>
  HEBB_INLINE V<T> step(Lanes lanes, const Place& at, const V<T>* x, const V<T>* u, V<T> h) const {
    const V<T> r = sigmoid(x[0] + u[0]), z = sigmoid(x[1] + u[1]);
    const V<T> n = tanh(fma(r, u[2], x[2]));
    if (kept.gates) {
      lanes.store(r, kept.gates + at.in(kGates, 0));
      lanes.store(z, kept.gates + at.in(kGates, 1));
      lanes.store(n, kept.gates + at.in(kGates, 2));
      lanes.store(u[2], kept.other + at.in(1, 0));
    }
    return fma(z, h - n, n);
  }
};

template <class T>
struct GruCellGrad {
  static constexpr int kGates = 3;
  static constexpr int kOutputs = 3, kInputs = 5;
  static constexpr bool kHasCell = false;
  T* du;
  const T *gates, *products, *y, *h0;

  explicit GruCellGrad(const stream::Command& command)
      : du(command[2].as<T>()),
        gates(command[4].as<T>()),
        products(command[5].as<T>()),
        y(command[6].as<T>()),
        h0(command[7].as<T>()) {}

  HEBB_INLINE void prefetch(const Place& at, int64_t ahead) const {
    prefetch_step<kGates>(gates, at, ahead);
    prefetch_step<1>(products, at, ahead);
    prefetch_step<1>(y, at, 2 * ahead);
  }

  template <class Lanes>
  HEBB_INLINE V<T> grad(Lanes lanes, const Place& at, V<T> dh, V<T>* d, V<T>* u) const {
    const V<T> r = lanes.load(gates + at.in(kGates, 0)), z = lanes.load(gates + at.in(kGates, 1));
    const V<T> n = lanes.load(gates + at.in(kGates, 2)), product = lanes.load(products + at.in(1, 0));
    const V<T> before = lanes.load(at.previous < 0 ? h0 + at.state : y + at.before());
    d[2] = dh * (V<T>(T(1)) - z) * tanh_slope(n);
    d[0] = u[0] = d[2] * product * sigmoid_slope(r);
    d[1] = u[1] = dh * (before - n) * sigmoid_slope(z);
    u[2] = d[2] * r;
    for (int gate = 0; gate < kGates; ++gate) lanes.store(u[gate], du + at.in(kGates, gate));
    return dh * z;
  }
};

}  // namespace
}  // namespace hebb::kernels::HEBB_ISA

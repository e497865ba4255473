// The recurrence of RNN, LSTM and GRU over whole sequences, and what its gradient needs of every step.
//
// G gates: 1, 4 (i, f, g, o) or 3 (r, z, n). `products` [batch, time, G hidden] are x W_ih^T + b_ih of all
// steps; weight [G hidden, hidden] and bias [G hidden] are those of h. Everything is contiguous and of one
// dtype, f32 or f64. Operands marked ? are there where the parameters say so.
//
// Where the gradient will need them, a step leaves its gates, after their sigmoid or tanh, where their
// products were: what is kept of a sequence takes no memory of its own, and no further line of the cache.
#pragma once

#include "kernels/gemm.h"
#include "stream/command.h"

namespace hebb::kernels {

struct RecurrentParams {
  bool reverse;   // the last step comes first
  bool relu;      // of the plain RNN, instead of tanh
  bool has_bias;  // forward: there is a bias
  bool saves;     // forward: products are updated to gates, and `kept` is written
  bool has_dy;    // gradient: that of y is given
  bool has_dh;    // gradient: that of the last h is given
  bool has_dc;    // gradient: that of the last c is given
  int64_t precision = kPrecisionF32;
};

// `gates` are updated products and stand in their place; kept is [batch, time, hidden].
//
// y [batch, time, hidden], h [batch, hidden]; products, weight, h0, bias?
extern stream::Slot rnn_sequence;
// gates?, y, h, c [batch, hidden], kept? (c of each step); products (no gates), weight, h0, c0, bias?
extern stream::Slot lstm_sequence;
// gates?, y, h, kept? (the h part of n before r); products (no gates), weight, h0, bias?
extern stream::Slot gru_sequence;

// d [batch, time, G hidden] is the gradient of `products`; it may lie where the gates lie.
// d, dh0; weight, y, dy?, dh?
extern stream::Slot rnn_sequence_grad;
// d, dh0, dc0; weight, gates, kept, c0, dy?, dh?, dc?
extern stream::Slot lstm_sequence_grad;
// d, dh0, du [batch, time, 3 hidden] (of h W_hh^T + b_hh); weight, gates, kept, y, h0, dy?, dh?
extern stream::Slot gru_sequence_grad;

// Where the weight stands among the operands.
inline int sequence_weight(const stream::Command& command, bool forward) {
  int at = 0;
  while (command[at].role != stream::Role::kIn) ++at;
  return forward && !command.param<RecurrentParams>().saves ? at + 1 : at;
}

}  // namespace hebb::kernels

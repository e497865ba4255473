// RNN, LSTM and GRU over whole sequences: the products of x for all steps in one GEMM, the recurrence in one
// kernel, and backward one kernel for all steps, then the gradients of the weights as GEMMs.
#include "ops/recurrent.h"

#include "autograd/engine.h"
#include "kernels/recurrent.h"
#include "ops/elementwise.h"
#include "ops/environment.h"
#include "ops/families.h"
#include "ops/matmul.h"
#include "ops/reduce.h"
#include "ops/shape.h"

namespace hebb::ops {

namespace {

using kernels::RecurrentParams;

// The h and, of an LSTM, the c of one step.
struct StepState {
  Tensor h, c;
};

// What the three ops differ in.
struct Cell {
  const char* op;
  int64_t gates;
  bool keeps;  // gates, and another value of each unit and step, for the gradient
  const stream::Slot& forward;
  const stream::Slot& backward;
  // One step in plain ops; `x` and `u` are the products of x and of h.
  StepState (*step)(const Tensor& x, const Tensor& u, const StepState& before, bool relu);
};

// The operands of one call, of one float dtype; c0 and the biases may be undefined.
struct Sequence {
  Tensor x, h0, c0, weight_ih, weight_hh, bias_ih, bias_hh;
  bool reverse, relu;

  int64_t batch() const { return x.shape()[0]; }
  int64_t time() const { return x.shape()[1]; }
  int64_t hidden() const { return h0.shape()[1]; }
  std::vector<Tensor> inputs() const { return {x, h0, c0, weight_ih, weight_hh, bias_ih, bias_hh}; }
  RecurrentParams params() const {
    return {reverse, relu, bias_hh.defined(), false, false, false, false, Environment::current().precision()};
  }
};

std::optional<Tensor> given(const Tensor& x) { return x ? std::optional<Tensor>(x) : std::nullopt; }

StepState rnn_step(const Tensor& x, const Tensor& u, const StepState&, bool nonlinear_relu) {
  const Tensor z = add(x, u);
  return {nonlinear_relu ? relu(z) : tanh(z), {}};
}

StepState lstm_step(const Tensor& x, const Tensor& u, const StepState& before, bool) {
  const std::vector<Tensor> z = chunk(add(x, u), 4, -1);
  const Tensor c = add(mul(sigmoid(z[1]), before.c), mul(sigmoid(z[0]), tanh(z[2])));
  return {mul(sigmoid(z[3]), tanh(c)), c};
}

StepState gru_step(const Tensor& x, const Tensor& u, const StepState& before, bool) {
  const std::vector<Tensor> a = chunk(x, 3, -1), b = chunk(u, 3, -1);
  const Tensor r = sigmoid(add(a[0], b[0])), z = sigmoid(add(a[1], b[1]));
  const Tensor n = tanh(add(a[2], mul(r, b[2])));
  return {add(n, mul(z, sub(before.h, n))), {}};
}

const Cell kRnn{"rnn", 1, false, kernels::rnn_sequence, kernels::rnn_sequence_grad, &rnn_step};
const Cell kLstm{"lstm", 4, true, kernels::lstm_sequence, kernels::lstm_sequence_grad, &lstm_step};
const Cell kGru{"gru", 3, true, kernels::gru_sequence, kernels::gru_sequence_grad, &gru_step};

// The op in plain ops, step by step: what second derivatives come from, and what runs where no kernel is.
std::vector<Tensor> unrolled(const Cell& cell, const Sequence& s) {
  const Tensor products = linear(s.x, s.weight_ih, given(s.bias_ih), "none");
  const auto steps = static_cast<size_t>(s.time());
  const std::vector<Tensor> parts = split(products, std::vector<int64_t>(steps, 1), 1);
  std::vector<Tensor> ys(steps);
  StepState state{s.h0, s.c0};
  for (size_t i = 0; i < steps; ++i) {
    const size_t t = s.reverse ? steps - 1 - i : i;
    const Tensor x = reshape(parts[t], {s.batch(), cell.gates * s.hidden()});
    state = cell.step(x, linear(state.h, s.weight_hh, given(s.bias_hh), "none"), state, s.relu);
    ys[t] = state.h;
  }
  std::vector<Tensor> results{stack(ys, 1), state.h};
  if (state.c) results.push_back(state.c);
  return results;
}

// x itself, as a place of its own in the tape.
Tensor passed(const Tensor& x) {
  if (!wants(x)) return x;
  return record(x.detached(), {x}, [](const Tensor& dy) { return Grads{dy}; });
}

// The gradients by every input as functions of the inputs and of dys, to be differentiated again.
Grads plain_grads(const Cell& cell, const Sequence& s, const Grads& dys) {
  // An input may come from another step of the same weights: only what happens in here counts.
  const Sequence own{passed(s.x),         passed(s.h0),        passed(s.c0),
                     passed(s.weight_ih), passed(s.weight_hh), passed(s.bias_ih),
                     passed(s.bias_hh),   s.reverse,           s.relu};
  const std::vector<Tensor> results = unrolled(cell, own);
  Tensor total;
  for (size_t i = 0; i < results.size(); ++i) {
    if (!dys[i]) continue;
    const Tensor part = sum(mul(results[i], dys[i]), {}, false);
    total = total ? add(total, part) : part;
  }
  std::vector<Tensor> targets;
  for (const Tensor& input : own.inputs()) {
    if (wants(input)) targets.push_back(input);
  }
  const Grads found = autograd::gradients(total, {}, targets, {.create_graph = true});
  Grads grads;
  size_t next = 0;
  for (const Tensor& input : own.inputs()) grads.push_back(wants(input) ? found[next++] : Tensor());
  return grads;
}

// The h that each step began with, [batch time, hidden]: y moved by a step, with h0 at the free end.
Tensor states_before(const Sequence& s, const Tensor& y) {
  if (s.time() == 1) return s.h0;
  const Tensor first = expand_dims(s.h0, 1);
  const int64_t last = s.time() - 1;
  const Tensor all = s.reverse ? concat({slice(y, {0, 1}, {s.batch(), s.time()}), first}, 1)
                               : concat({first, slice(y, {0, 0}, {s.batch(), last})}, 1);
  return reshape(all, {s.batch() * s.time(), s.hidden()});
}

// The gradients of the products of x and of h, both [batch, time, gates hidden], and of the first states.
struct StepGrads {
  Tensor x, h, h0, c0;
};

// What a forward pass leaves for the gradient; undefined for a cell that needs y alone.
struct Kept {
  Tensor gates, other;
};

StepGrads step_grads(const Cell& cell, const Sequence& s, const Kept& kept, const Grads& dys,
                     const Tensor& y) {
  const DType dtype = s.x.dtype();
  const Shape shape{s.batch(), s.time(), cell.gates * s.hidden()};
  StepGrads g{empty(dtype, shape), {}, empty(dtype, s.h0.shape()), {}};
  RecurrentParams params = s.params();
  params.has_dy = dys[0].defined();
  params.has_dh = dys[1].defined();
  std::vector<Tensor> outputs{g.x, g.h0}, inputs{s.weight_hh};
  if (s.c0) {
    g.c0 = empty(dtype, s.c0.shape());
    g.h = g.x;
    params.has_dc = dys[2].defined();
    outputs.push_back(g.c0);
    inputs.insert(inputs.end(), {kept.gates, kept.other, s.c0, dys[0], dys[1], dys[2]});
  } else if (cell.keeps) {
    g.h = empty(dtype, shape);
    outputs.push_back(g.h);
    inputs.insert(inputs.end(), {kept.gates, kept.other, y, s.h0, dys[0], dys[1]});
  } else {
    g.h = g.x;
    inputs.insert(inputs.end(), {y, dys[0], dys[1]});
  }
  submit(cell.backward, outputs, inputs, params);
  return g;
}

Grads fused_grads(const Cell& cell, const Sequence& s, const Kept& kept, const Grads& dys, const Tensor& y) {
  const StepGrads g = step_grads(cell, s, kept, dys, y);
  const int64_t rows = s.batch() * s.time(), width = cell.gates * s.hidden();
  const Tensor dx = reshape(g.x, {rows, width}), dh = reshape(g.h, {rows, width});
  const Tensor x = reshape(s.x, {rows, s.x.shape()[2]});
  const bool same = g.x.storage() == g.h.storage();
  Grads grads(7);
  if (wants(s.x)) grads[0] = matmul(g.x, s.weight_ih);
  if (wants(s.h0)) grads[1] = g.h0;
  if (wants(s.c0)) grads[2] = g.c0;
  if (wants(s.weight_ih)) grads[3] = matmul(swap_axes(dx, 0, 1), x);
  if (wants(s.weight_hh)) grads[4] = matmul(swap_axes(dh, 0, 1), states_before(s, y));
  if (wants(s.bias_ih)) grads[5] = sum(dx, over(0), false);
  if (wants(s.bias_hh)) grads[6] = same && grads[5] ? grads[5] : sum(dh, over(0), false);
  return grads;
}

std::vector<Tensor> run(const Cell& cell, const Sequence& s) {
  if (cell.forward.cpu == nullptr) return unrolled(cell, s);
  const DType dtype = s.x.dtype();
  RecurrentParams params = s.params();
  params.saves = cell.keeps && autograd::grad_enabled() && autograd::any_requires_grad(s.inputs());
  Tensor products;
  {
    const autograd::GradMode off(false);
    products = linear(s.x, s.weight_ih, given(s.bias_ih), "none");
  }
  std::vector<Tensor> results{empty(dtype, {s.batch(), s.time(), s.hidden()}), empty(dtype, s.h0.shape())};
  if (s.c0) results.push_back(empty(dtype, s.c0.shape()));
  Kept kept;
  if (params.saves) {
    // Nobody else has seen the products: the gates take their memory.
    kept = {products, empty(dtype, {s.batch(), s.time(), s.hidden()})};
    std::vector<Tensor> outputs = results;
    outputs.push_back(kept.other);
    submit_update(cell.forward, {products}, outputs, {s.weight_hh, s.h0, s.c0, s.bias_hh},
                  {&params, sizeof params});
  } else {
    submit(cell.forward, results, {products, s.weight_hh, s.h0, s.c0, s.bias_hh}, params);
  }
  return record_many(results, s.inputs(), [&cell, s, kept](const Grads& dys, const std::vector<Tensor>& ys) {
    return autograd::grad_enabled() ? plain_grads(cell, s, dys) : fused_grads(cell, s, kept, dys, ys[0]);
  });
}

void check_shape(const Cell& cell, const char* name, const Tensor& got, const Shape& wanted,
                 const Sequence& s) {
  if (!got || got.shape() == wanted) return;
  shape_error(cell.op, std::string(name) + " has shape " + got.shape().text() + "; with x " +
                           s.x.shape().text() +
                           text(" and %lld hidden units it must be ", static_cast<long long>(s.hidden())) +
                           wanted.text());
}

void check(const Cell& cell, const Sequence& s) {
  if (s.x.rank() != 3) {
    shape_error(cell.op, "x has shape " + s.x.shape().text() + "; use [batch, time, features]");
  }
  if (s.time() == 0) {
    shape_error(cell.op, "x has shape " + s.x.shape().text() + "; use one time step or more");
  }
  if (s.h0.rank() != 2) {
    shape_error(cell.op, "h0 has shape " + s.h0.shape().text() + "; use [batch, hidden]");
  }
  const int64_t hidden = s.hidden(), features = s.x.shape()[2];
  int64_t rows;
  if (__builtin_mul_overflow(cell.gates, hidden, &rows)) rows = INT64_MAX;
  check_shape(cell, "h0", s.h0, {s.batch(), hidden}, s);
  check_shape(cell, "c0", s.c0, {s.batch(), hidden}, s);
  check_shape(cell, "weightIh", s.weight_ih, {rows, features}, s);
  check_shape(cell, "weightHh", s.weight_hh, {rows, hidden}, s);
  check_shape(cell, "biasIh", s.bias_ih, {rows}, s);
  check_shape(cell, "biasHh", s.bias_hh, {rows}, s);
}

// Half types are computed in f32; the results have the promoted dtype.
std::vector<Tensor> checked(const Cell& cell, const Sequence& s) {
  check(cell, s);
  DType dtype = s.x.dtype();
  for (const Tensor& input : s.inputs()) {
    if (input) dtype = promote(dtype, input.dtype());
  }
  const DType compute = compute_type(dtype);
  const auto as = [](const Tensor& x, DType wanted) { return x ? cast(x, wanted) : x; };
  const Sequence own{as(s.x, compute), as(s.h0, compute), as(s.c0, compute),
                     // Thin products sum in an order that follows the layout of the weight: it has one here.
                     contiguous(as(s.weight_ih, compute)), as(s.weight_hh, compute), as(s.bias_ih, compute),
                     as(s.bias_hh, compute), s.reverse, s.relu};
  std::vector<Tensor> results = run(cell, own);
  for (Tensor& y : results) y = cast(y, dtype);
  return results;
}

}  // namespace

std::vector<Tensor> rnn(const Tensor& x, const Tensor& h0, const Tensor& weight_ih, const Tensor& weight_hh,
                        const std::optional<Tensor>& bias_ih, const std::optional<Tensor>& bias_hh,
                        const std::string& nonlinearity, bool reverse) {
  return checked(kRnn, {x, h0, Tensor(), weight_ih, weight_hh, bias_ih.value_or(Tensor()),
                        bias_hh.value_or(Tensor()), reverse, nonlinearity == "relu"});
}

std::vector<Tensor> lstm(const Tensor& x, const Tensor& h0, const Tensor& c0, const Tensor& weight_ih,
                         const Tensor& weight_hh, const std::optional<Tensor>& bias_ih,
                         const std::optional<Tensor>& bias_hh, bool reverse) {
  return checked(kLstm, {x, h0, c0, weight_ih, weight_hh, bias_ih.value_or(Tensor()),
                         bias_hh.value_or(Tensor()), reverse, false});
}

std::vector<Tensor> gru(const Tensor& x, const Tensor& h0, const Tensor& weight_ih, const Tensor& weight_hh,
                        const std::optional<Tensor>& bias_ih, const std::optional<Tensor>& bias_hh,
                        bool reverse) {
  return checked(kGru, {x, h0, Tensor(), weight_ih, weight_hh, bias_ih.value_or(Tensor()),
                        bias_hh.value_or(Tensor()), reverse, false});
}

std::vector<OpSpec> recurrent_ops() {
  constexpr auto kFloats = DTypes::kFloats;
  constexpr auto kPromote = Result::kPromote;
  return {
      op("rnn", &rnn, kFloats, kPromote, kFunctionOnly,
         "y [batch, time, hidden] and the last h of h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu, for "
         "the steps of x [batch, time, features], backwards with reverse; h0 is [batch, hidden].",
         arg("x"), arg("h0"), arg("weightIh"), arg("weightHh"), optional("biasIh"), optional("biasHh"),
         arg("nonlinearity", "'tanh'").among({"tanh", "relu"}), arg("reverse", false)),
      op("lstm", &lstm, kFloats, kPromote, kFunctionOnly,
         "y [batch, time, hidden], the last h and the last c of c' = sigmoid(f) c + sigmoid(i) tanh(g), h' = "
         "sigmoid(o) tanh(c'), with i, f, g, o = W_ih x + b_ih + W_hh h + b_hh, weights being [4 hidden, "
         "..]; "
         "backwards in time with reverse.",
         arg("x"), arg("h0"), arg("c0"), arg("weightIh"), arg("weightHh"), optional("biasIh"),
         optional("biasHh"), arg("reverse", false)),
      op("gru", &gru, kFloats, kPromote, kFunctionOnly,
         "y [batch, time, hidden] and the last h of h' = (1 - z) n + z h, with r, z = sigmoid(W_ih x + b_ih "
         "+ "
         "W_hh h + b_hh) and n = tanh(W_in x + b_in + r (W_hn h + b_hn)), weights being [3 hidden, ..] in "
         "the "
         "order r, z, n; backwards in time with reverse.",
         arg("x"), arg("h0"), arg("weightIh"), arg("weightHh"), optional("biasIh"), optional("biasHh"),
         arg("reverse", false)),
  };
}

}  // namespace hebb::ops

// Attention: one fused kernel where nothing but the causal rule hides keys, plain ops for masks and dropout
// and where a second order is asked.
#include "ops/attention.h"

#include <cmath>
#include <utility>

#include "kernels/attention.h"
#include "ops/elementwise.h"
#include "ops/environment.h"
#include "ops/matmul.h"
#include "ops/random.h"
#include "ops/reduce.h"
#include "ops/registry.h"
#include "ops/shape.h"
#include "ops/softmax.h"

namespace hebb::ops {

namespace {

constexpr const char* kName = "scaled_dot_product_attention";

// Operands of one float dtype that is computed in, with equal leading axes.
struct Heads {
  Tensor query, key, value;
  double scale;
  bool causal;

  kernels::AttentionParams params() const { return {scale, causal, Environment::current().precision()}; }
  int64_t queries() const { return query.shape()[query.rank() - 2]; }
  int64_t keys() const { return key.shape()[key.rank() - 2]; }
  std::vector<Tensor> inputs() const { return {query, key, value}; }
};

Shape leading(const Tensor& x) { return Shape(x.shape().data(), x.rank() - 2); }

Shape with_matrix(Shape shape, int64_t rows, int64_t columns) {
  shape.push_back(rows);
  shape.push_back(columns);
  return shape;
}

Tensor transposed(const Tensor& x) { return swap_axes(x, -1, -2); }

// Whether the query at row i may attend to the key at column j: [queries, keys].
Tensor causal_mask(const Heads& h) {
  const Tensor rows = arange(0, static_cast<double>(h.queries()), 1, DType::kI32);
  const Tensor columns = arange(0, static_cast<double>(h.keys()), 1, DType::kI32);
  return less_equal(columns, reshape(rows, {h.queries(), 1}));
}

// softmax over keys of scale q k^T under the masks: [.., queries, keys]. Rows without a key are zeros.
Tensor plain_weights(const Heads& h, const Tensor& mask) {
  Tensor scores = matmul(mul(h.query, h.scale), transposed(h.key));
  if (mask && mask.dtype() == DType::kBool) scores = where(mask, scores, -INFINITY);
  if (mask && mask.dtype() != DType::kBool) scores = add(scores, mask);
  if (h.causal) scores = where(causal_mask(h), scores, -INFINITY);
  if (!mask) return softmax(scores, -1);
  // Both times, so that neither the value nor its derivative is made of the NaN of an empty softmax.
  const Tensor empty_rows = all(equal(scores, -INFINITY), over(-1), true);
  return where(empty_rows, 0.0, softmax(where(empty_rows, 0.0, scores), -1));
}

Tensor plain(const Heads& h, const Tensor& mask, double dropout_rate) {
  return matmul(dropout(plain_weights(h, mask), dropout_rate), h.value);
}

// With P the weights: dv = P^T dy, dS = P (dy v^T - sum(dy v^T P)), dq = scale dS k, dk = scale dS^T q.
Grads plain_grads(const Heads& h, const Tensor& dy) {
  const Tensor weights = plain_weights(h, {}), dweights = matmul(dy, transposed(h.value));
  const Tensor dscores =
      mul(mul(weights, sub(dweights, sum(mul(dweights, weights), over(-1), true))), h.scale);
  return {wants(h.query) ? matmul(dscores, h.key) : Tensor(),
          wants(h.key) ? matmul(transposed(dscores), h.query) : Tensor(),
          wants(h.value) ? matmul(transposed(weights), dy) : Tensor()};
}

// Memory for [.., rows, columns], heads inside time where those of `like` are: then they merge into
// [batch, time, heads * columns] without a copy.
Tensor empty_like(const Tensor& like, const Shape& shape) {
  const int time = shape.rank() - 2, head = time - 1;
  if (head < 0 || like.strides()[head] >= like.strides()[time]) return empty(like.dtype(), shape);
  Shape swapped = shape;
  std::swap(swapped[head], swapped[time]);
  return swap_axes(empty(like.dtype(), swapped), head, time);
}

Grads fused_grads(const Heads& h, const Tensor& sums, const Tensor& dy, const Tensor& y) {
  Grads grads;
  for (const Tensor& x : h.inputs()) grads.push_back(empty_like(x, x.shape()));
  submit(kernels::attention_grad, grads, {h.query, h.key, h.value, y, dy, sums}, h.params());
  return grads;
}

Tensor fused(const Heads& h) {
  Shape rows = leading(h.query), shape = h.query.shape();
  rows.push_back(h.queries());
  shape[shape.rank() - 1] = h.value.shape()[h.value.rank() - 1];
  const Tensor y = empty_like(h.query, shape), sums = empty(h.query.dtype(), rows);
  submit(kernels::attention, {y, sums}, h.inputs(), h.params());
  return record(y, h.inputs(), [h, sums](const Tensor& dy, const Tensor& out) {
    return autograd::grad_enabled() ? plain_grads(h, dy) : fused_grads(h, sums, dy, out);
  });
}

void check_attention(const Tensor& query, const Tensor& key, const Tensor& value, double dropout_rate,
                     double scale) {
  const std::string shapes =
      "query " + query.shape().text() + ", key " + key.shape().text() + ", value " + value.shape().text();
  if (query.rank() < 2 || key.rank() < 2 || value.rank() < 2) {
    shape_error(kName, shapes + ": too few axes; use [.., time, depth]");
  }
  if (query.shape()[query.rank() - 1] != key.shape()[key.rank() - 1]) {
    shape_error(kName, shapes + ": query and key differ in depth; use the same last extent");
  }
  if (key.shape()[key.rank() - 2] != value.shape()[value.rank() - 2]) {
    shape_error(kName, shapes + ": key and value differ in time; use one value for each key");
  }
  if (!(dropout_rate >= 0 && dropout_rate <= 1)) {
    value_error(kName, "dropout is " + number_text(dropout_rate) + "; use a probability in 0..1");
  }
  if (!std::isfinite(scale)) {
    value_error(kName, "scale is " + number_text(scale) + "; use a finite number, 0 for 1 / sqrt(depth)");
  }
}

void check_mask(const Tensor& mask, const Shape& scores) {
  if (mask.dtype() != DType::kBool && !is_float(mask.dtype())) {
    dtype_error(kName, std::string("mask needs bool or a float dtype, got ") + dtype_name(mask.dtype()));
  }
  const int lead = scores.rank() - mask.rank();
  bool fits = lead >= 0;
  for (int axis = 0; fits && axis < mask.rank(); ++axis) {
    fits = mask.shape()[axis] == 1 || mask.shape()[axis] == scores[axis + lead];
  }
  if (!fits) {
    shape_error(kName, "mask " + mask.shape().text() + " does not broadcast to scores " + scores.text());
  }
}

Tensor as_dtype(const Tensor& x, DType dtype) { return x.dtype() == dtype ? x : cast(x, dtype); }

// x in `dtype` with the leading axes `batch`.
Tensor spread(const Tensor& x, DType dtype, const Shape& batch) {
  const Shape shape = with_matrix(batch, x.shape()[x.rank() - 2], x.shape()[x.rank() - 1]);
  const Tensor cast_x = as_dtype(x, dtype);
  return x.shape() == shape ? cast_x : broadcast_to(cast_x, shape);
}

}  // namespace

Tensor scaled_dot_product_attention(const Tensor& query, const Tensor& key, const Tensor& value,
                                    const std::optional<Tensor>& mask, bool causal, double dropout_rate,
                                    double scale) {
  check_attention(query, key, value, dropout_rate, scale);
  const Shape batch =
      broadcast_shapes(kName, broadcast_shapes(kName, leading(query), leading(key)), leading(value));
  const Shape scores = with_matrix(batch, query.shape()[query.rank() - 2], key.shape()[key.rank() - 2]);
  if (mask) check_mask(*mask, scores);
  DType dtype = promote(promote(query.dtype(), key.dtype()), value.dtype());
  if (mask) dtype = promote(dtype, mask->dtype());
  // Half types are computed in f32: weights rounded to theirs would lose what the sum of values has.
  const DType compute = compute_type(dtype);
  const double depth = static_cast<double>(query.shape()[query.rank() - 1]);
  const Heads h{spread(query, compute, batch), spread(key, compute, batch), spread(value, compute, batch),
                scale != 0 ? scale : 1 / std::sqrt(depth > 0 ? depth : 1), causal};
  Tensor own_mask;
  if (mask) own_mask = is_float(mask->dtype()) ? as_dtype(*mask, compute) : *mask;
  const bool is_fused = !mask && dropout_rate == 0 && kernels::attention.cpu != nullptr;
  return as_dtype(is_fused ? fused(h) : plain(h, own_mask, dropout_rate), dtype);
}

std::vector<OpSpec> attention_ops() {
  return {
      op(kName, &scaled_dot_product_attention, DTypes::kFloats, Result::kPromote, kRandom | kFunctionOnly,
         "softmax(scale Q K^T) V over keys, for query Q [.., queries, depth], key K [.., keys, depth] and "
         "value V [.., keys, width], leading axes broadcast; scale 0 stands for 1 / sqrt(depth). A bool mask "
         "says which keys a query attends to (true: it does), a float one is added to the scores; causal "
         "hides key j from query i where j > i; a query without any key gets zeros. Dropout is of the "
         "weights.",
         arg("query"), arg("key"), arg("value"), optional("mask").of(DTypes::kAll), arg("causal", false),
         arg("dropout", 0), arg("scale", 0)),
  };
}

}  // namespace hebb::ops

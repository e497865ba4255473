// Softmax and cross-entropy: fused rows where no second order is asked, and the same in plain ops where it
// is.
#include "ops/softmax.h"

#include <cstdint>
#include <utility>

#include "autograd/grad_mode.h"
#include "kernels/softmax.h"
#include "ops/elementwise.h"
#include "ops/index.h"
#include "ops/reduce.h"
#include "ops/registry.h"
#include "ops/shape.h"

namespace hebb::ops {

namespace {

using kernels::CrossEntropyParams;

// x with two axes swapped, without a place in the tape.
Tensor swapped(const Tensor& x, int a, int b) {
  Shape shape = x.shape(), strides = x.strides();
  std::swap(shape[a], shape[b]);
  std::swap(strides[a], strides[b]);
  return x.view(shape, strides, x.offset());
}

// Runs a row kernel along any axis of inputs of one shape.
Tensor run_rows(const stream::Slot& slot, const std::vector<Tensor>& inputs, int axis) {
  const int last = inputs[0].rank() - 1;
  const Tensor like = swapped(inputs[0], axis, last);
  const int64_t classes = like.shape()[last];
  const Shape flat{classes == 0 ? 0 : like.size() / classes, classes};
  std::vector<Tensor> rows;
  for (const Tensor& input : inputs) {
    const Tensor whole = contiguous(swapped(input, axis, last));
    rows.push_back(whole.view(flat, contiguous_strides(flat), whole.offset()));
  }
  const Tensor y = empty(like.dtype(), flat);
  submit(slot, {y}, rows);
  return swapped(y.view(like.shape(), contiguous_strides(like.shape()), 0), axis, last);
}

// The sum of y's gradient is taken along `axis`: dx = y (dy - sum(dy y)).
Tensor softmax_grad(const Tensor& dy, const Tensor& y, int axis) {
  if (!autograd::grad_enabled()) return run_rows(kernels::softmax_grad, {dy, y}, axis);
  return mul(y, sub(dy, sum(mul(dy, y), over(axis), true)));
}

// dx = dy - exp(y) sum(dy)
Tensor log_softmax_grad(const Tensor& dy, const Tensor& y, int axis) {
  if (!autograd::grad_enabled()) return run_rows(kernels::log_softmax_grad, {dy, y}, axis);
  return sub(dy, mul(exp(y), sum(dy, over(axis), true)));
}

// What a cross-entropy against class ids is made of: logits [rows, classes], ids [rows] in i32 or i64, weight
// [classes] in the compute type of logits, or undefined.
struct Entropy {
  Tensor logits;
  Tensor ids;
  Tensor weight;
  CrossEntropyParams params;

  DType compute() const { return compute_type(logits.dtype()); }
  Tensor ignored() const { return equal(ids, static_cast<double>(params.ignore_index)); }
  // Ids with 0 in the place of ignored ones.
  Tensor safe_ids(const Tensor& skip) const { return where(skip, 0.0, ids); }
  Tensor share(const Tensor& skip) const {
    const Tensor of_id =
        weight ? take(weight, safe_ids(skip), 0) : Tensor::constant(compute(), 1, ids.shape());
    return where(skip, 0.0, of_id);
  }
  double certain() const { return 1 - params.label_smoothing; }
  double spread() const {
    return logits.shape()[1] == 0 ? 0 : params.label_smoothing / static_cast<double>(logits.shape()[1]);
  }
};

// Losses and the shares that a mean divides by, both [rows].
struct Rows {
  Tensor loss;
  Tensor share;
};

Tensor column(const Tensor& x) { return reshape(x, {x.size(), 1}); }

// The target that the ids, the weights and the smoothing stand for: [rows, classes], zero rows where ignored.
Tensor target_rows(const Entropy& e) {
  const Tensor skip = e.ignored();
  const Tensor hot = one_hot(e.safe_ids(skip), e.logits.shape()[1], e.compute());
  const Tensor target = mul(hot, column(mul(e.share(skip), e.certain())));
  if (e.spread() == 0) return target;
  const Tensor even = e.weight ? mul(e.weight, e.spread()) : Tensor::constant(e.compute(), e.spread());
  return where(column(skip), 0.0, add(target, even));
}

// dlogits = dloss (softmax(logits) sum(target) - target)
Tensor entropy_grad(const Entropy& e, const Tensor& stats, const Tensor& dloss) {
  if (!autograd::grad_enabled()) {
    Tensor dx = empty(e.logits.dtype(), e.logits.shape());
    submit(kernels::cross_entropy_grad, {dx}, {e.logits, e.ids, stats, dloss, e.weight}, e.params);
    return dx;
  }
  const Tensor target = target_rows(e);
  const Tensor p = softmax(cast(e.logits, e.compute()), -1);
  const Tensor dx = mul(sub(mul(p, sum(target, over(-1), true)), target), column(dloss));
  return cast(dx, e.logits.dtype());
}

Rows fused_rows(const Entropy& e) {
  const int64_t rows = e.logits.shape()[0];
  const Tensor loss = empty(e.compute(), {rows}), share = empty(e.compute(), {rows});
  const Tensor stats = empty(e.compute(), {rows, 2});
  submit(kernels::cross_entropy, {loss, share, stats}, {e.logits, e.ids, e.weight}, e.params);
  return {
      record(loss, {e.logits}, [e, stats](const Tensor& dy) { return Grads{entropy_grad(e, stats, dy)}; }),
      share};
}

// The same in plain ops: where no kernel is, and where the weight is learned.
Rows plain_rows(const Entropy& e) {
  const Tensor logs = log_softmax(cast(e.logits, e.compute()), -1);
  const Tensor skip = e.ignored(), share = e.share(skip);
  const Tensor picked = reshape(gather(logs, column(e.safe_ids(skip)), -1), e.ids.shape());
  Tensor loss = mul(mul(share, picked), -e.certain());
  if (e.spread() != 0) {
    const Tensor even = sum(e.weight ? mul(logs, e.weight) : logs, over(-1), false);
    loss = sub(loss, mul(even, e.spread()));
  }
  return {where(skip, 0.0, loss), share};
}

// -sum(weight target log_softmax(logits)), the target smoothed: [rows]
Tensor probability_rows(const Entropy& e, const Tensor& probabilities) {
  const Tensor logs = log_softmax(cast(e.logits, e.compute()), -1);
  Tensor target = cast(probabilities, e.compute());
  if (e.params.label_smoothing != 0) target = add(mul(target, e.certain()), e.spread());
  if (e.weight) target = mul(target, e.weight);
  return neg(sum(mul(target, logs), over(-1), false));
}

Tensor mean_of(const Rows& rows) { return div(sum(rows.loss, {}, false), sum(rows.share, {}, false)); }

void check_cross_entropy(const Tensor& logits, const Tensor& target, const std::optional<Tensor>& weight,
                         double label_smoothing, const std::string& reduction) {
  const char* name = "cross_entropy";
  if (logits.rank() == 0) shape_error(name, "logits have shape []; use [.., classes]");
  Shape rows = logits.shape();
  rows.erase(rows.rank() - 1);
  const Shape& wanted = is_float(target.dtype()) ? logits.shape() : rows;
  if (target.shape() != wanted) {
    shape_error(name, std::string(is_float(target.dtype()) ? "probabilities " : "class ids ") +
                          target.shape().text() + " do not fit logits " + logits.shape().text() +
                          "; use ids " + rows.text() + " or probabilities " + logits.shape().text());
  }
  const int64_t classes = logits.shape()[logits.rank() - 1];
  if (weight && weight->shape() != Shape{classes}) {
    shape_error(name, "weight " + weight->shape().text() +
                          text(" does not fit %lld classes; use [%lld]", static_cast<long long>(classes),
                               static_cast<long long>(classes)));
  }
  if (!(label_smoothing >= 0 && label_smoothing <= 1)) {
    value_error(name, "labelSmoothing is " + number_text(label_smoothing) + "; use 0..1");
  }
  if (reduction != "mean" && reduction != "sum" && reduction != "none") {
    value_error(name, "reduction is '" + reduction + "'; use 'mean', 'sum' or 'none'");
  }
}

}  // namespace

Tensor softmax(const Tensor& x, int64_t axis) {
  const int at = normal_axis("softmax", axis, x.shape());
  return record(run_rows(kernels::softmax, {x}, at), {x},
                [at](const Tensor& dy, const Tensor& y) { return Grads{softmax_grad(dy, y, at)}; });
}

Tensor log_softmax(const Tensor& x, int64_t axis) {
  const int at = normal_axis("log_softmax", axis, x.shape());
  return record(run_rows(kernels::log_softmax, {x}, at), {x},
                [at](const Tensor& dy, const Tensor& y) { return Grads{log_softmax_grad(dy, y, at)}; });
}

Tensor cross_entropy(const Tensor& logits, const Tensor& target, const std::optional<Tensor>& weight,
                     int64_t ignore_index, double label_smoothing, const std::string& reduction) {
  check_cross_entropy(logits, target, weight, label_smoothing, reduction);
  Shape shape = logits.shape();
  shape.erase(shape.rank() - 1);
  const Shape flat{shape.size(), logits.shape()[shape.rank()]};
  const DType compute = compute_type(logits.dtype());
  Entropy e{reshape(logits, flat),
            Tensor(),
            weight ? cast(*weight, compute) : Tensor(),
            {ignore_index, label_smoothing}};
  Rows rows;
  if (is_float(target.dtype())) {
    rows.loss = probability_rows(e, reshape(target, flat));
    rows.share = Tensor::constant(compute, 1, rows.loss.shape());
  } else {
    // An index to ignore may lie outside what the ids can hold.
    const bool narrow =
        ignore_index >= INT32_MIN && ignore_index <= INT32_MAX && target.dtype() != DType::kI64;
    e.ids = cast(reshape(target, {flat[0]}), narrow ? DType::kI32 : DType::kI64);
    rows = wants(e.weight) || kernels::cross_entropy.cpu == nullptr ? plain_rows(e) : fused_rows(e);
  }
  Tensor loss;
  if (reduction == "none") loss = reshape(rows.loss, shape);
  if (reduction == "sum") loss = sum(rows.loss, {}, false);
  if (reduction == "mean") loss = mean_of(rows);
  return cast(loss, logits.dtype());
}

std::vector<OpSpec> softmax_ops() {
  return {
      op("softmax", &softmax, DTypes::kFloats, Result::kSame, kPlain, "exp(x) / sum(exp(x)) along `axis`.",
         arg("x"), arg("axis", -1)),
      op("log_softmax", &log_softmax, DTypes::kFloats, Result::kSame, kPlain,
         "x - log(sum(exp(x))) along `axis`, without overflow.", arg("x"), arg("axis", -1)),
      op("cross_entropy", &cross_entropy, DTypes::kFloats, Result::kSame, kGuard,
         "-sum(weight t log(softmax(logits))) over the last axis of logits [.., classes], t being target's "
         "probabilities [.., classes] or 1 at its class ids [..]; labelSmoothing s takes (1 - s) t + s / "
         "classes "
         "instead of t; the mean of ids leaves out those equal to ignoreIndex and divides by the sum of "
         "their "
         "weights.",
         arg("logits"), arg("target").of(DTypes::kNumbers), optional("weight"), arg("ignoreIndex", -100),
         arg("labelSmoothing", 0), arg("reduction", "'mean'").among({"mean", "sum", "none"})),
  };
}

}  // namespace hebb::ops

// Normalisations: fused kernels where no second order is asked, and the same in plain ops where it is.
#include "ops/norm.h"

#include <cmath>
#include <utility>

#include "autograd/grad_mode.h"
#include "kernels/norm.h"
#include "ops/elementwise.h"
#include "ops/reduce.h"
#include "ops/registry.h"
#include "ops/shape.h"

namespace hebb::ops {

namespace {

using kernels::NormParams;
using States = std::vector<std::shared_ptr<State>>;

// Weight and bias as the kernels take them: in the compute type, undefined where left out.
struct Affine {
  Tensor weight, bias;

  NormParams params(double eps) const { return {eps, weight.defined(), bias.defined()}; }
  Tensor of(const Tensor& hat) const {
    const Tensor scaled = weight ? mul(hat, weight) : hat;
    return bias ? add(scaled, bias) : scaled;
  }
};

Affine affine_of(const std::optional<Tensor>& weight, const std::optional<Tensor>& bias, int64_t size,
                 DType compute) {
  const auto flat = [&](const std::optional<Tensor>& x) {
    return x ? cast(reshape(*x, {size}), compute) : Tensor();
  };
  return {flat(weight), flat(bias)};
}

// x [rows, n] in plain ops: its distance to the mean along `axis`, and that in units of the deviation.
struct Plain {
  Tensor centered, scale, hat;
};

Plain plain_of(const Tensor& x, int64_t axis, double eps) {
  Plain plain;
  const Tensor wide = cast(x, compute_type(x.dtype()));
  plain.centered = sub(wide, mean(wide, over(axis), true));
  plain.scale = rsqrt(add(var(wide, over(axis), 0, true), eps));
  plain.hat = mul(plain.centered, plain.scale);
  return plain;
}

Tensor plain_norm(const Tensor& x, const Affine& affine, int64_t axis, double eps) {
  return cast(affine.of(plain_of(x, axis, eps).hat), x.dtype());
}

// Which gradients of a normalisation are asked for.
struct Wanted {
  bool weight, bias;

  explicit Wanted(const Affine& affine) : weight(wants(affine.weight)), bias(wants(affine.bias)) {}
};

// dx = scale (g - mean(g) - hat mean(g hat)) with g = dy weight, the means along `axis`; dweight = sum(dy
// hat) and dbias = sum(dy) over the rows.
Grads plain_grads(const Plain& plain, const Tensor& dy, const Tensor& weight, int64_t axis, Wanted wanted) {
  const Tensor wide = cast(dy, plain.hat.dtype());
  const Tensor g = weight ? mul(wide, weight) : wide;
  const Tensor turn = mul(plain.hat, mean(mul(g, plain.hat), over(axis), true));
  const Tensor dx = mul(plain.scale, sub(sub(g, mean(g, over(axis), true)), turn));
  return {cast(dx, dy.dtype()), wanted.weight ? sum(mul(wide, plain.hat), over(0), false) : Tensor(),
          wanted.bias ? sum(wide, over(0), false) : Tensor()};
}

bool wants_second_order(const Tensor& dy, const Tensor& x, const Tensor& weight) {
  return autograd::grad_enabled() && (wants(dy) || wants(x) || wants(weight));
}

// Rows are normalised, so the means are along axis 1.
Tensor fused_layer_norm(const Tensor& x, const Affine& affine, double eps) {
  const DType compute = compute_type(x.dtype());
  const Tensor y = empty(x.dtype(), x.shape()), stats = empty(compute, {x.shape()[0], 2});
  submit(kernels::layer_norm, {y, stats}, {x, affine.weight, affine.bias}, affine.params(eps));
  return record(y, {x, affine.weight, affine.bias},
                [x, weight = affine.weight, wanted = Wanted(affine), stats, eps](const Tensor& dy) {
                  if (wants_second_order(dy, x, weight)) {
                    return plain_grads(plain_of(x, 1, eps), dy, weight, 1, wanted);
                  }
                  const bool sums = wanted.weight || wanted.bias;
                  const Shape size{x.shape()[1]};
                  std::vector<Tensor> grads{empty(x.dtype(), x.shape())};
                  for (int i = 0; sums && i < 2; ++i) grads.push_back(empty(compute_type(x.dtype()), size));
                  submit(kernels::layer_norm_grad, grads, {dy, x, stats, weight},
                         kernels::LayerNormGradParams{weight.defined(), sums});
                  return grads;
                });
}

// What a walk back through a batch normalisation by its own statistics needs.
struct BatchNode {
  Tensor x, mean, variance, weight;
  Wanted wanted;
  double eps;

  // dx of a gradient that arrives through the statistics: dmean / rows + 2 dvariance (x - mean) / rows
  Tensor through_statistics(const Tensor& dmean, const Tensor& dvariance, const Tensor& centered) const {
    const double rows = static_cast<double>(x.shape()[0]);
    Tensor dx = Tensor::constant(centered.dtype(), 0, x.shape());
    if (dmean) dx = add(dx, div(dmean, rows));
    if (dvariance) dx = add(dx, mul(mul(dvariance, 2 / rows), centered));
    return cast(dx, x.dtype());
  }

  Grads fused(const Tensor& dy) const {
    const DType compute = compute_type(x.dtype());
    const Shape channels{x.shape()[1]};
    Grads grads{empty(x.dtype(), x.shape()), empty(compute, channels), empty(compute, channels)};
    submit(kernels::batch_norm_grad, grads, {dy, x, mean, variance, weight},
           NormParams{eps, weight.defined(), false});
    return grads;
  }

  Grads operator()(const Grads& dys) const {
    bool plain = autograd::grad_enabled() && (wants(x) || wants(weight));
    for (const Tensor& dy : dys) plain = plain || (autograd::grad_enabled() && wants(dy));
    Grads grads(3);
    if (dys[0]) grads = plain ? plain_grads(plain_of(x, 0, eps), dys[0], weight, 0, wanted) : fused(dys[0]);
    if (!dys[1] && !dys[2]) return grads;
    const Tensor wide = cast(x, mean.dtype());
    const Tensor centered = sub(wide, plain ? ops::mean(wide, over(0), false) : mean);
    const Tensor dx = through_statistics(dys[1], dys[2], centered);
    grads[0] = grads[0] ? add(grads[0], dx) : dx;
    return grads;
  }
};

std::vector<Tensor> plain_batch_norm(const Tensor& x, const Affine& affine, double eps) {
  const Tensor wide = cast(x, compute_type(x.dtype()));
  return {plain_norm(x, affine, 0, eps), mean(wide, over(0), false), var(wide, over(0), 0, false)};
}

std::vector<Tensor> fused_batch_norm(const Tensor& x, const Affine& affine, double eps) {
  const DType compute = compute_type(x.dtype());
  const Shape channels{x.shape()[1]};
  const Tensor y = empty(x.dtype(), x.shape());
  const Tensor mean = empty(compute, channels), variance = empty(compute, channels);
  submit(kernels::batch_norm, {y, mean, variance}, {x, affine.weight, affine.bias}, affine.params(eps));
  // Views of the statistics: the outputs themselves would own the node.
  return record_many({y, mean, variance}, {x, affine.weight, affine.bias},
                     BatchNode{x, mean.detached(), variance.detached(), affine.weight, Wanted(affine), eps});
}

Tensor fused_batch_norm_eval(const Tensor& x, const Tensor& mean, const Tensor& variance,
                             const Affine& affine, double eps) {
  const Tensor y = empty(x.dtype(), x.shape());
  submit(kernels::batch_norm_eval, {y}, {x, mean, variance, affine.weight, affine.bias}, affine.params(eps));
  return record(y, {x, mean, variance, affine.weight, affine.bias},
                [x, mean, variance, weight = affine.weight, eps](const Tensor& dy) {
                  const Tensor wide = cast(dy, mean.dtype()), scale = rsqrt(add(variance, eps));
                  const Tensor all = weight ? mul(scale, weight) : scale;
                  const Tensor dx = cast(mul(wide, all), x.dtype());
                  const Tensor total = sum(wide, over(0), false);
                  if (!wants(mean) && !wants(variance) && !wants(weight)) return Grads{dx, {}, {}, {}, total};
                  const Tensor moment = sum(mul(wide, sub(cast(x, mean.dtype()), mean)), over(0), false);
                  return Grads{dx, neg(mul(total, all)), mul(mul(mul(moment, all), square(scale)), -0.5),
                               mul(moment, scale), total};
                });
}

void check_eps(const char* op, double eps) {
  if (eps >= 0 && std::isfinite(eps)) return;
  value_error(op, "eps is " + number_text(eps) + "; use a finite number of 0 or more");
}

void check_size(const char* op, const char* name, const Tensor& x, const Shape& wanted) {
  if (x.shape() == wanted) return;
  shape_error(op, std::string(name) + " has shape " + x.shape().text() + "; use " + wanted.text());
}

// The extents that a layer normalisation is over, checked against the end of x's shape.
Shape normalised_shape(const Tensor& x, const std::optional<Tensor>& weight,
                       const std::optional<Tensor>& bias, const std::vector<int64_t>& given) {
  constexpr const char* kOp = "layer_norm";
  if (x.rank() == 0) shape_error(kOp, "x has shape []; use at least one axis");
  Shape shape{x.shape()[x.rank() - 1]};
  if (weight) shape = weight->shape();
  if (bias && !weight) shape = bias->shape();
  if (given.size() > static_cast<size_t>(x.rank())) {
    shape_error(kOp, text("shape has %zu extents, x %s; use its last extents", given.size(),
                          x.shape().text().c_str()));
  }
  if (!given.empty()) shape = Shape(given.data(), static_cast<int>(given.size()));
  const int lead = x.rank() - shape.rank();
  bool fits = lead >= 0 && shape.rank() > 0;
  for (int axis = 0; fits && axis < shape.rank(); ++axis) fits = shape[axis] == x.shape()[lead + axis];
  if (!fits) {
    shape_error(
        kOp, "shape " + shape.text() + " is not how x " + x.shape().text() + " ends; use its last extents");
  }
  if (weight) check_size(kOp, "weight", *weight, shape);
  if (bias) check_size(kOp, "bias", *bias, shape);
  return shape;
}

// [rows, channels]
Shape channel_rows(const char* op, const Tensor& x, const std::optional<Tensor>& weight,
                   const std::optional<Tensor>& bias, double eps) {
  if (x.rank() < 2) shape_error(op, "x has shape " + x.shape().text() + "; use [batch, .., channels]");
  check_eps(op, eps);
  Shape rows = x.shape();
  const int64_t channels = rows[x.rank() - 1];
  rows.erase(x.rank() - 1);
  if (weight) check_size(op, "weight", *weight, {channels});
  if (bias) check_size(op, "bias", *bias, {channels});
  return {rows.size(), channels};
}

void check_running(const char* op, const States& running, const Tensor& mean, const Tensor& variance) {
  if (running.size() != 3) {
    value_error(op, text("running has %zu states; use mean, variance and count", running.size()));
  }
  for (int i = 0; i < 2; ++i) {
    const State& state = *running[static_cast<size_t>(i)];
    const char* name = i == 0 ? "mean" : "variance";
    if (state.dtype() != DType::kF32 && state.dtype() != DType::kF64) {
      dtype_error(op, text("the running %s has dtype %s; use f32 or f64", name, dtype_name(state.dtype())));
    }
    check_size(op, name, i == 0 ? mean : variance, state.shape());
  }
  if (running[0]->shape() != running[1]->shape() || running[0]->dtype() != running[1]->dtype()) {
    value_error(op, text("the running mean is %s %s, the variance %s %s; use the same",
                         dtype_name(running[0]->dtype()), running[0]->shape().text().c_str(),
                         dtype_name(running[1]->dtype()), running[1]->shape().text().c_str()));
  }
  const State& count = *running[2];
  if ((count.dtype() != DType::kI32 && count.dtype() != DType::kI64) || count.shape().size() != 1) {
    value_error(op, text("the running count has dtype %s and shape %s; use one i32 or i64 number",
                         dtype_name(count.dtype()), count.shape().text().c_str()));
  }
  if (running[0] == running[1]) value_error(op, "a state is listed twice; list each once");
}

}  // namespace

Tensor layer_norm(const Tensor& x, const std::optional<Tensor>& weight, const std::optional<Tensor>& bias,
                  const std::vector<int64_t>& shape, double eps) {
  const Shape inner = normalised_shape(x, weight, bias, shape);
  check_eps("layer_norm", eps);
  const Shape outer(x.shape().data(), x.rank() - inner.rank());
  const Affine affine = affine_of(weight, bias, inner.size(), compute_type(x.dtype()));
  const Tensor rows = reshape(x, {outer.size(), inner.size()});
  const Tensor y = kernels::layer_norm.cpu == nullptr ? plain_norm(rows, affine, 1, eps)
                                                      : fused_layer_norm(rows, affine, eps);
  return reshape(y, x.shape());
}

std::vector<Tensor> batch_norm(const Tensor& x, const std::optional<Tensor>& weight,
                               const std::optional<Tensor>& bias, double eps) {
  const Shape flat = channel_rows("batch_norm", x, weight, bias, eps);
  const Affine affine = affine_of(weight, bias, flat[1], compute_type(x.dtype()));
  const Tensor rows = reshape(x, flat);
  std::vector<Tensor> ys = kernels::batch_norm.cpu == nullptr ? plain_batch_norm(rows, affine, eps)
                                                              : fused_batch_norm(rows, affine, eps);
  ys[0] = reshape(ys[0], x.shape());
  return ys;
}

Tensor batch_norm_eval(const Tensor& x, const Tensor& mean, const Tensor& variance,
                       const std::optional<Tensor>& weight, const std::optional<Tensor>& bias, double eps) {
  constexpr const char* kOp = "batch_norm_eval";
  const Shape flat = channel_rows(kOp, x, weight, bias, eps);
  check_size(kOp, "mean", mean, {flat[1]});
  check_size(kOp, "variance", variance, {flat[1]});
  const DType compute = compute_type(x.dtype());
  const Affine affine = affine_of(weight, bias, flat[1], compute);
  const Tensor rows = reshape(x, flat), center = cast(mean, compute), spread = cast(variance, compute);
  if (kernels::batch_norm_eval.cpu == nullptr) {
    const Tensor hat = mul(sub(cast(rows, compute), center), rsqrt(add(spread, eps)));
    return reshape(cast(affine.of(hat), x.dtype()), x.shape());
  }
  return reshape(fused_batch_norm_eval(rows, center, spread, affine, eps), x.shape());
}

void batch_norm_update(const States& running, const Tensor& mean, const Tensor& variance, int64_t count,
                       double momentum, bool cumulative) {
  constexpr const char* kOp = "batch_norm_update";
  check_running(kOp, running, mean, variance);
  if (count < 2) {
    value_error(kOp, text("count is %lld; use 2 or more, which an unbiased variance needs",
                          static_cast<long long>(count)));
  }
  if (!(momentum >= 0 && momentum <= 1)) {
    value_error(kOp, "momentum is " + number_text(momentum) + "; use 0..1");
  }
  const auto elements = static_cast<double>(count);
  const kernels::BatchNormUpdateParams params{momentum, elements / (elements - 1), cumulative};
  std::vector<Tensor> cells;
  for (const auto& state : running) cells.push_back(writable(*state));
  const DType dtype = running[0]->dtype();
  submit_update(kernels::batch_norm_update, cells,
                {cast(mean.detached(), dtype), cast(variance.detached(), dtype)}, {&params, sizeof params});
}

std::vector<OpSpec> norm_ops() {
  return {
      op("layer_norm", &layer_norm, DTypes::kFloats, Result::kSame, kPlain,
         "(x - mean) / sqrt(variance + eps) weight + bias, with the mean and biased variance over the last "
         "axes: "
         "those of extents `shape`; where it is empty those of weight or bias, or the last axis.",
         arg("x"), optional("weight"), optional("bias"), arg("shape", "[]"), arg("eps", 1e-5)),
      op("batch_norm", &batch_norm, DTypes::kFloats, Result::kSame, kPlain,
         "(x - mean) / sqrt(variance + eps) weight + bias of x [batch, .., channels], with the mean and "
         "biased "
         "variance of each channel, which are returned behind it, in f32 where x is narrower.",
         arg("x"), optional("weight"), optional("bias"), arg("eps", 1e-5)),
      op("batch_norm_eval", &batch_norm_eval, DTypes::kFloats, Result::kSame, kPlain,
         "(x - mean) / sqrt(variance + eps) weight + bias of x [batch, .., channels], with a given mean and "
         "variance [channels].",
         arg("x"), arg("mean"), arg("variance"), optional("weight"), optional("bias"), arg("eps", 1e-5)),
      op("batch_norm_update", &batch_norm_update, DTypes::kFloats, Result::kSame, kFunctionOnly,
         "running (mean, variance and number of updates) takes the statistics of a batch: running = (1 - m) "
         "running + m new, with m = momentum or, cumulative, 1 / the number of updates; the variance is made "
         "unbiased by count / (count - 1).",
         arg("running"), arg("mean"), arg("variance"), arg("count"), arg("momentum", 0.1),
         arg("cumulative", false)),
  };
}

}  // namespace hebb::ops

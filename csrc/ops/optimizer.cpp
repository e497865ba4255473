// Optimizer ops: check that the lists fit together, then update all states with one command. They record
// nothing.
#include "ops/optimizer.h"

#include <algorithm>
#include <cmath>

#include "kernels/optimizer.h"
#include "ops/families.h"
#include "ops/op.h"

namespace hebb::ops {

namespace {

void check_count(const char* op, const char* list, size_t got, size_t want) {
  if (got == want) return;
  value_error(op, text("%s has %zu entries, the parameters need %zu; pass one for each", list, got, want));
}

void check_like(const char* op, const char* list, size_t i, DType dtype, const Shape& shape,
                const State& param) {
  if (dtype != param.dtype()) {
    dtype_error(op, text("%s[%zu] has dtype %s, its parameter %s; use the same", list, i, dtype_name(dtype),
                         dtype_name(param.dtype())));
  }
  if (shape != param.shape()) {
    shape_error(op, text("%s[%zu] has shape %s, its parameter %s; use the same", list, i,
                         shape.text().c_str(), param.shape().text().c_str()));
  }
}

void check_params(const char* op, const States& params) {
  for (size_t i = 0; i < params.size(); ++i) {
    const DType dtype = params[i]->dtype();
    if (dtype == DType::kF32 || dtype == DType::kF64) continue;
    dtype_error(op, text("params[%zu] has dtype %s; use f32 or f64", i, dtype_name(dtype)));
  }
}

// Moments of the parameters' own dtypes and shapes.
void check_moments(const char* op, const char* list, const States& moments, const States& params) {
  check_count(op, list, moments.size(), params.size());
  for (size_t i = 0; i < moments.size(); ++i) {
    check_like(op, list, i, moments[i]->dtype(), moments[i]->shape(), *params[i]);
  }
}

void check_steps(const char* op, const States& steps, size_t count) {
  check_count(op, "steps", steps.size(), count);
  for (size_t i = 0; i < steps.size(); ++i) {
    if (steps[i]->dtype() == DType::kI32 && steps[i]->shape().size() == 1) continue;
    value_error(op, text("steps[%zu] has dtype %s and shape %s; use one i32 number", i,
                         dtype_name(steps[i]->dtype()), steps[i]->shape().text().c_str()));
  }
}

void check_inputs(const char* op, const std::vector<Tensor>& grads, const States& params, const Tensor& lr) {
  check_count(op, "grads", grads.size(), params.size());
  for (size_t i = 0; i < grads.size(); ++i)
    check_like(op, "grads", i, grads[i].dtype(), grads[i].shape(), *params[i]);
  if ((lr.dtype() != DType::kF32 && lr.dtype() != DType::kF64) || lr.size() != 1) {
    value_error(op, text("lr has dtype %s and shape %s; use one f32 or f64 number", dtype_name(lr.dtype()),
                         lr.shape().text().c_str()));
  }
}

void check_range(const char* op, const char* name, double value, double end) {
  if (value >= 0 && value < end) return;
  const std::string range =
      std::isinf(end) ? "a finite number of 0 or more" : "a number in [0, " + number_text(end) + ")";
  value_error(op, std::string(name) + " is " + number_text(value) + "; use " + range);
}

// Two writers of one cell in a command would race.
void check_distinct(const char* op, const States& states) {
  std::vector<const State*> cells;
  for (const auto& state : states) cells.push_back(state.get());
  std::sort(cells.begin(), cells.end());
  if (std::adjacent_find(cells.begin(), cells.end()) != cells.end()) {
    value_error(op, "a state is listed twice; list each once");
  }
}

void append(States& all, const States& some) { all.insert(all.end(), some.begin(), some.end()); }

void update(const stream::Slot& slot, const States& states, std::vector<Tensor> inputs, const Tensor& lr,
            ParamView params) {
  check_distinct(slot.name, states);
  inputs.push_back(lr);
  std::vector<Tensor> cells;
  cells.reserve(states.size());
  for (const auto& state : states) cells.push_back(writable(*state));
  submit_update(slot, cells, inputs, params);
}

}  // namespace

void sgd_step(const States& params, const States& momenta, const States& steps,
              const std::vector<Tensor>& grads, const Tensor& lr, double momentum, double dampening,
              bool nesterov, double weight_decay, bool maximize) {
  constexpr const char* kOp = "sgd_step";
  check_params(kOp, params);
  check_range(kOp, "momentum", momentum, INFINITY);
  check_range(kOp, "weightDecay", weight_decay, INFINITY);
  if (!std::isfinite(dampening))
    value_error(kOp, "dampening is " + number_text(dampening) + "; use a finite number");
  if (nesterov && (momentum == 0 || dampening != 0)) {
    value_error(kOp, "nesterov has momentum " + number_text(momentum) + " and dampening " +
                         number_text(dampening) + "; it needs a momentum above 0 and no dampening");
  }
  const bool keeps = momentum != 0;
  check_moments(kOp, "momenta", momenta, keeps ? params : States{});
  check_steps(kOp, steps, keeps ? params.size() : 0);
  check_inputs(kOp, grads, params, lr);
  if (params.empty()) return;
  States all = params;
  append(all, momenta);
  append(all, steps);
  const kernels::SgdParams values{
      static_cast<int64_t>(params.size()), momentum, dampening, weight_decay, nesterov, maximize};
  update(kernels::sgd_step, all, grads, lr, {&values, sizeof values});
}

void adam_step(const States& params, const States& m, const States& v, const States& vmax,
               const States& steps, const std::vector<Tensor>& grads, const Tensor& lr, double beta1,
               double beta2, double eps, double weight_decay, bool decoupled, bool amsgrad) {
  constexpr const char* kOp = "adam_step";
  check_params(kOp, params);
  check_range(kOp, "beta1", beta1, 1);
  check_range(kOp, "beta2", beta2, 1);
  check_range(kOp, "eps", eps, INFINITY);
  check_range(kOp, "weightDecay", weight_decay, INFINITY);
  check_moments(kOp, "m", m, params);
  check_moments(kOp, "v", v, params);
  check_moments(kOp, "vmax", vmax, amsgrad ? params : States{});
  check_steps(kOp, steps, params.size());
  check_inputs(kOp, grads, params, lr);
  if (params.empty()) return;
  States all = params;
  append(all, m);
  append(all, v);
  append(all, vmax);
  append(all, steps);
  const kernels::AdamParams values{
      static_cast<int64_t>(params.size()), beta1, beta2, eps, weight_decay, decoupled, amsgrad};
  update(kernels::adam_step, all, grads, lr, {&values, sizeof values});
}

std::vector<OpSpec> optimizer_ops() {
  return {
      op("sgd_step", &sgd_step, DTypes::kFloats, Result::kSame, kFunctionOnly,
         "params -= lr b with g = grads + weightDecay params, b = momentum b + (1 - dampening) g and b = g "
         "in the "
         "first step; nesterov steps by g + momentum b, maximize takes -grads.",
         arg("params"), arg("momenta"), arg("steps"), arg("grads"), arg("lr"), arg("momentum", 0),
         arg("dampening", 0), arg("nesterov", false), arg("weightDecay", 0), arg("maximize", false)),
      op("adam_step", &adam_step, DTypes::kFloats, Result::kSame, kFunctionOnly,
         "params -= lr m' / (sqrt(v') + eps), m' and v' being the running means of g and g^2, bias "
         "corrected, "
         "with g = grads + weightDecay params; decoupled takes g = grads and lr weightDecay params off "
         "params; "
         "amsgrad divides by the greatest v so far.",
         arg("params"), arg("m"), arg("v"), arg("vmax"), arg("steps"), arg("grads"), arg("lr"),
         arg("beta1", 0.9), arg("beta2", 0.999), arg("eps", 1e-8), arg("weightDecay", 0),
         arg("decoupled", false), arg("amsgrad", false)),
  };
}

}  // namespace hebb::ops

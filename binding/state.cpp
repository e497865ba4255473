// State cells at the border.
#include "binding/arguments.h"
#include "binding/entry.h"
#include "binding/exports.h"
#include "ops/op.h"
#include "ops/transfer.h"

namespace hebb::binding {

namespace {

// stateCreate(tensor, requiresGrad).
Napi::Value create(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    const Tensor value = tensor_handle("state", "the value", info[0]).value();
    const bool requires_grad = info[1].ToBoolean();
    if (requires_grad && !is_float(value.dtype())) {
      throw Error(ErrorKind::kDType, "state",
                  std::string("only a float state can require a gradient, got ") + dtype_name(value.dtype()));
    }
    environment.ops().follow(value);
    if (info[2].IsString()) environment.ops().use(device_of("state", info[2]));
    auto state = ops::make_state(ops::to_device(value, environment.ops().device()));
    state->set_requires_grad(requires_grad);
    return wrap(environment, std::move(state));
  });
}

Napi::Value snapshot(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    return wrap(environment, state_handle("state", "it", info[0]).value());
  });
}

Napi::Value assign(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    Handle& target = state_handle("assign", "the target", info[0]);
    const Tensor value = tensor_handle("assign", "the value", info[1]).value();
    environment.ops().use(target.state->device());
    if (!environment.ops().repeats()) ops::assign(*target.state, value);
    return environment.env().Undefined();
  });
}

// The gradient as a tensor, or undefined.
Napi::Value get_grad(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) -> Napi::Value {
    const Tensor& grad = state_handle("grad", "it", info[0]).state->grad();
    if (!grad) return environment.env().Undefined();
    return wrap(environment, grad);
  });
}

Napi::Value set_grad(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    State& state = *state_handle("grad", "it", info[0]).state;
    if (info[1].IsUndefined()) {
      state.set_grad({});
      return environment.env().Undefined();
    }
    Tensor grad = tensor_handle("grad", "the gradient", info[1]).value();
    if (grad.shape() != state.shape() || grad.dtype() != state.dtype()) {
      throw Error(ErrorKind::kShape, "grad",
                  "a gradient " + std::string(dtype_name(grad.dtype())) + grad.shape().text() +
                      " for a state " + dtype_name(state.dtype()) + state.shape().text() +
                      "; they must be equal");
    }
    state.set_grad(std::move(grad));
    return environment.env().Undefined();
  });
}

Napi::Value set_requires_grad(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    State& state = *state_handle("state", "it", info[0]).state;
    const bool value = info[1].ToBoolean();
    if (value && !is_float(state.dtype())) {
      throw Error(ErrorKind::kDType, "state",
                  std::string("only a float state can require a gradient, got ") + dtype_name(state.dtype()));
    }
    state.set_requires_grad(value);
    return environment.env().Undefined();
  });
}

// stateTo(state, device): the same cell, elsewhere.
Napi::Value to(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    ops::move_state(*state_handle("to", "it", info[0]).state, device_of("to", info[1]));
    return environment.env().Undefined();
  });
}

Napi::Value version(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    State& state = *state_handle("state", "it", info[0]).state;
    return Napi::Number::New(environment.env(), static_cast<double>(state.version()));
  });
}

}  // namespace

void export_state(Napi::Env env, Napi::Object exports) {
  exports.Set("stateCreate", Napi::Function::New(env, create));
  exports.Set("stateSnapshot", Napi::Function::New(env, snapshot));
  exports.Set("stateAssign", Napi::Function::New(env, assign));
  exports.Set("stateGrad", Napi::Function::New(env, get_grad));
  exports.Set("stateSetGrad", Napi::Function::New(env, set_grad));
  exports.Set("stateSetRequiresGrad", Napi::Function::New(env, set_requires_grad));
  exports.Set("stateTo", Napi::Function::New(env, to));
  exports.Set("stateVersion", Napi::Function::New(env, version));
}

}  // namespace hebb::binding

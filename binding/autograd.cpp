// Gradients at the border.
#include "autograd/engine.h"

#include "binding/arguments.h"
#include "binding/entry.h"
#include "binding/exports.h"

namespace hebb::binding {

namespace {

Tensor optional_tensor(const char* op, const char* name, const Napi::Value& value) {
  return value.IsUndefined() ? Tensor{} : tensor_handle(op, name, value).value();
}

// backward(loss, seed | undefined, keepGraph, createGraph).
Napi::Value backward(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    const Tensor loss = tensor_handle("backward", "the loss", info[0]).value();
    environment.ops().follow(loss);
    const autograd::Walk walk{info[3].ToBoolean(), info[2].ToBoolean()};
    autograd::backward(loss, optional_tensor("backward", "seed", info[1]), walk);
    return environment.env().Undefined();
  });
}

// gradients(loss, seed | undefined, targets, keepGraph, createGraph): a tensor or undefined for each target.
Napi::Value gradients(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) -> Napi::Value {
    const Tensor loss = tensor_handle("grad", "the loss", info[0]).value();
    environment.ops().follow(loss);
    const std::vector<Tensor> targets = tensors_of("grad", "targets", info[2]);
    const autograd::Walk walk{info[4].ToBoolean(), info[3].ToBoolean()};
    const auto grads = autograd::gradients(loss, optional_tensor("grad", "seed", info[1]), targets, walk);
    auto result = Napi::Array::New(environment.env(), grads.size());
    for (size_t i = 0; i < grads.size(); ++i) {
      if (grads[i]) result.Set(static_cast<uint32_t>(i), wrap(environment, grads[i]));
    }
    return result;
  });
}

Napi::Value leaf(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    return wrap(environment, autograd::leaf(tensor_handle("grad", "the argument", info[0]).value()));
  });
}

// Returns what it was.
Napi::Value set_grad_enabled(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    return Napi::Boolean::New(environment.env(), autograd::set_grad_enabled(info[0].ToBoolean()));
  });
}

}  // namespace

void export_autograd(Napi::Env env, Napi::Object exports) {
  exports.Set("backward", Napi::Function::New(env, backward));
  exports.Set("gradients", Napi::Function::New(env, gradients));
  exports.Set("leaf", Napi::Function::New(env, leaf));
  exports.Set("setGradEnabled", Napi::Function::New(env, set_grad_enabled));
}

}  // namespace hebb::binding

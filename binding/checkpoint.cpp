// Checkpoints at the border: a part of the tape that is computed again when the walk back needs it.
#include "autograd/engine.h"
#include "binding/arguments.h"
#include "binding/entry.h"
#include "binding/exports.h"

namespace hebb::binding {

namespace {

using autograd::Grads;

// Closes the scope of handles that the second computation makes.
struct HandleScope {
  explicit HandleScope(Environment& environment) : lists(environment.handles()) { lists.open(); }
  ~HandleScope() { lists.close({}); }
  HandleLists& lists;
};

// The part once more, from `leaves`, on a tape of its own.
std::vector<Tensor> computed_again(Environment& environment, Napi::FunctionReference& body,
                                   const std::vector<Tensor>& leaves, uint64_t place) {
  const Napi::HandleScope javascript(environment.env());
  const HandleScope handles(environment);
  const ops::Repetition repetition(place);
  const autograd::GradMode on(true);
  const Napi::Value results = body.Call({wrap_all(environment, leaves)});
  return tensors_of("checkpoint", "results", results);
}

Grads pull_back(Environment& environment, Napi::FunctionReference& body, const std::vector<Tensor>& args,
                uint64_t place, const Grads& dys) {
  if (autograd::grad_enabled()) {
    throw Error(ErrorKind::kState, "checkpoint",
                "second derivatives need what a checkpoint does not keep; differentiate without it");
  }
  std::vector<std::shared_ptr<Tensor>> slots;
  std::vector<Tensor> leaves;
  for (const auto& arg : args) {
    slots.push_back(std::make_shared<Tensor>());
    leaves.push_back(arg.requires_grad() ? autograd::leaf_into(arg, slots.back()) : arg);
  }
  const std::vector<Tensor> results = computed_again(environment, body, leaves, place);
  if (results.size() != dys.size()) {
    throw Error(ErrorKind::kState, "checkpoint",
                text("the function gave %zu results, and %zu when it was computed again; it must do the same "
                     "each time",
                     dys.size(), results.size()));
  }
  for (size_t i = 0; i < dys.size(); ++i) {
    // One tape for all results: kept until the last has been walked.
    if (dys[i] && results[i].requires_grad()) autograd::backward(results[i], dys[i], {false, true});
  }
  Grads grads;
  for (const auto& slot : slots) grads.push_back(*slot);
  return grads;
}

// drawPlace(): where the next draw takes its numbers.
Napi::Value draw_place(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    return Napi::Number::New(environment.env(), static_cast<double>(environment.ops().draw_place()));
  });
}

// checkpoint(results, arguments, body, place): the results with a place in the tape. body(leaves) computes
// them again.
Napi::Value checkpoint(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) -> Napi::Value {
    std::vector<Tensor> results = tensors_of("checkpoint", "results", info[0]);
    const std::vector<Tensor> args = tensors_of("checkpoint", "arguments", info[1]);
    auto body = std::make_shared<Napi::FunctionReference>(
        Napi::Persistent(function_of("checkpoint", "the function", info[2])));
    const auto place = static_cast<uint64_t>(info[3].ToNumber().DoubleValue());
    // A node without inputs would be a leaf: the walk calls it for the states that the function reads.
    std::vector<Tensor> inputs = args;
    if (inputs.empty()) inputs.emplace_back();
    for (auto& result : results) result = result.detached();
    autograd::attach(results, inputs, false,
                     [&environment, body, args, place](const Grads& dys, const std::vector<Tensor>&) {
                       return pull_back(environment, *body, args, place, dys);
                     });
    return wrap_all(environment, results);
  });
}

}  // namespace

void export_checkpoint(Napi::Env env, Napi::Object exports) {
  exports.Set("drawPlace", Napi::Function::New(env, draw_place));
  exports.Set("checkpoint", Napi::Function::New(env, checkpoint));
}

}  // namespace hebb::binding

// Tuning at the border: what a compiled step leaves to choose, measuring it, and choosing.
#include "autograd/grad_mode.h"
#include "binding/arguments.h"
#include "binding/entry.h"
#include "binding/exports.h"
#include "device/cpu/isa.h"
#include "stream/measure.h"

namespace hebb::binding {

stream::Tuning tuning_of(Environment& environment, const Napi::Value& methods) {
  stream::Tuning tuning{cpu::isa_name(environment.isa()), environment.stream().threads(), {}};
  if (!methods.IsObject()) return tuning;
  const auto record = methods.As<Napi::Object>();
  const Napi::Array keys = record.GetPropertyNames();
  for (uint32_t i = 0; i < keys.Length(); ++i) {
    const Napi::Value key = keys.Get(i);
    tuning.methods[key.ToString().Utf8Value()] = record.Get(key).ToString().Utf8Value();
  }
  return tuning;
}

namespace {

std::vector<stream::TunableCommand> tunable_of(const PlanHandle& handle) {
  return stream::tunable_commands(handle.plan->unoptimised(), handle.tuning);
}

// planChoices(plan): [{ key, methods, byShape }], what several methods can compute: names, '' for what
// cannot, and the one that the shapes choose.
Napi::Value choices(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    auto list = Napi::Array::New(environment.env());
    for (const auto& [key, command, choice] : tunable_of(plan_of(environment, info[0]))) {
      const stream::Methods& all = *command->slot->methods;
      auto methods = Napi::Array::New(environment.env());
      for (uint32_t i = 0; i < all.count; ++i) methods.Set(i, choice.allows(i) ? all.names[i] : "");
      auto object = Napi::Object::New(environment.env());
      object.Set("key", key);
      object.Set("methods", methods);
      object.Set("byShape", all.names[choice.by_shape]);
      list.Set(list.Length(), object);
    }
    return list;
  });
}

// planMeasure(plan, index, times, done): times the methods of one of planChoices in queue order, then calls
// done(). `times`, a Float64Array with a place for each method, takes milliseconds, 0 for what could not be
// measured.
Napi::Value measure(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    const PlanHandle& handle = plan_of(environment, info[0]);
    const auto tunable = tunable_of(handle);
    const uint32_t index = info[1].ToNumber().Uint32Value();
    if (index >= tunable.size())
      throw Error(ErrorKind::kValue, "compile", text("the step has no choice %u", index));
    const stream::TunableCommand& one = tunable[index];
    const auto count = static_cast<size_t>(one.command->slot->methods->count);
    if (!info[2].IsTypedArray() || info[2].As<Napi::TypedArray>().ByteLength() < count * sizeof(double))
      throw Error(ErrorKind::kValue, "compile", "times must be a Float64Array, got " + printed(info[2]));
    auto completion = std::make_shared<std::unique_ptr<Completion>>(new Completion);
    (*completion)->callback = Napi::Persistent(function_of("compile", "done", info[3]));
    (*completion)->target = Napi::Persistent(info[2].As<Napi::Object>());
    stream::measure_methods(
        environment.stream(), one, handle.tuning.threads, info[2].As<Napi::Float64Array>().Data(),
        [&environment, completion](const Error*) { environment.complete(std::move(*completion)); });
    // Now that nothing can be refused; it is delivered on this thread, so later than this.
    environment.expect();
    return environment.env().Undefined();
  });
}

// planTune(plan, methods): the passes again, with these methods; for runs from now on.
Napi::Value tune(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    PlanHandle& handle = plan_of(environment, info[0]);
    handle.tuning.methods = tuning_of(environment, info[1]).methods;
    handle.plan->optimise(ops::Environment::optimiser(handle.tuning, handle.plan->device()));
    return environment.env().Undefined();
  });
}

// hold(tensor): a handle of its value now, which no scope frees.
Napi::Value hold(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    autograd::GradMode off(false);
    return wrap_lasting(environment, tensor_handle("compile", "an argument", info[0]).value());
  });
}

}  // namespace

void export_tuning(Napi::Env env, Napi::Object exports) {
  exports.Set("planChoices", Napi::Function::New(env, choices));
  exports.Set("planMeasure", Napi::Function::New(env, measure));
  exports.Set("planTune", Napi::Function::New(env, tune));
  exports.Set("hold", Napi::Function::New(env, hold));
}

}  // namespace hebb::binding

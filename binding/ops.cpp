// The registry at the border: one generic callback serves every op, and the schema describes them all.
#include "binding/arguments.h"
#include "binding/entry.h"
#include "binding/exports.h"
#include "ops/registry.h"

namespace hebb::binding {

namespace {

using ops::OpSpec;

Napi::Value invoke(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) -> Napi::Value {
    const auto& spec = *static_cast<const OpSpec*>(info.Data());
    std::vector<ops::Argument> args;
    args.reserve(spec.args.size());
    for (size_t i = 0; i < spec.args.size(); ++i) args.push_back(argument(spec, spec.args[i], info[i]));
    environment.ops().use(ops::device_of(spec, args));
    const uint64_t before = environment.position();
    std::vector<Tensor> results = ops::call(spec, args);
    if (spec.guard) environment.note_site(before);
    if (spec.writes) return environment.env().Undefined();
    if (!spec.many) return wrap(environment, std::move(results[0]));
    return wrap_all(environment, std::move(results));
  });
}

constexpr const char* kKinds[] = {"tensor", "tensor?", "tensors", "value", "number", "int",
                                  "flag",   "ints",    "axes",    "dtype", "text",   "states"};
constexpr const char* kDTypeClasses[] = {"floats", "numbers", "integers", "bools", "all"};
constexpr const char* kResults[] = {"same", "promote", "bool", "i32", "argument"};

Napi::Object describe_arg(Napi::Env env, const ops::ArgSpec& arg) {
  auto object = Napi::Object::New(env);
  object.Set("name", arg.name);
  object.Set("kind", kKinds[static_cast<int>(arg.kind)]);
  if (!arg.fallback.empty()) object.Set("fallback", arg.fallback);
  if (arg.dtypes) object.Set("dtypes", kDTypeClasses[static_cast<int>(*arg.dtypes)]);
  if (!arg.choices.empty()) {
    auto choices = Napi::Array::New(env, arg.choices.size());
    for (size_t i = 0; i < arg.choices.size(); ++i) choices.Set(static_cast<uint32_t>(i), arg.choices[i]);
    object.Set("choices", choices);
  }
  return object;
}

Napi::Object describe_op(Napi::Env env, const OpSpec& spec) {
  auto object = Napi::Object::New(env);
  object.Set("name", camel_case(spec.name));
  object.Set("family", spec.family);
  object.Set("doc", spec.doc);
  object.Set("dtypes", kDTypeClasses[static_cast<int>(spec.dtypes)]);
  object.Set("result", kResults[static_cast<int>(spec.result)]);
  object.Set("many", spec.many);
  object.Set("writes", spec.writes);
  object.Set("noGrad", spec.no_grad);
  object.Set("random", spec.random);
  object.Set("guard", spec.guard);
  object.Set("method", spec.method);
  auto args = Napi::Array::New(env, spec.args.size());
  for (size_t i = 0; i < spec.args.size(); ++i)
    args.Set(static_cast<uint32_t>(i), describe_arg(env, spec.args[i]));
  object.Set("args", args);
  return object;
}

Napi::Value schema(const Napi::CallbackInfo& info) {
  const auto& all = ops::registry();
  auto list = Napi::Array::New(info.Env(), all.size());
  for (size_t i = 0; i < all.size(); ++i) list.Set(static_cast<uint32_t>(i), describe_op(info.Env(), all[i]));
  return list;
}

}  // namespace

void export_ops(Napi::Env env, Napi::Object exports) {
  auto functions = Napi::Object::New(env);
  for (const auto& spec : ops::registry()) {
    const std::string name = camel_case(spec.name);
    functions.Set(name, Napi::Function::New(env, invoke, name, const_cast<OpSpec*>(&spec)));
  }
  exports.Set("ops", functions);
  exports.Set("schema", Napi::Function::New(env, schema));
}

}  // namespace hebb::binding

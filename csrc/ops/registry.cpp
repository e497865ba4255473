// The registry's table and the checks made before every op.
#include "ops/registry.h"

#include "autograd/engine.h"
#include "ops/elementwise.h"
#include "ops/environment.h"
#include "ops/families.h"

namespace hebb::ops {

namespace {

Arg named(const char* name, std::string fallback) {
  Arg result;
  result.spec.name = name;
  result.spec.fallback = std::move(fallback);
  return result;
}

bool admits(DTypes dtypes, DType dtype) {
  switch (dtypes) {
    case DTypes::kFloats:
      return is_float(dtype);
    case DTypes::kNumbers:
      return dtype != DType::kBool;
    case DTypes::kIntegers:
      return !is_float(dtype) && dtype != DType::kBool;
    case DTypes::kBools:
      return dtype == DType::kBool;
    case DTypes::kAll:
      return true;
  }
  return false;
}

const char* wanted(DTypes dtypes) {
  constexpr const char* kWanted[] = {"a float dtype", "a numeric dtype", "an integer dtype", "bool",
                                     "any dtype"};
  return kWanted[static_cast<int>(dtypes)];
}

void check_tensor(const OpSpec& spec, const ArgSpec& arg, const Tensor& x) {
  const DTypes dtypes = arg.dtypes.value_or(spec.dtypes);
  if (!admits(dtypes, x.dtype())) {
    const std::string which = spec.args.size() > 1 ? arg.name + " needs " : std::string("needs ");
    dtype_error(spec.name.c_str(), which + wanted(dtypes) + ", got " + dtype_name(x.dtype()));
  }
  if (spec.no_grad && autograd::grad_enabled() && x.requires_grad()) {
    throw Error(
        ErrorKind::kState, spec.name,
        arg.name + " requires a gradient, which " + spec.name + " has none of; use detach() or noGrad()");
  }
}

std::vector<OpSpec> build() {
  std::vector<OpSpec> all;
#define HEBB_ADD(name)              \
  for (auto& spec : name##_ops()) { \
    spec.family = #name;            \
    all.push_back(std::move(spec)); \
  }
  HEBB_OP_FAMILIES(HEBB_ADD)
#undef HEBB_ADD
  autograd::set_arithmetic({[](const Tensor& a, const Tensor& b) { return add(a, b); },
                            [](const Tensor& x, DType dtype) { return cast(x, dtype); }});
  return all;
}

}  // namespace

Arg Arg::of(DTypes dtypes) && {
  spec.dtypes = dtypes;
  return std::move(*this);
}

Arg Arg::among(std::vector<std::string> choices) && {
  spec.choices = std::move(choices);
  return std::move(*this);
}

Arg arg(const char* name) { return named(name, ""); }
Arg arg(const char* name, double fallback) { return named(name, number_text(fallback)); }
Arg arg(const char* name, int fallback) { return named(name, std::to_string(fallback)); }
Arg arg(const char* name, bool fallback) { return named(name, fallback ? "true" : "false"); }
Arg arg(const char* name, const char* fallback) { return named(name, fallback); }
Arg optional(const char* name) { return named(name, "undefined"); }

const std::vector<OpSpec>& registry() {
  static const std::vector<OpSpec> all = build();
  return all;
}

std::vector<Tensor> call(const OpSpec& spec, const std::vector<Argument>& args) {
  for (size_t i = 0; i < args.size(); ++i) {
    if (const auto* x = std::get_if<Tensor>(&args[i])) {
      check_tensor(spec, spec.args[i], *x);
    } else if (const auto* value = std::get_if<Value>(&args[i])) {
      if (value->tensor) check_tensor(spec, spec.args[i], value->tensor);
    } else if (const auto* list = std::get_if<std::vector<Tensor>>(&args[i])) {
      for (const auto& item : *list) check_tensor(spec, spec.args[i], item);
    }
  }
  if (spec.writes && Environment::current().repeats()) return {};
  try {
    return spec.call(args);
  } catch (const Error& error) {
    // A shape that cannot be built, and memory that is not there, do not know for which op they were.
    if (error.op() != "shape" && error.op() != "alloc") throw;
    throw Error(error.kind(), spec.name, error.detail());
  }
}

}  // namespace hebb::ops

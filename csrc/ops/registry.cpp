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
                            [](const Tensor& x, DType dtype) { return cast(x, dtype); },
                            [](const Tensor& x) { Environment::current().follow(x); }});
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

namespace {

// The device of the operands seen so far.
struct Devices {
  const OpSpec& spec;
  const char* name = nullptr;  // of the first operand that has one
  Device device = Device::kCpu;

  void see(const char* operand, Device other) {
    if (name == nullptr) {
      name = operand;
      device = other;
    } else if (other != device) {
      throw Error(ErrorKind::kDevice, spec.name,
                  text("%s is on %s, %s on %s; move one of them with to()", name, device_name(device),
                       operand, device_name(other)));
    }
  }
  void see(const char* operand, const Tensor& x) {
    if (x && !x.is_constant()) see(operand, x.device());
  }
};

}  // namespace

Device device_of(const OpSpec& spec, const std::vector<Argument>& args) {
  Devices seen{spec};
  for (size_t i = 0; i < args.size(); ++i) {
    const char* name = spec.args[i].name.c_str();
    if (const auto* x = std::get_if<Tensor>(&args[i])) seen.see(name, *x);
    if (const auto* value = std::get_if<Value>(&args[i])) seen.see(name, value->tensor);
    if (const auto* list = std::get_if<std::vector<Tensor>>(&args[i])) {
      for (const auto& item : *list) seen.see(name, item);
    }
    if (const auto* states = std::get_if<std::vector<std::shared_ptr<State>>>(&args[i])) {
      for (const auto& state : *states) seen.see(name, state->device());
    }
  }
  const Environment& environment = Environment::current();
  if (seen.name == nullptr) return environment.base_device();
  if (environment.is_recording() && seen.device != environment.base_device()) {
    throw Error(ErrorKind::kDevice, spec.name,
                text("%s is on %s, the step being recorded on %s; move it with to() before the step",
                     seen.name, device_name(seen.device), device_name(environment.base_device())));
  }
  return seen.device;
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

// The op registry: one line per op, its types deduced from the function pointer. The binding calls ops
// through it and exports it as the schema from which the TypeScript declarations are generated.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "core/state.h"
#include "ops/op.h"

namespace hebb::ops {

// The argument kinds a generated function can have.
enum class ArgKind {
  kTensor,          // Tensor
  kOptionalTensor,  // Tensor | undefined
  kTensors,         // Tensor[]
  kValue,           // Tensor | number
  kNumber,          // number
  kInt,             // integer number
  kFlag,            // boolean
  kInts,            // integer number[]
  kAxes,            // integer | integer[] | undefined
  kDType,           // dtype name
  kText,            // string
  kStates           // State[], written in place
};

using Argument =
    std::variant<std::monostate, Tensor, std::vector<Tensor>, Value, double, int64_t, bool,
                 std::vector<int64_t>, Axes, DType, std::string, std::vector<std::shared_ptr<State>>>;

// Which dtypes an op's tensors may have; refusals come from here, never from code in an op.
enum class DTypes { kFloats, kNumbers, kIntegers, kBools, kAll };

// How the result's dtype follows from the arguments, for the declarations.
enum class Result { kSame, kPromote, kBool, kI32, kArgument };

struct ArgSpec {
  std::string name;
  ArgKind kind = ArgKind::kTensor;
  std::string fallback;          // the default as a JavaScript literal; empty where the argument is required
  std::optional<DTypes> dtypes;  // where they differ from the op's
  std::vector<std::string> choices;  // for kText: the words accepted
};

struct OpSpec {
  std::string name;
  std::string family;
  std::string doc;
  DTypes dtypes;
  Result result;
  std::vector<ArgSpec> args;
  bool many = false;     // returns several tensors
  bool writes = false;   // returns none: writes its states
  bool no_grad = false;  // a float result without a gradient: throws where an input requires one
  bool random = false;
  bool guard = false;  // may fail while running
  bool method = true;  // also a method of Tensor
  std::function<std::vector<Tensor>(const std::vector<Argument>&)> call;
};

// An argument's name, and its default where it has one.
struct Arg {
  ArgSpec spec;
  Arg of(DTypes dtypes) &&;                        // a dtype class of its own
  Arg among(std::vector<std::string> choices) &&;  // the words a text argument accepts
};
Arg arg(const char* name);
Arg arg(const char* name, double fallback);
Arg arg(const char* name, int fallback);
Arg arg(const char* name, bool fallback);
Arg arg(const char* name, const char* fallback);
// For axes, optional tensors and optional dtypes: left out means undefined.
Arg optional(const char* name);

enum Flag : unsigned { kPlain = 0, kNoGrad = 1, kRandom = 2, kGuard = 4, kFunctionOnly = 8 };

template <class T>
struct Deduce;
template <>
struct Deduce<Tensor> {
  static constexpr ArgKind kind = ArgKind::kTensor;
  static const Tensor& get(const Argument& a) { return std::get<Tensor>(a); }
};
template <>
struct Deduce<std::optional<Tensor>> {
  static constexpr ArgKind kind = ArgKind::kOptionalTensor;
  static std::optional<Tensor> get(const Argument& a) {
    return std::holds_alternative<Tensor>(a) ? std::optional<Tensor>(std::get<Tensor>(a)) : std::nullopt;
  }
};
template <>
struct Deduce<std::vector<Tensor>> {
  static constexpr ArgKind kind = ArgKind::kTensors;
  static const std::vector<Tensor>& get(const Argument& a) { return std::get<std::vector<Tensor>>(a); }
};
template <>
struct Deduce<Value> {
  static constexpr ArgKind kind = ArgKind::kValue;
  static const Value& get(const Argument& a) { return std::get<Value>(a); }
};
template <>
struct Deduce<double> {
  static constexpr ArgKind kind = ArgKind::kNumber;
  static double get(const Argument& a) { return std::get<double>(a); }
};
template <>
struct Deduce<int64_t> {
  static constexpr ArgKind kind = ArgKind::kInt;
  static int64_t get(const Argument& a) { return std::get<int64_t>(a); }
};
template <>
struct Deduce<bool> {
  static constexpr ArgKind kind = ArgKind::kFlag;
  static bool get(const Argument& a) { return std::get<bool>(a); }
};
template <>
struct Deduce<std::vector<int64_t>> {
  static constexpr ArgKind kind = ArgKind::kInts;
  static const std::vector<int64_t>& get(const Argument& a) { return std::get<std::vector<int64_t>>(a); }
};
template <>
struct Deduce<Axes> {
  static constexpr ArgKind kind = ArgKind::kAxes;
  static const Axes& get(const Argument& a) { return std::get<Axes>(a); }
};
template <>
struct Deduce<DType> {
  static constexpr ArgKind kind = ArgKind::kDType;
  static DType get(const Argument& a) { return std::get<DType>(a); }
};
template <>
struct Deduce<std::string> {
  static constexpr ArgKind kind = ArgKind::kText;
  static const std::string& get(const Argument& a) { return std::get<std::string>(a); }
};

template <>
struct Deduce<std::vector<std::shared_ptr<State>>> {
  static constexpr ArgKind kind = ArgKind::kStates;
  static const std::vector<std::shared_ptr<State>>& get(const Argument& a) {
    return std::get<std::vector<std::shared_ptr<State>>>(a);
  }
};

template <class R, class... A, size_t... I>
std::vector<Tensor> invoke_op(R (*function)(A...), const std::vector<Argument>& args,
                              std::index_sequence<I...>) {
  if constexpr (std::is_void_v<R>) {
    function(Deduce<std::decay_t<A>>::get(args[I])...);
    return {};
  } else if constexpr (std::is_same_v<R, Tensor>) {
    return {function(Deduce<std::decay_t<A>>::get(args[I])...)};
  } else {
    return function(Deduce<std::decay_t<A>>::get(args[I])...);
  }
}

// One registry line. The number of names must match the function: a wrong arity does not compile.
template <class R, class... A, class... Names>
OpSpec op(const char* name, R (*function)(A...), DTypes dtypes, Result result, unsigned flags,
          const char* doc, Names... names) {
  static_assert(sizeof...(A) == sizeof...(Names), "an op names each of its arguments");
  static_assert(std::is_void_v<R> || std::is_same_v<R, Tensor> || std::is_same_v<R, std::vector<Tensor>>);
  OpSpec spec{name, "", doc, dtypes, result, {std::move(names.spec)...}};
  constexpr ArgKind kinds[] = {Deduce<std::decay_t<A>>::kind..., ArgKind::kTensor};
  for (size_t i = 0; i < sizeof...(A); ++i) spec.args[i].kind = kinds[i];
  spec.many = std::is_same_v<R, std::vector<Tensor>>;
  spec.writes = std::is_void_v<R>;
  spec.no_grad = flags & kNoGrad;
  spec.random = flags & kRandom;
  spec.guard = flags & kGuard;
  spec.method = !(flags & kFunctionOnly);
  spec.call = [function](const std::vector<Argument>& args) {
    return invoke_op(function, args, std::index_sequence_for<A...>{});
  };
  return spec;
}

// All ops, families in a fixed order; made once.
const std::vector<OpSpec>& registry();

// The device that a call computes on: that of its operands, or the environment's. Throws Error(kDevice) where
// they are on several, or not where the step is that is being recorded.
Device device_of(const OpSpec& spec, const std::vector<Argument>& args);

// Checks the dtype classes and the gradient rule, then calls. The one entry of the binding.
std::vector<Tensor> call(const OpSpec& spec, const std::vector<Argument>& args);

}  // namespace hebb::ops

// One conversion per argument kind of the registry.
#include "binding/arguments.h"

#include <cmath>

#include "binding/handle.h"
#include "core/error.h"

namespace hebb::binding {

namespace {

using ops::ArgKind;
using ops::Argument;

constexpr double kMaxInteger = 9007199254740991.0;

[[noreturn]] void refuse(const char* op, const char* name, const char* wanted, const Napi::Value& value) {
  throw Error(ErrorKind::kValue, op, std::string(name) + " must be " + wanted + ", got " + printed(value));
}

bool is_whole(double number) { return std::floor(number) == number && std::fabs(number) <= kMaxInteger; }

int64_t integer(const char* op, const char* name, const Napi::Value& value) {
  if (!value.IsNumber() || !is_whole(value.As<Napi::Number>().DoubleValue()))
    refuse(op, name, "an integer", value);
  return value.As<Napi::Number>().Int64Value();
}

double number(const char* op, const char* name, const Napi::Value& value) {
  if (!value.IsNumber()) refuse(op, name, "a number", value);
  return value.As<Napi::Number>().DoubleValue();
}

bool absent(const Napi::Value& value) { return value.IsUndefined() || value.IsNull(); }

// Lists of handles: Tensor[] or State[].
template <class F>
void for_each_item(const char* op, const char* name, const char* wanted, const Napi::Value& value, F visit) {
  if (!value.IsArray()) refuse(op, name, wanted, value);
  const auto array = value.As<Napi::Array>();
  // Taken once: a getter may make the array longer.
  const uint32_t length = array.Length();
  for (uint32_t i = 0; i < length; ++i) {
    const std::string item = std::string(name) + "[" + std::to_string(i) + "]";
    visit(item.c_str(), array.Get(i));
  }
}

ops::Value value_of(const char* op, const char* name, const Napi::Value& value) {
  if (value.IsNumber()) return {{}, value.As<Napi::Number>().DoubleValue()};
  if (unwrap(value) == nullptr) refuse(op, name, "a tensor or a number", value);
  return {tensor_handle(op, name, value).value(), 0};
}

std::vector<std::shared_ptr<State>> states(const char* op, const char* name, const Napi::Value& value) {
  std::vector<std::shared_ptr<State>> list;
  for_each_item(op, name, "an array of states", value, [&](const char* item, const Napi::Value& element) {
    list.push_back(state_handle(op, item, element).state);
  });
  return list;
}

std::string word(const char* op, const ops::ArgSpec& arg, const Napi::Value& value) {
  std::string text = value.IsString() ? value.As<Napi::String>().Utf8Value() : std::string();
  std::string wanted;
  for (const auto& choice : arg.choices) {
    if (value.IsString() && choice == text) return text;
    wanted += (wanted.empty() ? "'" : ", '") + choice + "'";
  }
  if (value.IsString() && arg.choices.empty()) return text;
  refuse(op, arg.name.c_str(), arg.choices.empty() ? "a string" : ("one of " + wanted).c_str(), value);
}

}  // namespace

Napi::Function function_of(const char* op, const char* name, const Napi::Value& value) {
  if (!value.IsFunction()) refuse(op, name, "a function", value);
  return value.As<Napi::Function>();
}

std::vector<Tensor> tensors_of(const char* op, const char* name, const Napi::Value& value) {
  std::vector<Tensor> list;
  for_each_item(op, name, "an array of tensors", value, [&](const char* item, const Napi::Value& element) {
    list.push_back(tensor_handle(op, item, element).value());
  });
  return list;
}

std::vector<int64_t> integers(const char* op, const char* name, const Napi::Value& value) {
  if (value.IsNumber()) return {integer(op, name, value)};
  std::vector<int64_t> list;
  for_each_item(
      op, name, "an integer or an array of integers", value,
      [&](const char* item, const Napi::Value& element) { list.push_back(integer(op, item, element)); });
  return list;
}

Shape shape_of(const char* op, const Napi::Value& value) {
  Shape shape;
  const std::vector<int64_t> extents = integers(op, "shape", value);
  if (extents.size() > kMaxRank) {
    throw Error(ErrorKind::kShape, op,
                text("rank %zu is too high; at most %d axes", extents.size(), kMaxRank));
  }
  for (int64_t extent : extents) shape.push_back(extent);
  check_extents(op, shape);
  return shape;
}

Device device_of(const char* op, const Napi::Value& value) {
  const std::string name = value.IsString() ? value.As<Napi::String>().Utf8Value() : std::string();
  if (name != "cpu" && name != "cuda") refuse(op, "device", "'cpu' or 'cuda'", value);
  return name == "cuda" ? Device::kCuda : Device::kCpu;
}

DType dtype_of(const char* op, const char* name, const Napi::Value& value) {
  DType dtype;
  if (!value.IsString() || !parse_dtype(value.As<Napi::String>().Utf8Value().c_str(), &dtype)) {
    refuse(op, name, "one of 'f32', 'f64', 'f16', 'bf16', 'i32', 'i64', 'u8', 'bool'", value);
  }
  return dtype;
}

Argument argument(const ops::OpSpec& spec, const ops::ArgSpec& arg, const Napi::Value& value) {
  const char* op = spec.name.c_str();
  const char* name = arg.name.c_str();
  switch (arg.kind) {
    case ArgKind::kTensor:
      return tensor_handle(op, name, value).value();
    case ArgKind::kOptionalTensor:
      if (absent(value)) return std::monostate{};
      return tensor_handle(op, name, value).value();
    case ArgKind::kTensors:
      return tensors_of(op, name, value);
    case ArgKind::kValue:
      return value_of(op, name, value);
    case ArgKind::kNumber:
      return number(op, name, value);
    case ArgKind::kInt:
      return integer(op, name, value);
    case ArgKind::kFlag:
      if (!value.IsBoolean()) refuse(op, name, "true or false", value);
      return value.As<Napi::Boolean>().Value();
    case ArgKind::kInts:
      return integers(op, name, value);
    case ArgKind::kAxes:
      if (absent(value)) return ops::Axes{};
      return ops::Axes{integers(op, name, value)};
    case ArgKind::kDType:
      return dtype_of(op, name, value);
    case ArgKind::kText:
      return word(op, arg, value);
    case ArgKind::kStates:
      return states(op, name, value);
  }
  throw Error(ErrorKind::kInternal, op, std::string(name) + " has an unknown kind");
}

}  // namespace hebb::binding

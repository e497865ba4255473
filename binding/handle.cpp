// Handles: wrapping, unwrapping and scopes.
#include "binding/handle.h"

#include "autograd/engine.h"
#include "binding/environment.h"
#include "core/error.h"

namespace hebb::binding {

namespace {

void finalize(napi_env, void* data, void*) { delete static_cast<Handle*>(data); }

Napi::Value external(Environment& environment, Handle* handle) {
  napi_value result;
  if (napi_create_external(environment.env(), handle, &finalize, nullptr, &result) != napi_ok) {
    delete handle;
    throw Error(ErrorKind::kInternal, "handle", "the environment is shutting down");
  }
  return Napi::Value(environment.env(), result);
}

Handle& live(const char* op, const char* name, const char* wanted, const Napi::Value& value) {
  Handle* handle = unwrap(value);
  if (handle == nullptr) {
    throw Error(ErrorKind::kValue, op, std::string(name) + " must be " + wanted + ", got " + printed(value));
  }
  if (handle->disposed() && handle->recorded) {
    throw Error(
        ErrorKind::kState, op,
        std::string(name) +
            " is a value of a step that was recorded, and is gone; return it from the step or keep it in "
            "a state");
  }
  if (handle->disposed()) {
    throw Error(ErrorKind::kState, op,
                std::string(name) +
                    " is disposed; use it before dispose(), or return it from the scope that freed it");
  }
  return *handle;
}

}  // namespace

Tensor Handle::value() const { return state ? autograd::read_state(*state) : tensor; }

void HandleLists::close(const std::vector<Handle*>& kept) {
  if (scopes_.size() == 1) throw Error(ErrorKind::kState, "scope", "none is open");
  Link& outer = *scopes_[scopes_.size() - 2];
  Link& inner = *scopes_.back();
  // Only what was made in this scope moves outwards; an older tensor already lives longer.
  std::vector<Link*> members;
  for (Link* link = inner.next; link != &inner; link = link->next) members.push_back(link);
  const std::unordered_set<Link*> keep(kept.begin(), kept.end());
  for (Link* link : members) {
    if (keep.contains(link)) {
      outer.append(link);
    } else {
      link->unlink();
      static_cast<Handle*>(link)->dispose();
    }
  }
  scopes_.pop_back();
}

void HandleLists::close_recorded(const std::function<bool(const Tensor&)>& died) {
  std::vector<Link*> members;
  // Scopes left open inside by a throw belong to their own callers, which close them; here none is.
  Link& inner = *scopes_.back();
  Link& outer = *scopes_[scopes_.size() - 2];
  for (Link* link = inner.next; link != &inner; link = link->next) members.push_back(link);
  for (Link* link : members) {
    auto* handle = static_cast<Handle*>(link);
    if (handle->tensor && !died(handle->tensor)) {
      outer.append(link);
      continue;
    }
    link->unlink();
    handle->recorded = true;
    handle->dispose();
  }
  scopes_.pop_back();
}

void HandleLists::clear() {
  for (auto& scope : scopes_) {
    while (scope->next != scope.get()) {
      auto* handle = static_cast<Handle*>(scope->next);
      handle->unlink();
      handle->dispose();
    }
  }
}

int64_t HandleLists::live() const {
  int64_t count = 0;
  for (const auto& scope : scopes_) {
    for (Link* link = scope->next; link != scope.get(); link = link->next) {
      count += static_cast<Handle*>(link)->tensor.defined();
    }
  }
  return count;
}

Napi::Value wrap(Environment& environment, Tensor tensor) {
  auto* handle = new Handle(environment.handles().table());
  fill(environment, *handle, std::move(tensor));
  return external(environment, handle);
}

Napi::Value wrap(Environment& environment, std::shared_ptr<State> state) {
  auto* handle = new Handle(environment.handles().table());
  handle->state = std::move(state);
  environment.handles().add_lasting(handle);
  return external(environment, handle);
}

Napi::Value wrap_lasting(Environment& environment, Tensor tensor) {
  auto* handle = new Handle(environment.handles().table());
  handle->tensor = std::move(tensor);
  environment.handles().add_lasting(handle);
  return external(environment, handle);
}

Napi::Array wrap_all(Environment& environment, std::vector<Tensor> tensors) {
  auto list = Napi::Array::New(environment.env(), tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i)
    list.Set(static_cast<uint32_t>(i), wrap(environment, std::move(tensors[i])));
  return list;
}

Napi::Value wrap_nothing(Environment& environment) {
  return external(environment, new Handle(environment.handles().table()));
}

Handle& empty_handle(const char* op, const Napi::Value& value) {
  Handle* handle = unwrap(value);
  if (handle == nullptr || !handle->disposed())
    throw Error(ErrorKind::kValue, op, "a result goes into an empty handle, got " + printed(value));
  return *handle;
}

void fill(Environment& environment, Handle& handle, Tensor tensor) {
  handle.tensor = std::move(tensor);
  environment.handles().add_tensor(&handle);
}

Handle* unwrap(const Napi::Value& value) {
  void* data = nullptr;
  if (napi_get_value_external(value.Env(), value, &data) != napi_ok || data == nullptr) return nullptr;
  auto* handle = static_cast<Handle*>(data);
  return Environment::of(value.Env()).handles().table()->contains(handle) ? handle : nullptr;
}

Handle& tensor_handle(const char* op, const char* name, const Napi::Value& value) {
  return live(op, name, "a tensor", value);
}

Handle& state_handle(const char* op, const char* name, const Napi::Value& value) {
  Handle& handle = live(op, name, "a state", value);
  if (!handle.state) throw Error(ErrorKind::kValue, op, std::string(name) + " must be a state, got a tensor");
  return handle;
}

std::string printed(const Napi::Value& value) {
  switch (value.Type()) {
    case napi_undefined:
      return "undefined";
    case napi_null:
      return "null";
    case napi_number:
      return number_text(value.As<Napi::Number>().DoubleValue());
    case napi_boolean:
      return value.As<Napi::Boolean>().Value() ? "true" : "false";
    case napi_string: {
      const std::string text = value.As<Napi::String>().Utf8Value();
      return "'" + (text.size() > 60 ? text.substr(0, 60) + "..." : text) + "'";
    }
    case napi_function:
      return "a function";
    case napi_external: {
      const Handle* handle = unwrap(value);
      return handle == nullptr ? "something of another environment" : handle->state ? "a state" : "a tensor";
    }
    case napi_object:
      return value.IsArray() ? "an array" : value.IsTypedArray() ? "a typed array" : "an object";
    case napi_symbol:
      return "a symbol";
    default:
      return "a bigint";
  }
}

}  // namespace hebb::binding

// Tensors at the border: made from JavaScript memory, described, read back, disposed, scoped.
#include <cstring>
#include <optional>

#include "autograd/engine.h"
#include "binding/arguments.h"
#include "binding/entry.h"
#include "binding/exports.h"
#include "ops/op.h"
#include "ops/transfer.h"

namespace hebb::binding {

namespace {

struct Bytes {
  const void* data;
  size_t size;
};

Bytes bytes_of(const char* op, const Napi::Value& value) {
  if (!value.IsTypedArray())
    throw Error(ErrorKind::kValue, op, "data must be a typed array, got " + printed(value));
  // Asked directly: the wrapper refuses arrays over shared memory, whose buffer is no ArrayBuffer.
  void* data = nullptr;
  if (napi_get_typedarray_info(value.Env(), value, nullptr, nullptr, &data, nullptr, nullptr) != napi_ok) {
    throw Error(ErrorKind::kValue, op, "data is a typed array of an unknown kind");
  }
  return {data, value.As<Napi::TypedArray>().ByteLength()};
}

void check_length(const char* op, const Bytes& bytes, const Shape& shape, DType dtype) {
  const auto needed = static_cast<size_t>(shape.size() * item_size(dtype));
  if (bytes.size == needed) return;
  throw Error(ErrorKind::kShape, op,
              text("%zu bytes of data for shape ", bytes.size) + shape.text() + " of " + dtype_name(dtype) +
                  text(", which takes %zu", needed));
}

// The data is copied at the call, and into the tensor in queue order: its memory may still be in use by older
// commands.
Tensor from_bytes(Environment& environment, DType dtype, const Shape& shape, const Bytes& bytes) {
  // JavaScript data is a constant of a step that is being recorded.
  const ops::NotRecorded now;
  Tensor tensor = ops::empty(dtype, shape);
  std::shared_ptr<char[]> staged(new char[bytes.size]);
  if (bytes.size > 0) std::memcpy(staged.get(), bytes.data, bytes.size);
  Block* block = tensor.storage()->block();
  block->fresh = false;
  environment.stream().write(block, dtype, std::move(staged), bytes.size);
  return tensor;
}

Napi::Value create(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    const DType dtype = dtype_of("tensor", "dtype", info[0]);
    const Shape shape = shape_of("tensor", info[1]);
    const Bytes bytes = bytes_of("tensor", info[2]);
    if (info[3].IsString()) environment.ops().use(device_of("tensor", info[3]));
    check_length("tensor", bytes, shape, dtype);
    return wrap(environment, from_bytes(environment, dtype, shape, bytes));
  });
}

// [dtype, requiresGrad, ...shape]: one call for everything a tensor object caches.
Napi::Value describe(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) -> Napi::Value {
    Handle& handle = tensor_handle("tensor", "it", info[0]);
    Napi::Env env = environment.env();
    const Shape& shape = handle.state ? handle.state->shape() : handle.tensor.shape();
    const DType dtype = handle.state ? handle.state->dtype() : handle.tensor.dtype();
    const bool requires_grad = handle.state ? handle.state->requires_grad() : handle.tensor.requires_grad();
    auto result = Napi::Array::New(env, static_cast<size_t>(shape.rank()) + 2);
    result.Set(uint32_t{0}, Napi::String::New(env, dtype_name(dtype)));
    result.Set(uint32_t{1}, Napi::Boolean::New(env, requires_grad));
    for (int axis = 0; axis < shape.rank(); ++axis) {
      result.Set(static_cast<uint32_t>(axis + 2), Napi::Number::New(env, static_cast<double>(shape[axis])));
    }
    return result;
  });
}

// No tensor: tasks run on the executor, tensors belong to this thread. The memory stays as it is until the
// task has run, since whatever reuses it is submitted later.
struct Source {
  Block* block;
  const char* data;
  size_t size;
};

Source source_of(Environment& environment, const char* op, const Napi::Value& value, const Bytes& target) {
  Handle& handle = tensor_handle(op, "the tensor", value);
  autograd::GradMode off(false);
  Tensor tensor = handle.value();
  if (ops::is_recorded(tensor)) {
    throw Error(ErrorKind::kState, op,
                "the value of a step that is being recorded is not there yet; return it from the step");
  }
  const ops::NotRecorded now;
  environment.ops().follow(tensor);
  tensor = ops::contiguous(tensor);
  check_length(op, target, tensor.shape(), tensor.dtype());
  Block* block = tensor.storage()->block();
  return {block, static_cast<const char*>(block->data) + tensor.offset() * item_size(tensor.dtype()),
          target.size};
}

// read(tensor, array, done): fills the array in queue order, then calls done(error?).
Napi::Value read(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    const Bytes target = bytes_of("read", info[1]);
    const Source source = source_of(environment, "read", info[0], target);
    auto completion = std::make_shared<std::unique_ptr<Completion>>(new Completion);
    (*completion)->callback = Napi::Persistent(function_of("read", "done", info[2]));
    (*completion)->target = Napi::Persistent(info[1].As<Napi::Object>());
    environment.expect();
    environment.stream().read(source.block, source.data, const_cast<void*>(target.data), source.size,
                              [&environment, completion](const Error* fault) {
                                (*completion)->fault = fault;
                                environment.complete(std::move(*completion));
                              });
    return environment.env().Undefined();
  });
}

Napi::Value read_sync(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    const Bytes target = bytes_of("readSync", info[1]);
    const Source source = source_of(environment, "readSync", info[0], target);
    std::optional<Error> failure;
    environment.stream().read(source.block, source.data, const_cast<void*>(target.data), source.size,
                              [&failure](const Error* fault) {
                                if (fault != nullptr) failure = *fault;
                              });
    environment.stream().drain();
    if (failure) throw *failure;
    return environment.env().Undefined();
  });
}

// tensorDevice(tensor or state): 'cpu' or 'cuda'; a constant is where it would be made.
Napi::Value device(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    const Handle& handle = tensor_handle("device", "it", info[0]);
    const bool anywhere = !handle.state && handle.tensor.is_constant();
    const Device device = handle.state ? handle.state->device()
                          : anywhere   ? environment.ops().base_device()
                                       : handle.tensor.device();
    return Napi::String::New(environment.env(), device_name(device));
  });
}

// tensorTo(tensor, device).
Napi::Value to(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    const Tensor x = tensor_handle("to", "x", info[0]).value();
    return wrap(environment, ops::to_device(x, device_of("to", info[1])));
  });
}

Napi::Value dispose(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    if (Handle* handle = unwrap(info[0])) handle->dispose();
    return environment.env().Undefined();
  });
}

Napi::Value is_disposed(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    const Handle* handle = unwrap(info[0]);
    return Napi::Boolean::New(environment.env(), handle == nullptr || handle->disposed());
  });
}

Napi::Value detach(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    return wrap(environment, tensor_handle("detach", "x", info[0]).value().detached());
  });
}

Napi::Value scope_open(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    environment.handles().open();
    return environment.env().Undefined();
  });
}

Napi::Value scope_close(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    std::vector<Handle*> kept;
    if (info[0].IsArray()) {
      const auto list = info[0].As<Napi::Array>();
      const uint32_t length = list.Length();
      for (uint32_t i = 0; i < length; ++i) {
        if (Handle* handle = unwrap(list.Get(i))) kept.push_back(handle);
      }
    }
    environment.handles().close(kept);
    return environment.env().Undefined();
  });
}

}  // namespace

void export_tensor(Napi::Env env, Napi::Object exports) {
  exports.Set("create", Napi::Function::New(env, create));
  exports.Set("describe", Napi::Function::New(env, describe));
  exports.Set("read", Napi::Function::New(env, read));
  exports.Set("readSync", Napi::Function::New(env, read_sync));
  exports.Set("tensorDevice", Napi::Function::New(env, device));
  exports.Set("tensorTo", Napi::Function::New(env, to));
  exports.Set("dispose", Napi::Function::New(env, dispose));
  exports.Set("isDisposed", Napi::Function::New(env, is_disposed));
  exports.Set("detach", Napi::Function::New(env, detach));
  exports.Set("scopeOpen", Napi::Function::New(env, scope_open));
  exports.Set("scopeClose", Napi::Function::New(env, scope_close));
}

}  // namespace hebb::binding

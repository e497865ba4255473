// Arguments of ops, from JavaScript values by their registered kind.
#pragma once

#include <napi.h>

#include <string>
#include <vector>

#include "ops/registry.h"

namespace hebb::binding {

ops::Argument argument(const ops::OpSpec& spec, const ops::ArgSpec& arg, const Napi::Value& value);

// A list of integers such as a shape; throws Error(kValue).
std::vector<int64_t> integers(const char* op, const char* name, const Napi::Value& value);
// Throws Error(kValue) for anything else.
Napi::Function function_of(const char* op, const char* name, const Napi::Value& value);
// An array of tensors.
std::vector<Tensor> tensors_of(const char* op, const char* name, const Napi::Value& value);
Shape shape_of(const char* op, const Napi::Value& value);
// 'cpu' or 'cuda'.
Device device_of(const char* op, const Napi::Value& value);
DType dtype_of(const char* op, const char* name, const Napi::Value& value);

}  // namespace hebb::binding

// Names of dtypes and the promotion table.
#include "core/dtype.h"

#include <algorithm>

namespace hebb {

namespace {

constexpr const char* kNames[kDTypeCount] = {"f32", "f64", "f16", "bf16", "i32", "i64", "u8", "bool"};

// Wider wins within a class.
int width(DType dtype) {
  switch (dtype) {
    case DType::kF64:
    case DType::kI64:
      return 3;
    case DType::kF32:
    case DType::kI32:
      return 2;
    case DType::kBool:
      return 0;
    default:
      return 1;
  }
}

}  // namespace

const char* dtype_name(DType dtype) { return kNames[static_cast<int>(dtype)]; }

bool parse_dtype(const char* name, DType* dtype) {
  for (int i = 0; i < kDTypeCount; ++i) {
    if (std::strcmp(name, kNames[i]) == 0) {
      *dtype = static_cast<DType>(i);
      return true;
    }
  }
  return false;
}

DType promote(DType a, DType b) {
  if (a == b) return a;
  if (is_float(a) != is_float(b)) return is_float(a) ? a : b;
  if (is_float(a) && width(a) == 1 && width(b) == 1) return DType::kF32;
  return width(a) >= width(b) ? a : b;
}

}  // namespace hebb

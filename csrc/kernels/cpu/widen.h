// Half operands of kernels that compute in f32 throughout: converted before and after, in scratch memory.
#pragma once

#include "kernels/cpu/convert.h"
#include "kernels/cpu/tasks.h"
#include "stream/command.h"
#include "stream/context.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

HEBB_INLINE bool is_half(DType dtype) { return dtype == DType::kF16 || dtype == DType::kBF16; }

// count contiguous elements.
inline void convert(stream::Context& context, void* to, DType to_dtype, const void* from, DType from_dtype,
                    int64_t count) {
  const ConvertRow row = convert_row(to_dtype, from_dtype);
  context.parallel(ceil_div(count, kTaskElements), [&](int64_t task, int) {
    const int64_t begin = task * kTaskElements;
    row(static_cast<char*>(to) + begin * item_size(to_dtype), 1,
        static_cast<const char*>(from) + begin * item_size(from_dtype), 1,
        least(kTaskElements, count - begin));
  });
}

inline void widen(stream::Context& context, const stream::Operand& from, float* to) {
  convert(context, to, DType::kF32, from.data, from.dtype, from.size());
}

inline void narrow(stream::Context& context, const float* from, const stream::Operand& to) {
  convert(context, to.data, to.dtype, from, DType::kF32, to.size());
}

}  // namespace
}  // namespace hebb::kernels::HEBB_ISA

// Conversion of rows of elements between all dtypes; compiled in copy.cpp, used by every kernel that reads
// mixed dtypes.
#pragma once

#include <cstdint>

#include "core/dtype.h"

namespace hebb::kernels::HEBB_ISA {

// to[i * to_stride] = from[i * from_stride] for i < count. Floats become integers by truncation, saturating,
// NaN as 0; integers wrap; whatever is not 0 is true; halves are rounded once.
using ConvertRow = void (*)(void* to, int64_t to_stride, const void* from, int64_t from_stride,
                            int64_t count);
ConvertRow convert_row(DType to, DType from);

}  // namespace hebb::kernels::HEBB_ISA

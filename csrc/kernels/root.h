// Square roots as every device rounds them: to nearest.
#pragma once

#include "core/inline.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

#if defined(__CUDACC__)
HEBB_INLINE float root(float x) { return ::sqrtf(x); }
HEBB_INLINE double root(double x) { return ::sqrt(x); }
#else
HEBB_INLINE float root(float x) { return __builtin_sqrtf(x); }
HEBB_INLINE double root(double x) { return __builtin_sqrt(x); }
#endif

}  // namespace
}  // namespace hebb::kernels::HEBB_ISA

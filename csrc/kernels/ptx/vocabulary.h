// The vocabulary of functors.h for numbers of PTX, and the formulas in it.
#pragma once

#define HEBB_ISA ptx

#include "kernels/ptx/double.h"

namespace hebb::kernels::ptx {
namespace {

using Real = Number<float>;
using Whole = Number<int32_t>;

// The magnitude of a with the sign of b.
inline Real copysign(const Real& a, const Real& b) {
  return from_bits<float>(to_bits(abs(a)) | (to_bits(b) & Whole(INT32_MIN)));
}

}  // namespace
}  // namespace hebb::kernels::ptx

#include "kernels/elementary.h"
// Behind it.
#include "kernels/elementary64.h"
// Behind that.
#include "kernels/power64.h"
#include "kernels/trigonometry64.h"

#define HEBB_VOCABULARY
#include "kernels/functors.h"

// Slots of the element-wise formulas, one for each line of functors.h.
#pragma once

#include "kernels/functors.h"
#include "stream/command.h"

namespace hebb::kernels {

struct ElementwiseParams {
  int64_t compute;    // the DType the formula is computed in: f32, f64, i32 or i64
  double scalars[4];  // the formula's parameters
};

// y contiguous, then the formula's operands, of any layout and dtype or constants, broadcast to y.
#define HEBB_DECLARE_FORMULA(name, formula, operands, numbers) extern stream::Slot name;
#define HEBB_DECLARE_PREDICATE(name, formula, operands) extern stream::Slot name;
HEBB_FORMULAS(HEBB_DECLARE_FORMULA)
HEBB_PREDICATES(HEBB_DECLARE_PREDICATE)
#undef HEBB_DECLARE_FORMULA
#undef HEBB_DECLARE_PREDICATE

}  // namespace hebb::kernels

// Slots of the element-wise formulas, one for each line of functors.h.
#pragma once

#include "kernels/functors.h"
#include "stream/tile_program.h"

namespace hebb::kernels {

using stream::ElementwiseParams;

// y contiguous, then the formula's operands, of any layout and dtype or constants, broadcast to y.
#define HEBB_DECLARE_FORMULA(name, formula, operands, numbers) extern stream::Slot name;
#define HEBB_DECLARE_PREDICATE(name, formula, operands) extern stream::Slot name;
HEBB_FORMULAS(HEBB_DECLARE_FORMULA)
HEBB_PREDICATES(HEBB_DECLARE_PREDICATE)
#undef HEBB_DECLARE_FORMULA
#undef HEBB_DECLARE_PREDICATE

}  // namespace hebb::kernels

// Copies between layouts and dtypes, and numbers in steps.
#pragma once

#include "stream/command.h"

namespace hebb::kernels {

struct ArangeParams {
  double start;
  double step;
};

// y contiguous, x of any layout and dtype, or a constant, broadcast to y. Floats become integers by
// truncation, saturating, NaN as 0; whatever is not 0 becomes true.
extern stream::Slot copy;
// The same into a view of memory that has other parts.
extern stream::Slot copy_into;
// The same into the memory of a state.
extern stream::Slot assign;
// y[i] = start + i step; computed in f64.
extern stream::Slot arange;

}  // namespace hebb::kernels

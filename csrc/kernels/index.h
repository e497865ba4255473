// Picking and adding elements by index along the middle axis of [outer, extent, inner] arrays, and one-hot
// rows. Indices are i32 or i64; one out of range is reported and leaves the output undefined.
#pragma once

#include "stream/command.h"

namespace hebb::kernels {

// y [outer, count, inner], x [outer, extent, inner], indices [count]: y[o, k, i] = x[o, indices[k], i].
extern stream::Slot take;
// y [outer, extent, inner], x [outer, count, inner], indices [count]: zeros, with x[o, k, i] added at [o,
// indices[k], i].
extern stream::Slot index_add;
// y [outer, count, inner], x [outer, extent, inner], indices as y: y[o, k, i] = x[o, indices[o, k, i], i].
extern stream::Slot gather;
// y [outer, extent, inner], x [outer, count, inner], indices as x: zeros, with x[o, k, i] added at
// [o, indices[o, k, i], i].
extern stream::Slot scatter_add;
// y [count, classes], indices [count]: 1 at [k, indices[k]], else 0.
extern stream::Slot one_hot;

}  // namespace hebb::kernels

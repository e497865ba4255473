// The slot of fused element-wise commands.
#pragma once

#include "stream/tile_program.h"

namespace hebb::kernels {

// The outputs of the command's tile program, contiguous and of one shape, then its inputs, of any layout and
// dtype or constants, broadcast to that shape; seeds (i64 [2]) are given as their first element. An output
// may lie where a contiguous input of its dtype and shape does.
extern stream::Slot fused;

}  // namespace hebb::kernels

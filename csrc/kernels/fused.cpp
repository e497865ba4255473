// The slot of fused element-wise commands: its traits.
#include "kernels/fused.h"

namespace hebb::kernels {

stream::Slot fused{"fused", {.takes_constants = true, .takes_strides = true, .in_place = true}};

}  // namespace hebb::kernels

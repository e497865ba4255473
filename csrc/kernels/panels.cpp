// Defines the slot that packs weights.
#include "kernels/panels.h"

namespace hebb::kernels {

stream::Slot pack_panels{.name = "pack_panels", .traits = {.min_inputs = 1, .takes_strides = true}};

}  // namespace hebb::kernels

// Defines the slots that pack weights.
#include "kernels/panels.h"

namespace hebb::kernels {

stream::Slot pack_panels{.name = "pack_panels", .traits = {.min_inputs = 1, .takes_strides = true}};

stream::Slot pack_tiles[] = {
    {.name = "pack_tiles", .traits = {.min_inputs = 1, .takes_strides = true}},
    {.name = "pack_tiles_high", .traits = {.min_inputs = 1, .takes_strides = true}},
    {.name = "pack_tiles_f32", .traits = {.min_inputs = 1, .takes_strides = true}},
};

}  // namespace hebb::kernels

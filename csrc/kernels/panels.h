// The commands that pack a weight for the products that read it.
#pragma once

#include "stream/command.h"

namespace hebb::kernels {

// panels; source [matrices, k, columns] of any layout: the panels that the products of this instruction set
// read. Those of a half type are f32.
extern stream::Slot pack_panels;

// tiles; source [1, k, columns], f32: the tiles of 1, 2 and 3 bf16 terms that products on a tile unit read.
extern stream::Slot pack_tiles[3];

}  // namespace hebb::kernels

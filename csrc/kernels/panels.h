// The command that packs a weight for the products that read it.
#pragma once

#include "stream/command.h"

namespace hebb::kernels {

// panels; source [matrices, k, columns] of any layout: the panels that the products of this instruction set
// read. Those of a half type are f32.
extern stream::Slot pack_panels;

}  // namespace hebb::kernels

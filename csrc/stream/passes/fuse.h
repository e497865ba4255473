// Fusing: chains of element-wise commands become one command that touches memory once.
#pragma once

#include "stream/program.h"

namespace hebb::stream {

// Whether a command writes all of its one result element for element, and nothing that it reads.
bool is_elementwise(const PlanCommand& command);

// Groups element-wise commands and conversions over the same elements, in program order, each into one
// command of the slot `fused` in the place of its last member; values that only members read vanish. A fused
// command has the fault of any of its inputs in all of its outputs.
void fuse_elementwise(Program& program, const Slot& fused);

}  // namespace hebb::stream

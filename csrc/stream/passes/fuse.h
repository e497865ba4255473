// Fusing: chains of element-wise commands become one command that touches memory once.
#pragma once

#include <optional>

#include "stream/passes/assemble.h"
#include "stream/program.h"

namespace hebb::stream {

// Whether a command writes all of its one result element for element, and nothing that it reads.
bool is_elementwise(const PlanCommand& command);

// Command `at` as a tile program with its operands: a fused one as it is, an element-wise one assembled. None
// for any other.
std::optional<PlanCommand> as_program(const Program& program, const Readers& readers, int at);

// Makes such a program part of the command; its operands come behind the command's own.
void attach_program(PlanCommand& command, const PlanCommand& program);

// Groups element-wise commands and conversions over the same elements, in program order, each into one
// command of the slot `fused` in the place of its last member; values that only members read vanish. A fused
// command has the fault of any of its inputs in all of its outputs.
void fuse_elementwise(Program& program, const Slot& fused);

}  // namespace hebb::stream

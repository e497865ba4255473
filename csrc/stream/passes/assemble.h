// Assembling: element-wise commands over the same elements made into one fused command.
#pragma once

#include <optional>
#include <vector>

#include "stream/program.h"

namespace hebb::stream {

// The places of the commands that read each buffer.
using Readers = std::vector<std::vector<int>>;
Readers readers_of(const Program& program);

// Whether `operand` is, element for element, what `output` wrote.
bool is_whole_value(const PlanOperand& operand, const PlanOperand& output);

// One command for `members`, the places of commands in program order. Values that nothing else reads vanish.
// None where a limit of tile programs would be passed, or where no shape fits all operands.
std::optional<PlanCommand> assemble(const Program& program, const Readers& readers,
                                    const std::vector<int>& members, const Slot& fused);

}  // namespace hebb::stream

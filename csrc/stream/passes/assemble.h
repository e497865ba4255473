// Assembling: element-wise commands over the same elements made into one fused command.
#pragma once

#include <optional>
#include <vector>

#include "stream/program.h"

namespace hebb::stream {

// Which commands use a buffer, by their place in the program.
struct BufferUse {
  std::vector<int> readers;
  std::vector<int> writers;
};
std::vector<BufferUse> uses_of(const Program& program);

// Whether `operand` is, element for element, what `output` wrote.
bool is_whole_value(const PlanOperand& operand, const PlanOperand& output);

// One command for `members`, the places of commands in program order. Values that nothing else reads vanish.
// None where a limit of tile programs would be passed, or where no shape fits all operands.
std::optional<PlanCommand> assemble(const Program& program, const std::vector<BufferUse>& uses,
                                    const std::vector<int>& members, const Slot& fused);

}  // namespace hebb::stream

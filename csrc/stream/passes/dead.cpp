// Dead commands.
#include "stream/passes/passes.h"
#include "stream/passes/usage.h"

namespace hebb::stream::passes {

void drop_dead(Program& program) {
  std::vector<bool> live(program.buffers.size());
  for (size_t i = 0; i < live.size(); ++i) {
    const Origin origin = program.buffers[i].origin;
    live[i] = origin == Origin::kState || origin == Origin::kOutput;
  }
  std::vector<bool> dead(program.commands.size());
  for (size_t i = program.commands.size(); i-- > 0;) {
    const PlanCommand& command = program.commands[i];
    bool needed = false;
    for (const auto& operand : command.operands)
      needed = needed || (operand.writes() && live[static_cast<size_t>(operand.buffer)]);
    dead[i] = !needed;
    if (!needed) continue;
    for (const auto& operand : command.operands) {
      if (operand.reads() && operand.buffer != kNoBuffer) live[static_cast<size_t>(operand.buffer)] = true;
    }
  }
  erase_commands(program, dead);
}

}  // namespace hebb::stream::passes

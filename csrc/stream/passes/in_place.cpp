// In-place results: two buffers of which one begins where the other ends become one.
#include "stream/passes/passes.h"
#include "stream/passes/usage.h"

namespace hebb::stream::passes {

namespace {

// The input whose memory the first result may take; null for none.
const PlanOperand* dying_input(const Program& program, const PlanCommand& command, int at,
                               const std::vector<BufferUse>& uses) {
  const PlanOperand& result = command.operands[0];
  for (const auto& input : command.operands) {
    if (input.writes() || !program.is_temporary(input.buffer) || input.view.dtype != result.view.dtype)
      continue;
    if (!is_whole(program, input) || input.view.size() != result.view.size()) continue;
    const BufferUse& use = uses[static_cast<size_t>(input.buffer)];
    if (use.readers.back() != at || use.writers.empty() || use.writers.back() >= at) continue;
    // Another operand may see the same memory through another layout.
    int seen = 0;
    for (const auto& other : command.operands) {
      if (other.buffer == input.buffer) seen += is_whole(program, other) ? 0 : 1;
    }
    if (seen == 0) return &input;
  }
  return nullptr;
}

}  // namespace

void reuse_in_place(Program& program) {
  std::vector<BufferUse> uses = uses_of(program);
  std::vector<int> stands_for(program.buffers.size());
  for (size_t i = 0; i < stands_for.size(); ++i) stands_for[i] = static_cast<int>(i);
  for (size_t i = 0; i < program.commands.size(); ++i) {
    PlanCommand& command = program.commands[i];
    for (auto& operand : command.operands) {
      if (operand.buffer != kNoBuffer) operand.buffer = stands_for[static_cast<size_t>(operand.buffer)];
    }
    if (!command.slot->traits.in_place || command.operands.empty()) continue;
    const PlanOperand& result = command.operands[0];
    if (result.view.role != Role::kOut || !program.is_temporary(result.buffer) || !is_whole(program, result))
      continue;
    const int at = static_cast<int>(i);
    if (uses[static_cast<size_t>(result.buffer)].writers.front() != at) continue;
    const PlanOperand* input = dying_input(program, command, at, uses);
    if (input == nullptr) continue;
    const int from = result.buffer, to = input->buffer;
    stands_for[static_cast<size_t>(from)] = to;
    // The one buffer lives on as the other one did.
    BufferUse& joined = uses[static_cast<size_t>(to)];
    const BufferUse& later = uses[static_cast<size_t>(from)];
    joined.readers = later.readers.empty() ? std::vector<int>{at} : later.readers;
    joined.writers = later.writers;
    command.operands[0].buffer = to;
  }
}

}  // namespace hebb::stream::passes

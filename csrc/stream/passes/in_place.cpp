// In-place results: two buffers of which one begins where the other ends become one.
#include "stream/passes/passes.h"
#include "stream/passes/usage.h"

namespace hebb::stream::passes {

namespace {

// The input whose memory the result may take; null for none.
const PlanOperand* dying_input(const Program& program, const PlanCommand& command, const PlanOperand& result,
                               int at, const std::vector<BufferUse>& uses) {
  if (result.view.role != Role::kOut || !program.is_temporary(result.buffer) || !is_whole(program, result))
    return nullptr;
  if (uses[static_cast<size_t>(result.buffer)].writers.front() != at) return nullptr;
  for (const auto& input : command.operands) {
    if (input.writes() || !program.is_temporary(input.buffer) ||
        item_size(input.view.dtype) != item_size(result.view.dtype))
      continue;
    if (!is_whole(program, input) || input.view.size() != result.view.size()) continue;
    const BufferUse& use = uses[static_cast<size_t>(input.buffer)];
    if (use.readers.back() != at || use.writers.empty() || use.writers.back() >= at) continue;
    // Another operand may see the same memory through another layout.
    int seen = 0;
    for (const auto& other : command.operands) {
      if (other.buffer == input.buffer) seen += !other.writes() && is_whole(program, other) ? 0 : 1;
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
    const int at = static_cast<int>(i);
    for (auto& operand : command.operands) {
      if (operand.buffer != kNoBuffer) operand.buffer = stands_for[static_cast<size_t>(operand.buffer)];
    }
    if (!command.slot->traits.in_place) continue;
    for (auto& result : command.operands) {
      if (!result.writes()) break;
      const PlanOperand* input = dying_input(program, command, result, at, uses);
      if (input == nullptr) continue;
      const auto from = static_cast<size_t>(result.buffer), to = static_cast<size_t>(input->buffer);
      stands_for[from] = input->buffer;
      // The one buffer lives on as the other one did.
      uses[to].readers = uses[from].readers.empty() ? std::vector<int>{at} : uses[from].readers;
      uses[to].writers = uses[from].writers;
      result.buffer = input->buffer;
    }
  }
}

}  // namespace hebb::stream::passes

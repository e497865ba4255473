// In-place results: two buffers of which one begins where the other ends become one.
#include <algorithm>

#include "stream/passes/passes.h"
#include "stream/passes/usage.h"

namespace hebb::stream::passes {

namespace {

// The operands that may share memory: those of the slot, or of the tile program behind it.
struct Range {
  size_t first = 0;
  size_t results = 0;  // the first that is no result
};

Range sharing(const PlanCommand& command) {
  Range range;
  if (command.tiles && (command.slot->traits.in_place || command.slot->traits.epilogue)) {
    range.first = command.tile_operands;
    range.results = range.first + command.tiles->output_count;
  } else if (command.slot->traits.in_place) {
    range.results = 1;
  }
  return range;
}

// The slot is not done with its own operands when its program runs.
bool is_own(const PlanCommand& command, size_t own, int buffer) {
  return std::any_of(command.operands.begin(), command.operands.begin() + static_cast<std::ptrdiff_t>(own),
                     [&](const PlanOperand& operand) { return operand.buffer == buffer; });
}

// The input whose memory the result may take; null for none.
const PlanOperand* dying_input(const Program& program, const PlanCommand& command, const PlanOperand& result,
                               int at, const std::vector<BufferUse>& uses) {
  const size_t own = sharing(command).first;
  if (is_own(command, own, result.buffer)) return nullptr;
  if (result.view.role != Role::kOut || !program.is_temporary(result.buffer) || !is_whole(program, result))
    return nullptr;
  if (uses[static_cast<size_t>(result.buffer)].writers.front() != at) return nullptr;
  for (const auto& input : command.operands) {
    if (input.writes() || !program.is_temporary(input.buffer) || is_own(command, own, input.buffer) ||
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
    const Range range = sharing(command);
    for (size_t k = range.first; k < range.results; ++k) {
      PlanOperand& result = command.operands[k];
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

// Common commands, found by value numbering: buffers are told apart by how often they have been written.
#include <string>
#include <unordered_map>

#include "stream/passes/passes.h"
#include "stream/passes/usage.h"

namespace hebb::stream::passes {

namespace {

// Everything that the results follow from.
std::string key_of(const PlanCommand& command, const std::vector<int>& versions) {
  std::string key;
  append_bytes(key, command.slot);
  append_bytes(key, command.tiles.get());
  append_bytes(key, command.repetition);
  key.append(reinterpret_cast<const char*>(command.params.data()), command.params.size());
  for (const auto& operand : command.operands) {
    append_bytes(key, operand.view.role);
    if (operand.writes()) {
      append_view(key, operand.view);
    } else {
      append_value(key, operand, versions);
    }
  }
  return key;
}

// Results that are temporaries, wholly written by this command and by no other.
bool replaceable(const Program& program, const PlanCommand& command, const std::vector<BufferUse>& uses) {
  for (const auto& operand : command.operands) {
    if (!operand.writes()) continue;
    if (operand.view.role != Role::kOut || !program.is_temporary(operand.buffer)) return false;
    if (uses[static_cast<size_t>(operand.buffer)].writers.size() != 1) return false;
    if (!is_whole(program, operand)) return false;
  }
  return true;
}

}  // namespace

void merge_common(Program& program) {
  const std::vector<BufferUse> uses = uses_of(program);
  std::vector<int> versions(program.buffers.size()), stands_for(program.buffers.size());
  for (size_t i = 0; i < stands_for.size(); ++i) stands_for[i] = static_cast<int>(i);
  std::unordered_map<std::string, size_t> known;
  std::vector<bool> repeated(program.commands.size());
  for (size_t i = 0; i < program.commands.size(); ++i) {
    PlanCommand& command = program.commands[i];
    for (auto& operand : command.operands) {
      if (operand.buffer != kNoBuffer && !operand.writes())
        operand.buffer = stands_for[static_cast<size_t>(operand.buffer)];
    }
    if (replaceable(program, command, uses)) {
      const auto [place, fresh] = known.try_emplace(key_of(command, versions), i);
      repeated[i] = !fresh;
      const auto& first = program.commands[place->second].operands;
      for (size_t k = 0; k < first.size() && !fresh; ++k) {
        if (first[k].writes()) stands_for[static_cast<size_t>(command.operands[k].buffer)] = first[k].buffer;
      }
    }
    for (const auto& operand : command.operands) {
      if (operand.writes()) ++versions[static_cast<size_t>(operand.buffer)];
    }
  }
  erase_commands(program, repeated);
}

}  // namespace hebb::stream::passes

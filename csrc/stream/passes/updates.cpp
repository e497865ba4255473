// Splitting of updates: an optimizer's one command over all parameters keeps all gradients alive until the
// end.
#include <cstring>

#include "stream/passes/passes.h"
#include "stream/passes/usage.h"

namespace hebb::stream::passes {

namespace {

// A state of fewer bytes is not worth a command of its own.
constexpr int64_t kLarge = 256 << 10;

int64_t entries_of(const PlanCommand& command) {
  int64_t count;
  std::memcpy(&count, command.params.data(), sizeof count);
  return count;
}

// The command for some entries alone.
PlanCommand subset(const PlanCommand& whole, const std::vector<int64_t>& chosen) {
  const auto entries = static_cast<size_t>(entries_of(whole));
  const size_t lists = whole.operands.size() / entries;
  PlanCommand part = whole;
  part.operands.clear();
  for (size_t list = 0; list < lists; ++list) {
    for (const int64_t entry : chosen)
      part.operands.push_back(whole.operands[list * entries + static_cast<size_t>(entry)]);
  }
  for (size_t k = lists * entries; k < whole.operands.size(); ++k) part.operands.push_back(whole.operands[k]);
  const auto count = static_cast<int64_t>(chosen.size());
  std::memcpy(part.params.data(), &count, sizeof count);
  return part;
}

bool splittable(const PlanCommand& command) {
  if (!command.slot->traits.lists) return false;
  // With one entry, what is shared could not be told from a further list, and there is nothing to split.
  return entries_of(command) > 1;
}

// Moves the command to the place after the last one it must follow.
void insert_early(std::vector<PlanCommand>& commands, PlanCommand command) {
  size_t at = commands.size();
  while (at > 0 && !conflict(commands[at - 1], command)) --at;
  commands.insert(commands.begin() + static_cast<std::ptrdiff_t>(at), std::move(command));
}

}  // namespace

void split_updates(Program& program) {
  std::vector<PlanCommand> commands;
  commands.reserve(program.commands.size());
  for (auto& command : program.commands) {
    if (!splittable(command)) {
      commands.push_back(std::move(command));
      continue;
    }
    std::vector<int64_t> small;
    for (int64_t entry = 0; entry < entries_of(command); ++entry) {
      const auto& state = command.operands[static_cast<size_t>(entry)].view;
      if (state.size() * item_size(state.dtype) < kLarge) {
        small.push_back(entry);
      } else {
        insert_early(commands, subset(command, {entry}));
      }
    }
    if (!small.empty()) commands.push_back(subset(command, small));
  }
  program.commands = std::move(commands);
}

}  // namespace hebb::stream::passes

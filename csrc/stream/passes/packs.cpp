// Packs: a weight that several products would bring into panels is packed once, and one that no command
// writes stays packed between runs.
#include <string>
#include <unordered_map>
#include <utility>

#include "stream/passes/passes.h"
#include "stream/passes/usage.h"

namespace hebb::stream::passes {

namespace {

// Panels of one value, and who would make them.
struct Wanted {
  Packing packing;
  PlanOperand source;
  std::vector<std::pair<size_t, int>> users;  // command and operand
};

std::vector<Wanted> wanted_packs(const Program& program) {
  std::vector<Wanted> list;
  std::unordered_map<std::string, size_t> known;
  std::vector<int> versions(program.buffers.size());
  for (size_t i = 0; i < program.commands.size(); ++i) {
    const PlanCommand& command = program.commands[i];
    const Packing packing =
        command.slot->packing == nullptr ? Packing{} : command.slot->packing(CommandView(command).command());
    if (packing.operand >= 0) {
      PlanOperand source = command.operands[static_cast<size_t>(packing.operand)];
      source.view = packing.source;
      std::string key;
      append_bytes(key, packing.slot);
      append_value(key, source, versions);
      const auto [place, fresh] = known.try_emplace(key, list.size());
      if (fresh) list.push_back({packing, source, {}});
      list[place->second].users.emplace_back(i, packing.operand);
    }
    for (const auto& operand : command.operands) {
      if (operand.writes()) ++versions[static_cast<size_t>(operand.buffer)];
    }
  }
  return list;
}

PlanCommand pack_command(const Wanted& wanted, int buffer, uint64_t site) {
  PlanOperand panels;
  panels.buffer = buffer;
  panels.view.dtype = wanted.packing.dtype;
  panels.view.role = Role::kOut;
  panels.view.rank = 1;
  panels.view.shape[0] = wanted.packing.size;
  panels.view.strides[0] = 1;
  PlanCommand command;
  command.slot = wanted.packing.slot;
  command.operands = {panels, wanted.source};
  command.site = site;
  return command;
}

}  // namespace

void pack_once(Program& program) {
  const std::vector<BufferUse> uses = uses_of(program);
  const auto is_kept = [&](int buffer) {
    const Origin origin = program.buffers[static_cast<size_t>(buffer)].origin;
    return (origin == Origin::kState || origin == Origin::kCaptured) &&
           uses[static_cast<size_t>(buffer)].writers.empty();
  };
  std::vector<PlanCommand> commands;
  std::vector<std::vector<PlanCommand>> before(program.commands.size());
  for (const Wanted& wanted : wanted_packs(program)) {
    const bool kept = is_kept(wanted.source.buffer);
    if (!kept && wanted.users.size() < 2) continue;
    const int buffer = program.add_buffer(kept ? Origin::kPack : Origin::kTemporary,
                                          kept ? static_cast<int>(commands.size()) : 0,
                                          wanted.packing.size * item_size(wanted.packing.dtype));
    const size_t first = wanted.users.front().first;
    (kept ? commands : before[first]).push_back(pack_command(wanted, buffer, program.commands[first].site));
    for (const auto& [user, at] : wanted.users) {
      PlanOperand& operand = program.commands[user].operands[static_cast<size_t>(at)];
      operand.buffer = buffer;
      operand.offset = 0;
      operand.view.in_panels = true;
    }
  }
  for (size_t i = 0; i < program.commands.size(); ++i) {
    for (auto& pack : before[i]) commands.push_back(std::move(pack));
    commands.push_back(std::move(program.commands[i]));
  }
  program.commands = std::move(commands);
}

}  // namespace hebb::stream::passes

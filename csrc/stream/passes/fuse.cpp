// Which element-wise commands may run as one: groups grow in program order until something else needs them.
#include "stream/passes/fuse.h"

#include <algorithm>
#include <iterator>
#include <unordered_set>
#include <utility>

#include "stream/passes/assemble.h"
#include "stream/passes/space.h"

namespace hebb::stream {

namespace {

constexpr size_t kMostMembers = 24;

// Commands that will run together, where the last of them stands. No command behind a member writes what it
// reads, or uses what it writes, as long as the group is open: so all its members may move down.
struct Group {
  std::vector<int> members;
  std::unordered_set<int> reads;
  std::unordered_set<int> writes;
  PlanCommand fused;  // where there are two members or more
};

// Reading along another axis than memory runs is the business of the copy kernel.
bool is_straight(const Operand& operand, const Operand& output) {
  const Operand spread = spread_over(operand, output);
  return spread.rank == 0 || spread.strides[spread.rank - 1] <= 1;
}

class Fuser {
 public:
  Fuser(const Program& program, const Slot& fused)
      : program_(program),
        fused_(fused),
        readers_(readers_of(program)),
        group_of_(program.commands.size(), -1) {}

  std::vector<PlanCommand> run() {
    for (size_t i = 0; i < program_.commands.size(); ++i) {
      const PlanCommand& command = program_.commands[i];
      const int own = is_elementwise(command) ? place(static_cast<int>(i)) : -1;
      std::erase_if(open_, [&](int id) { return id != own && needs_before(group(id), command); });
    }
    return emit();
  }

 private:
  Group& group(int id) { return groups_[static_cast<size_t>(id)]; }

  // Whether the command must run behind the members of the group.
  static bool needs_before(const Group& group, const PlanCommand& command) {
    return std::any_of(command.operands.begin(), command.operands.end(), [&](const PlanOperand& operand) {
      if (operand.buffer == kNoBuffer) return false;
      if (group.writes.contains(operand.buffer)) return true;
      return operand.writes() && group.reads.contains(operand.buffer);
    });
  }

  // Whether the command reads values of the group, all of them element for element, and overwrites nothing.
  bool continues(const Group& group, const PlanCommand& command) const {
    const PlanOperand& output = command.operands[0];
    if (group.reads.contains(output.buffer) || group.writes.contains(output.buffer)) return false;
    bool reads = false;
    for (size_t k = 1; k < command.operands.size(); ++k) {
      const PlanOperand& operand = command.operands[k];
      if (operand.buffer == kNoBuffer || !group.writes.contains(operand.buffer)) continue;
      reads = true;
      const bool same = std::any_of(group.members.begin(), group.members.end(), [&](int member) {
        return is_whole_value(operand, program_.commands[static_cast<size_t>(member)].operands[0]);
      });
      if (!same || operand.view.size() != output.view.size()) return false;
    }
    return reads;
  }

  // The group that the command becomes part of: those it continues, all of them or the latest, else a new
  // one.
  int place(int index) {
    const PlanCommand& command = program_.commands[static_cast<size_t>(index)];
    std::vector<int> feeding;
    for (const int id : open_) {
      if (continues(group(id), command)) feeding.push_back(id);
    }
    if (feeding.size() > 1 && join(feeding, index)) return feeding.front();
    for (auto id = feeding.rbegin(); id != feeding.rend(); ++id) {
      if (join({*id}, index)) return *id;
    }
    groups_.emplace_back();
    const int id = static_cast<int>(groups_.size()) - 1;
    open_.push_back(id);
    add(id, index);
    return id;
  }

  void add(int id, int index) {
    Group& to = group(id);
    to.members.push_back(index);
    group_of_[static_cast<size_t>(index)] = id;
    for (const PlanOperand& operand : program_.commands[static_cast<size_t>(index)].operands) {
      if (operand.buffer == kNoBuffer) continue;
      (operand.writes() ? to.writes : to.reads).insert(operand.buffer);
    }
  }

  // Makes the groups and the command one; false where that does not fit. Two open groups never need an order
  // between them.
  bool join(const std::vector<int>& ids, int index) {
    std::vector<int> members;
    for (const int id : ids) {
      std::vector<int> merged;
      std::merge(members.begin(), members.end(), group(id).members.begin(), group(id).members.end(),
                 std::back_inserter(merged));
      members = std::move(merged);
    }
    members.push_back(index);
    if (members.size() > kMostMembers) return false;
    auto fused = assemble(program_, readers_, members, fused_);
    if (!fused) return false;
    const int kept = ids.front();
    for (const int id : ids) {
      if (id == kept) continue;
      std::erase(open_, id);
      for (const int member : group(id).members) group_of_[static_cast<size_t>(member)] = kept;
      group(kept).reads.merge(group(id).reads);
      group(kept).writes.merge(group(id).writes);
      group(id) = {};
    }
    add(kept, index);
    group(kept).members = std::move(members);
    group(kept).fused = std::move(*fused);
    return true;
  }

  std::vector<PlanCommand> emit() {
    std::vector<PlanCommand> commands;
    for (size_t i = 0; i < program_.commands.size(); ++i) {
      const int id = group_of_[i];
      if (id < 0 || group(id).members.size() == 1) {
        commands.push_back(program_.commands[i]);
      } else if (group(id).members.back() == static_cast<int>(i)) {
        commands.push_back(std::move(group(id).fused));
      }
    }
    return commands;
  }

  const Program& program_;
  const Slot& fused_;
  const Readers readers_;
  std::vector<int> group_of_;  // by command; -1 for none
  std::vector<Group> groups_;
  std::vector<int> open_;
};

}  // namespace

bool is_elementwise(const PlanCommand& command) {
  const Traits& traits = command.slot->traits;
  if (!(traits.elementwise || traits.conversion || traits.draws)) return false;
  const PlanOperand& output = command.operands[0];
  if (output.view.role != Role::kOut || !is_packed(output.view)) return false;
  for (size_t k = 1; k < command.operands.size(); ++k) {
    const PlanOperand& operand = command.operands[k];
    if (operand.writes() || operand.buffer == output.buffer) return false;
  }
  const PlanOperand& first = command.operands[1];
  return !traits.conversion || first.buffer == kNoBuffer || is_straight(first.view, output.view);
}

std::optional<PlanCommand> as_program(const Program& program, const Readers& readers, int at) {
  const PlanCommand& command = program.commands[static_cast<size_t>(at)];
  if (command.tiles && command.tile_operands == 0) return command;
  if (!is_elementwise(command)) return std::nullopt;
  return assemble(program, readers, {at}, *command.slot);
}

void attach_program(PlanCommand& command, const PlanCommand& program) {
  command.tiles = program.tiles;
  command.tile_operands = command.operands.size();
  command.operands.insert(command.operands.end(), program.operands.begin(), program.operands.end());
}

void fuse_elementwise(Program& program, const Slot& fused) { program.commands = Fuser(program, fused).run(); }

}  // namespace hebb::stream

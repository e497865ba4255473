// Keys of commands, and which commands leave a choice.
#include "stream/tuning.h"

#include <unordered_set>
#include <utility>

#include "core/error.h"

namespace hebb::stream {

namespace {

bool is_contiguous(const Operand& view) {
  int64_t expected = 1;
  for (int axis = view.rank - 1; axis >= 0; --axis) {
    if (view.shape[axis] != 1 && view.strides[axis] != expected) return false;
    expected *= view.shape[axis];
  }
  return true;
}

// "f32[8, 4]", with strides where the elements do not lie in order: "f32[8, 4] by 1, 8".
std::string operand_text(const PlanOperand& operand) {
  const Operand& view = operand.view;
  std::string line = operand.buffer == kNoBuffer ? number_text(view.constant) + " " : "";
  line += view_text(view);
  if (operand.buffer == kNoBuffer || is_contiguous(view)) return line;
  for (int axis = 0; axis < view.rank; ++axis)
    line += (axis > 0 ? ", " : " by ") + std::to_string(view.strides[axis]);
  return line;
}

bool leaves_a_choice(const MethodChoice& choice) { return (choice.possible & (choice.possible - 1)) != 0; }

}  // namespace

std::string command_key(const PlanCommand& command, const Tuning& tuning) {
  const Slot& slot = *command.slot;
  std::string key = slot.name;
  for (size_t i = 0; i < command.own_operands(); ++i)
    key += (i == 0 ? " " : "; ") + operand_text(command.operands[i]);
  if (slot.params != nullptr) {
    const int method = slot.methods == nullptr ? -1 : slot.methods->offset;
    key += " (" + parameters_text(*slot.params, command.params.data(), method) + ")";
  }
  return key + " " + tuning.isa + text(", %d thread%s", tuning.threads, tuning.threads == 1 ? "" : "s");
}

std::vector<TunableCommand> tunable_commands(const Program& program, const Tuning& tuning) {
  std::vector<TunableCommand> list;
  std::unordered_set<std::string> known;
  for (const PlanCommand& command : program.commands) {
    if (command.slot->methods == nullptr || command.slot->choice == nullptr) continue;
    const MethodChoice choice = command.slot->choice(CommandView(command).command());
    if (!leaves_a_choice(choice)) continue;
    std::string key = command_key(command, tuning);
    if (known.insert(key).second) list.push_back({std::move(key), &command, choice});
  }
  return list;
}

int64_t method_named(const Methods& methods, const std::string& name) {
  for (int64_t i = 1; i < methods.count; ++i) {
    if (name == methods.names[i]) return i;
  }
  return -1;
}

}  // namespace hebb::stream

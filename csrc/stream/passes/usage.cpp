// Dependencies between commands.
#include "stream/passes/usage.h"

#include "stream/passes/space.h"

namespace hebb::stream::passes {

namespace {

void add_once(std::vector<int>& list, int command) {
  if (list.empty() || list.back() != command) list.push_back(command);
}

}  // namespace

std::vector<BufferUse> uses_of(const Program& program) {
  std::vector<BufferUse> uses(program.buffers.size());
  for (size_t i = 0; i < program.commands.size(); ++i) {
    for (const auto& operand : program.commands[i].operands) {
      if (operand.buffer == kNoBuffer) continue;
      BufferUse& use = uses[static_cast<size_t>(operand.buffer)];
      if (operand.reads()) add_once(use.readers, static_cast<int>(i));
      if (operand.writes()) add_once(use.writers, static_cast<int>(i));
    }
  }
  return uses;
}

bool conflict(const PlanCommand& a, const PlanCommand& b) {
  for (const auto& x : a.operands) {
    if (x.buffer == kNoBuffer) continue;
    for (const auto& y : b.operands) {
      if (x.buffer == y.buffer && (x.writes() || y.writes())) return true;
    }
  }
  return false;
}

void append_value(std::string& key, const PlanOperand& operand, const std::vector<int>& versions) {
  append_view(key, operand.view);
  append_bytes(key, operand.buffer);
  append_bytes(key, operand.offset);
  if (operand.buffer == kNoBuffer) {
    append_bytes(key, operand.view.constant);
  } else {
    append_bytes(key, versions[static_cast<size_t>(operand.buffer)]);
  }
}

void erase_commands(Program& program, const std::vector<bool>& marked) {
  size_t kept = 0;
  for (size_t i = 0; i < program.commands.size(); ++i) {
    if (marked[i]) continue;
    if (kept != i) program.commands[kept] = std::move(program.commands[i]);
    ++kept;
  }
  program.commands.resize(kept);
}

bool is_whole(const Program& program, const PlanOperand& operand) {
  return operand.buffer != kNoBuffer && operand.offset == 0 && is_packed(operand.view) &&
         operand.view.size() * item_size(operand.view.dtype) ==
             program.buffers[static_cast<size_t>(operand.buffer)].bytes;
}

}  // namespace hebb::stream::passes

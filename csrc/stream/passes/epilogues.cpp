// Epilogues: an element-wise command becomes part of the command that makes what it reads.
#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "stream/passes/assemble.h"
#include "stream/passes/fuse.h"
#include "stream/passes/passes.h"
#include "stream/passes/space.h"
#include "stream/passes/usage.h"

namespace hebb::stream::passes {

namespace {

bool is_producer(const PlanCommand& command) {
  if (!command.slot->traits.epilogue || command.tiles || command.operands.empty()) return false;
  const PlanOperand& result = command.operands[0];
  return result.view.role == Role::kOut && result.buffer != kNoBuffer && is_packed(result.view);
}

bool uses(const PlanCommand& command, int buffer) {
  return std::any_of(command.operands.begin(), command.operands.end(),
                     [&](const PlanOperand& operand) { return operand.buffer == buffer; });
}

class Epilogues {
 public:
  explicit Epilogues(Program& program)
      : program_(program),
        readers_(readers_of(program)),
        users_(program.buffers.size()),
        produced_(program.buffers.size()) {
    for (const PlanCommand& command : program.commands) {
      for (const int buffer : buffers_of(command)) ++users_[static_cast<size_t>(buffer)];
      if (is_producer(command)) produced_[static_cast<size_t>(command.operands[0].buffer)] = true;
    }
  }

  void run() {
    std::vector<PlanCommand> after;
    after.reserve(program_.commands.size());
    for (size_t i = 0; i < program_.commands.size(); ++i) {
      std::optional<PlanCommand> rest = program_of(program_.commands[i], static_cast<int>(i));
      if (!rest || !append(after, *rest)) after.push_back(program_.commands[i]);
    }
    program_.commands = std::move(after);
  }

 private:
  static std::vector<int> buffers_of(const PlanCommand& command) {
    std::vector<int> buffers;
    for (const PlanOperand& operand : command.operands) {
      if (operand.buffer != kNoBuffer) buffers.push_back(operand.buffer);
    }
    std::sort(buffers.begin(), buffers.end());
    buffers.erase(std::unique(buffers.begin(), buffers.end()), buffers.end());
    return buffers;
  }

  // The command as a tile program with its operands; nothing where it is none, or reads no result that could
  // get it.
  std::optional<PlanCommand> program_of(const PlanCommand& command, int at) const {
    const bool made = std::any_of(command.operands.begin(), command.operands.end(), [&](const auto& operand) {
      return operand.buffer != kNoBuffer && !operand.writes() &&
             produced_[static_cast<size_t>(operand.buffer)];
    });
    return made ? as_program(program_, readers_, at) : std::nullopt;
  }

  // Makes the program the epilogue of one of the commands so far: the latest that can take it.
  bool append(std::vector<PlanCommand>& commands, const PlanCommand& rest) {
    std::vector<int> wanted;
    for (const PlanOperand& operand : rest.operands) {
      if (operand.buffer != kNoBuffer && !operand.writes() && produced_[static_cast<size_t>(operand.buffer)])
        wanted.push_back(operand.buffer);
    }
    // Behind `end`, the program may run as early as it likes.
    std::optional<size_t> end;
    for (size_t i = commands.size(); i-- > 0 && !wanted.empty();) {
      if (takes(commands[i], rest) && may_move(commands, i, end.value_or(i))) {
        merge(commands, i, end.value_or(i), rest);
        return true;
      }
      for (const PlanOperand& operand : commands[i].operands) {
        if (operand.writes()) std::erase(wanted, operand.buffer);
      }
      if (!end && conflict(commands[i], rest)) end = i;
    }
    return false;
  }

  // Whether the command makes what the program reads, element for element, and touches nothing else of it but
  // what both read.
  static bool takes(const PlanCommand& command, const PlanCommand& rest) {
    if (!is_producer(command)) return false;
    const PlanOperand& result = command.operands[0];
    bool reads = false;
    for (size_t k = 0; k < rest.operands.size(); ++k) {
      const PlanOperand& operand = rest.operands[k];
      if (operand.buffer == kNoBuffer) continue;
      if (k < rest.tiles->output_count) {
        if (uses(command, operand.buffer)) return false;
      } else if (operand.buffer == result.buffer) {
        if (!is_whole_value(operand, result)) return false;
        reads = true;
      } else if (std::any_of(command.operands.begin(), command.operands.end(),
                             [&](const auto& own) { return own.buffer == operand.buffer && own.writes(); })) {
        return false;
      }
    }
    return reads && rest.operands[0].view.size() == result.view.size();
  }

  // Whether command `i` may move behind command `end`.
  static bool may_move(const std::vector<PlanCommand>& commands, size_t i, size_t end) {
    for (size_t k = i + 1; k <= end; ++k) {
      if (conflict(commands[k], commands[i])) return false;
    }
    return true;
  }

  void merge(std::vector<PlanCommand>& commands, size_t i, size_t end, const PlanCommand& rest) {
    PlanCommand& command = commands[i];
    for (const int buffer : buffers_of(rest)) {
      if (uses(command, buffer)) --users_[static_cast<size_t>(buffer)];
    }
    const int result = command.operands[0].buffer;
    const int place = place_of(command.operands[0], rest);
    attach_program(command, rest);
    for (PlanOperand& operand : command.operands) {
      if (operand.buffer != result) continue;
      operand.buffer = place;
      operand.view.role = Role::kOut;
    }
    std::rotate(commands.begin() + static_cast<std::ptrdiff_t>(i),
                commands.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                commands.begin() + static_cast<std::ptrdiff_t>(end) + 1);
  }

  // Where the result lies: in the memory of one of the program's outputs, if nobody else wants it.
  int place_of(const PlanOperand& result, const PlanCommand& rest) const {
    const bool inner = program_.is_temporary(result.buffer) && is_whole(program_, result) &&
                       users_[static_cast<size_t>(result.buffer)] == 1;
    for (size_t k = 0; inner && k < rest.tiles->output_count; ++k) {
      const PlanOperand& output = rest.operands[k];
      if (is_whole(program_, output) && item_size(output.view.dtype) == item_size(result.view.dtype))
        return output.buffer;
    }
    return result.buffer;
  }

  Program& program_;
  const Readers readers_;
  std::vector<int> users_;      // by buffer: the commands that use it
  std::vector<bool> produced_;  // by buffer: the result of a command that could go on with it
};

}  // namespace

void append_epilogues(Program& program) { Epilogues(program).run(); }

}  // namespace hebb::stream::passes

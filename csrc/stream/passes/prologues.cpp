// Prologues: an element-wise command becomes part of the command that reads what it makes.
#include <optional>
#include <utility>

#include "stream/passes/assemble.h"
#include "stream/passes/fuse.h"
#include "stream/passes/passes.h"
#include "stream/passes/usage.h"

namespace hebb::stream::passes {

namespace {

class Prologues {
 public:
  explicit Prologues(Program& program)
      : program_(program), readers_(readers_of(program)), uses_(uses_of(program)) {}

  void run() {
    std::vector<bool> taken(program_.commands.size());
    for (size_t i = 0; i < program_.commands.size(); ++i) {
      PlanCommand& command = program_.commands[i];
      const std::optional<int> maker = maker_of(command, static_cast<int>(i));
      if (!maker) continue;
      const std::optional<PlanCommand> made = as_program(program_, readers_, *maker);
      if (!made) continue;
      prepend(command, *made);
      taken[static_cast<size_t>(*maker)] = true;
    }
    erase_commands(program_, taken);
  }

 private:
  // The command that makes the first input of command `at`, for it alone; it may run as late as this one.
  std::optional<int> maker_of(const PlanCommand& command, int at) const {
    if (!command.slot->traits.prologue || command.tiles) return std::nullopt;
    size_t first = 0;
    while (first < command.operands.size() && command.operands[first].writes()) ++first;
    if (first == command.operands.size()) return std::nullopt;
    const PlanOperand& input = command.operands[first];
    if (!program_.is_temporary(input.buffer)) return std::nullopt;
    const BufferUse& use = uses_[static_cast<size_t>(input.buffer)];
    if (use.writers.size() != 1 || use.readers.size() != 1 || use.writers[0] >= at) return std::nullopt;
    const int maker = use.writers[0];
    const PlanCommand& made = program_.commands[static_cast<size_t>(maker)];
    if (made.tiles && made.tiles->output_count > 1) return std::nullopt;
    if (!is_whole_value(input, made.operands[0])) return std::nullopt;
    for (size_t k = 0; k < command.operands.size(); ++k) {
      if (k != first && command.operands[k].buffer == input.buffer) return std::nullopt;
    }
    for (int k = maker + 1; k < at; ++k) {
      if (conflict(program_.commands[static_cast<size_t>(k)], made)) return std::nullopt;
    }
    return writes_what_it_reads(command, made) ? std::nullopt : std::optional(maker);
  }

  // Whether the command writes into what the program still reads.
  static bool writes_what_it_reads(const PlanCommand& command, const PlanCommand& made) {
    for (const PlanOperand& result : command.operands) {
      if (!result.writes()) continue;
      for (const PlanOperand& operand : made.operands) {
        if (operand.buffer == result.buffer) return true;
      }
    }
    return false;
  }

  // What the program makes is nowhere in memory: the operands that stood for it have no buffer.
  static void prepend(PlanCommand& command, const PlanCommand& made) {
    const int buffer = made.operands[0].buffer;
    attach_program(command, made);
    for (PlanOperand& operand : command.operands) {
      if (operand.buffer != buffer) continue;
      operand.buffer = kNoBuffer;
      operand.offset = 0;
      operand.view.role = Role::kIn;
    }
  }

  Program& program_;
  const Readers readers_;
  const std::vector<BufferUse> uses_;
};

}  // namespace

void prepend_prologues(Program& program) { Prologues(program).run(); }

}  // namespace hebb::stream::passes

// From commands to a tile program: inputs in one shape, instructions with the roundings that lay between the
// commands, registers.
#include "stream/passes/assemble.h"

#include <algorithm>
#include <memory>

#include "stream/passes/space.h"

namespace hebb::stream {

namespace {

// Tiles for results that are alive together: more would leave the first cache.
constexpr int kMostRegisters = 16;

class Assembly {
 public:
  Assembly(const Program& program, const Readers& readers, const std::vector<int>& members)
      : program_(program), readers_(readers), members_(members) {}

  // False where it does not work out in this space.
  bool run(const Space& space) {
    space_ = &space;
    for (const int member : members_) emit(member);
    if (!fits_) return false;
    number_values();
    return give_registers();
  }

  PlanCommand command(const Slot& fused) {
    PlanCommand command;
    command.slot = &fused;
    command.operands = outputs_;
    command.operands.insert(command.operands.end(), inputs_.begin(), inputs_.end());
    command.tiles = std::make_shared<const TileProgram>(tiles_);
    command.site = command_at(members_.back()).site;
    return command;
  }

 private:
  // While instructions are added, results are numbered from here.
  static constexpr int kResults = kTileReads;

  struct Written {
    int buffer;
    int value;
    DType dtype;
  };

  const PlanCommand& command_at(int index) const { return program_.commands[static_cast<size_t>(index)]; }

  // Whether someone outside reads what a member writes.
  bool is_needed(int buffer) const {
    const auto& readers = readers_[static_cast<size_t>(buffer)];
    if (!program_.is_temporary(buffer) || readers.empty()) return true;
    return !std::all_of(readers.begin(), readers.end(), [&](int reader) {
      return std::binary_search(members_.begin(), members_.end(), reader);
    });
  }

  int add(const TileInstruction& instruction) {
    if (tiles_.instruction_count == kTileInstructions) {
      fits_ = false;
      return kResults;
    }
    tiles_.instructions[tiles_.instruction_count] = instruction;
    output_of_[tiles_.instruction_count] = -1;
    return kResults + tiles_.instruction_count++;
  }

  int convert(int value, DType from, DType to) {
    TileInstruction conversion;
    conversion.from = from;
    conversion.to = to;
    conversion.in[0] = static_cast<uint8_t>(value);
    return add(conversion);
  }

  // A value known as `from`, as `to`: one conversion serves all that read it.
  int as_dtype(int value, DType from, DType to) {
    if (from == to) return value;
    for (int i = 0; i < tiles_.instruction_count; ++i) {
      const TileInstruction& known = tiles_.instructions[i];
      if (known.slot == nullptr && known.arity == 1 && known.in[0] == value && known.to == to)
        return kResults + i;
    }
    return convert(value, from, to);
  }

  // An operand in the common shape, as the fused command has it; the same one for all that read it.
  int input_of(PlanOperand operand, const Operand& output) {
    Operand& view = operand.view;
    view = spread_over(view, output);
    if (operand.buffer == kNoBuffer) std::fill_n(view.strides, kRank, 0);
    fits_ = fits_ && fold_into(*space_, view);
    const auto same = [&](const PlanOperand& known) {
      return known.buffer == operand.buffer && known.offset == operand.offset &&
             known.view.dtype == view.dtype &&
             std::memcmp(&known.view.constant, &view.constant, sizeof view.constant) == 0 &&
             std::equal(view.strides, view.strides + view.rank, known.view.strides);
    };
    const auto found = std::find_if(inputs_.begin(), inputs_.end(), same);
    if (found != inputs_.end()) return static_cast<int>(found - inputs_.begin());
    if (inputs_.size() == kTileInputs) fits_ = false;
    inputs_.push_back(operand);
    return static_cast<int>(inputs_.size()) - 1;
  }

  int read_of(int input, DType dtype) {
    for (int k = 0; k < tiles_.read_count; ++k) {
      if (tiles_.reads[k].input == input && tiles_.reads[k].dtype == dtype) return k;
    }
    if (tiles_.read_count == kTileReads) {
      fits_ = false;
      return 0;
    }
    tiles_.reads[tiles_.read_count] = {static_cast<uint8_t>(input), dtype};
    return tiles_.read_count++;
  }

  // What a member's operand stands for, as `dtype`.
  int value_of(const PlanOperand& operand, const Operand& output, DType dtype) {
    for (const Written& written : written_) {
      if (written.buffer == operand.buffer) return as_dtype(written.value, written.dtype, dtype);
    }
    return read_of(input_of(operand, output), dtype);
  }

  int words(const PlanCommand& command) {
    PlanOperand seed = command.operands[2];
    seed.view.rank = 0;
    TileInstruction instruction;
    instruction.from = instruction.to = DType::kI32;
    instruction.arity = 0;
    instruction.seed = static_cast<uint8_t>(input_of(seed, command.operands[0].view));
    instruction.counter = command.param<DrawParams>().counter;
    return add(instruction);
  }

  int formula(const PlanCommand& command) {
    const Operand& output = command.operands[0].view;
    const Traits& traits = command.slot->traits;
    TileInstruction instruction;
    instruction.slot = command.slot;
    instruction.arity = static_cast<uint8_t>(command.operands.size() - 1);
    int operands = instruction.arity;
    if (traits.draws) {
      instruction.from = compute_type(output.dtype);
      instruction.scalars[0] = command.param<DrawParams>().p;
      instruction.in[--operands] = static_cast<uint8_t>(words(command));
    } else {
      const auto& params = command.param<ElementwiseParams>();
      instruction.from = static_cast<DType>(params.compute);
      std::copy_n(params.scalars, 4, instruction.scalars);
    }
    instruction.to = traits.predicate ? output.dtype : instruction.from;
    for (int k = 0; k < operands; ++k) {
      const auto& operand = command.operands[static_cast<size_t>(k) + 1];
      instruction.in[k] = static_cast<uint8_t>(value_of(operand, output, instruction.from));
    }
    const int value = add(instruction);
    return instruction.to == output.dtype ? value : convert(value, instruction.from, output.dtype);
  }

  void emit(int member) {
    const PlanCommand& command = command_at(member);
    const PlanOperand& output = command.operands[0];
    const bool needed = is_needed(output.buffer);
    const DType dtype = output.view.dtype;
    int value;
    if (!command.slot->traits.conversion) {
      value = formula(command);
    } else if (needed) {
      const PlanOperand& source = command.operands[1];
      value = convert(value_of(source, output.view, source.view.dtype), source.view.dtype, dtype);
    } else {
      value = value_of(command.operands[1], output.view, dtype);
    }
    written_.push_back({output.buffer, value, dtype});
    if (needed && fits_) add_output(output, value);
  }

  void add_output(PlanOperand output, int value) {
    if (outputs_.size() == kTileOutputs) {
      fits_ = false;
      return;
    }
    output_of_[value - kResults] = static_cast<int>(outputs_.size());
    output.view = spread_over(output.view, output.view);
    fits_ = fits_ && fold_into(*space_, output.view);
    outputs_.push_back(output);
  }

  // Results follow the reads without a gap.
  void number_values() {
    tiles_.output_count = static_cast<uint8_t>(outputs_.size());
    for (int i = 0; i < tiles_.instruction_count; ++i) {
      for (uint8_t& value : tiles_.instructions[i].in) {
        if (value >= kResults) value = static_cast<uint8_t>(value - kResults + tiles_.read_count);
      }
    }
  }

  bool give_registers() {
    int last_use[kTileInstructions] = {};
    for (int i = 0; i < tiles_.instruction_count; ++i) {
      last_use[i] = i;
      const TileInstruction& instruction = tiles_.instructions[i];
      for (int k = 0; k < instruction.arity; ++k) {
        if (instruction.in[k] >= tiles_.read_count) last_use[instruction.in[k] - tiles_.read_count] = i;
      }
    }
    int free_after[kTileInstructions] = {};  // by register
    int count = 0;
    for (int i = 0; i < tiles_.instruction_count; ++i) {
      if (output_of_[i] >= 0) continue;
      // A result never lies where an operand of the same instruction does.
      int place = 0;
      while (place < count && free_after[place] >= i) ++place;
      count = std::max(count, place + 1);
      free_after[place] = last_use[i];
      tiles_.instructions[i].place = static_cast<uint8_t>(place);
    }
    for (int i = 0; i < tiles_.instruction_count; ++i) {
      if (output_of_[i] >= 0) tiles_.instructions[i].place = static_cast<uint8_t>(count + output_of_[i]);
    }
    tiles_.registers = static_cast<uint8_t>(count);
    return count <= kMostRegisters;
  }

  const Program& program_;
  const Readers& readers_;
  const std::vector<int>& members_;
  const Space* space_ = nullptr;
  std::vector<PlanOperand> outputs_;
  std::vector<PlanOperand> inputs_;
  std::vector<Written> written_;
  TileProgram tiles_;
  int output_of_[kTileInstructions] = {};  // -1 for a result that stays inside
  bool fits_ = true;
};

}  // namespace

Readers readers_of(const Program& program) {
  Readers readers(program.buffers.size());
  for (size_t i = 0; i < program.commands.size(); ++i) {
    for (const auto& operand : program.commands[i].operands) {
      if (operand.buffer == kNoBuffer || !operand.reads()) continue;
      readers[static_cast<size_t>(operand.buffer)].push_back(static_cast<int>(i));
    }
  }
  return readers;
}

bool is_whole_value(const PlanOperand& operand, const PlanOperand& output) {
  return operand.buffer == output.buffer && operand.offset == output.offset &&
         operand.view.dtype == output.view.dtype && is_packed(operand.view) &&
         operand.view.size() == output.view.size();
}

std::optional<PlanCommand> assemble(const Program& program, const Readers& readers,
                                    const std::vector<int>& members, const Slot& fused) {
  std::vector<Space> tried;
  for (const int member : members) {
    const Space space(program.commands[static_cast<size_t>(member)].operands[0].view);
    if (std::find(tried.begin(), tried.end(), space) != tried.end()) continue;
    tried.push_back(space);
    Assembly assembly(program, readers, members);
    if (assembly.run(space)) return assembly.command(fused);
  }
  return std::nullopt;
}

}  // namespace hebb::stream

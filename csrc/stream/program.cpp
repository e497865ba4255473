// Telling about programs: work, bytes, text.
#include "stream/program.h"

#include <algorithm>

#include "core/error.h"

namespace hebb::stream {

namespace {

const char* origin_name(Origin origin) {
  constexpr const char* kNames[] = {"t", "arg", "state", "grad", "outer", "seed", "out"};
  return kNames[static_cast<int>(origin)];
}

std::string extents(const Operand& view) {
  std::string result = "[";
  for (int axis = 0; axis < view.rank; ++axis)
    result += (axis > 0 ? ", " : "") + std::to_string(view.shape[axis]);
  return result + "]";
}

std::string operand_text(const Program& program, const PlanOperand& operand) {
  const std::string type = dtype_name(operand.view.dtype) + extents(operand.view);
  if (operand.buffer == kNoBuffer) return number_text(operand.view.constant) + " " + type;
  const Buffer& buffer = program.buffers[static_cast<size_t>(operand.buffer)];
  const bool named = buffer.origin != Origin::kTemporary;
  return origin_name(buffer.origin) + std::to_string(named ? buffer.index : operand.buffer) +
         (operand.offset != 0 ? "+" + std::to_string(operand.offset) : "") + " " + type;
}

std::string field_text(const Field& field, const unsigned char* at) {
  std::string result = std::string(field.name) + "=";
  for (int i = 0; i < field.count; ++i) {
    if (i > 0) result += ",";
    if (field.type == FieldType::kInt) {
      int64_t value;
      std::memcpy(&value, at + i * sizeof value, sizeof value);
      result += std::to_string(value);
    } else if (field.type == FieldType::kFloat) {
      double value;
      std::memcpy(&value, at + i * sizeof value, sizeof value);
      result += number_text(value);
    } else {
      result += at[i] != 0 ? "true" : "false";
    }
  }
  return result;
}

// " {r0 = mul x0 x1; r1 = out0 = f16 r0}": x are the reads, conversions have the name of their dtype.
std::string tiles_text(const TileProgram& tiles) {
  const auto value = [&](int number) {
    return number < tiles.read_count ? "x" + std::to_string(number)
                                     : "r" + std::to_string(number - tiles.read_count);
  };
  std::string result = " {";
  for (int i = 0; i < tiles.instruction_count; ++i) {
    const TileInstruction& instruction = tiles.instructions[i];
    result += (i > 0 ? "; " : "") + value(tiles.read_count + i);
    if (instruction.place >= tiles.registers)
      result += " = out" + std::to_string(instruction.place - tiles.registers);
    result += std::string(" = ") + (instruction.slot         ? instruction.slot->name
                                    : instruction.arity == 0 ? "words"
                                                             : dtype_name(instruction.to));
    for (int k = 0; k < instruction.arity; ++k) result += " " + value(instruction.in[k]);
  }
  return result + "}";
}

std::string command_text(const Program& program, const PlanCommand& command) {
  std::string line = command.slot->name;
  for (const auto& operand : command.operands) {
    if (operand.writes())
      line += std::string(operand.reads() ? " <>" : " <-") + operand_text(program, operand);
  }
  line += " :";
  for (const auto& operand : command.operands) {
    if (!operand.writes()) line += " " + operand_text(program, operand) + ",";
  }
  line.pop_back();
  if (const Layout* layout = command.slot->params) {
    line += "  (";
    for (int i = 0; i < layout->count; ++i)
      line += (i > 0 ? " " : "") +
              field_text(layout->fields[i], command.params.data() + layout->fields[i].offset);
    line += ")";
  }
  if (command.tiles) line += tiles_text(*command.tiles);
  return line;
}

// Conversions are no work of their own.
double formulas_of(const TileProgram& tiles) {
  return static_cast<double>(std::count_if(tiles.instructions, tiles.instructions + tiles.instruction_count,
                                           [](const TileInstruction& i) { return i.slot != nullptr; }));
}

double size_of(const Operand& view) { return static_cast<double>(view.size()); }

}  // namespace

double flops_of(const PlanCommand& command) {
  if (command.operands.empty()) return 0;
  if (command.tiles) return size_of(command.operands[0].view) * formulas_of(*command.tiles);
  if (command.slot->flops == nullptr) return size_of(command.operands[0].view);
  std::vector<Operand> views;
  for (const auto& operand : command.operands) views.push_back(operand.view);
  Command whole;
  whole.slot = command.slot;
  whole.operand_count = static_cast<int>(views.size());
  whole.operands = views.data();
  std::memcpy(whole.params, command.params.data(), kParamBytes);
  return command.slot->flops(whole);
}

double bytes_of(const PlanCommand& command) {
  double total = 0;
  for (const auto& operand : command.operands) {
    if (operand.buffer == kNoBuffer) continue;
    // A broadcast axis is read once.
    double count = 1;
    for (int axis = 0; axis < operand.view.rank; ++axis)
      if (operand.view.strides[axis] != 0) count *= static_cast<double>(operand.view.shape[axis]);
    const double ways = operand.view.role == Role::kInOut ? 2 : 1;
    total += ways * count * static_cast<double>(item_size(operand.view.dtype));
  }
  return total;
}

std::string program_text(const Program& program) {
  std::string result;
  for (size_t i = 0; i < program.commands.size(); ++i)
    result += text("%4zu ", i) + command_text(program, program.commands[i]) + "\n";
  return result;
}

}  // namespace hebb::stream

// Telling about programs: work, bytes, text.
#include "stream/program.h"

#include <algorithm>

#include "core/error.h"

namespace hebb::stream {

namespace {

const char* origin_name(Origin origin) {
  constexpr const char* kNames[] = {"t", "arg", "state", "grad", "outer", "seed", "out", "pack"};
  return kNames[static_cast<int>(origin)];
}

std::string extents(const Operand& view) {
  std::string result = "[";
  for (int axis = 0; axis < view.rank; ++axis)
    result += (axis > 0 ? ", " : "") + std::to_string(view.shape[axis]);
  return result + "]";
}

std::string operand_text(const Program& program, const PlanOperand& operand) {
  const std::string type = view_text(operand.view);
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

// " <-t2 f32[4] : t0 f32[4], arg1 f32[4]" for operands first..last-1, of which the first `results` are
// written.
std::string operands_text(const Program& program, const PlanCommand& command, size_t first, size_t results,
                          size_t last) {
  std::string line;
  for (size_t k = first; k < first + results; ++k) {
    const PlanOperand& operand = command.operands[k];
    line += std::string(operand.reads() ? " <>" : " <-") + operand_text(program, operand);
  }
  line += " :";
  for (size_t k = first + results; k < last; ++k)
    line += " " + operand_text(program, command.operands[k]) + ",";
  line.pop_back();
  return line;
}

// "gemm <-t0 f32[8, 4] : ..  (activation=0 ..) then <-out0 f32[8, 4] : t0 f32[8, 4] {r0 = out0 = relu x0}",
// "sum <-t1 f32[1, 1] : made  (divisor=1) of : t0 f32[8, 4] {r0 = out0 = exp x0}"
std::string command_text(const Program& program, const PlanCommand& command) {
  std::string line = command.slot->name;
  const size_t own = command.own_operands();
  const bool prologue = command.tiles && own > 0 && command.slot->traits.prologue;
  if (!command.tiles || own > 0) {
    size_t results = 0;
    while (results < own && command.operands[results].writes()) ++results;
    line += operands_text(program, command, 0, results, prologue ? results : own);
  }
  if (prologue) line += ": made";
  if (command.slot->params)
    line += "  (" + parameters_text(*command.slot->params, command.params.data()) + ")";
  if (!command.tiles) return line;
  if (prologue) {
    const size_t inputs = own + command.tiles->output_count;
    return line + " of" + operands_text(program, command, inputs, 0, command.operands.size()) +
           tiles_text(*command.tiles);
  }
  if (own > 0) line += " then";
  return line + operands_text(program, command, own, command.tiles->output_count, command.operands.size()) +
         tiles_text(*command.tiles);
}

// Conversions are no work of their own.
double formulas_of(const TileProgram& tiles) {
  return static_cast<double>(std::count_if(tiles.instructions, tiles.instructions + tiles.instruction_count,
                                           [](const TileInstruction& i) { return i.slot != nullptr; }));
}

double size_of(const Operand& view) { return static_cast<double>(view.size()); }

}  // namespace

CommandView::CommandView(const PlanCommand& source) {
  operands_.reserve(source.operands.size());
  for (const auto& operand : source.operands) operands_.push_back(operand.view);
  command_.slot = source.slot;
  command_.operand_count = static_cast<int>(operands_.size());
  command_.operands = operands_.data();
  std::memcpy(command_.params, source.params.data(), kParamBytes);
  command_.tiles = source.tiles.get();
  command_.tile_operands = static_cast<int>(source.tile_operands);
}

std::vector<bool> used_buffers(const Program& program) {
  std::vector<bool> used(program.buffers.size());
  for (const auto& command : program.commands) {
    for (const auto& operand : command.operands) {
      if (operand.buffer != kNoBuffer) used[static_cast<size_t>(operand.buffer)] = true;
    }
  }
  return used;
}

int pack_made_by(const Program& program, const PlanCommand& command) {
  if (command.operands.empty() || command.operands[0].buffer == kNoBuffer) return -1;
  const Buffer& result = program.buffers[static_cast<size_t>(command.operands[0].buffer)];
  return result.origin == Origin::kPack ? result.index : -1;
}

void append_view(std::string& key, const Operand& view) {
  append_bytes(key, view.dtype);
  append_bytes(key, view.in_panels);
  append_bytes(key, view.rank);
  key.append(reinterpret_cast<const char*>(view.shape), sizeof(int64_t) * view.rank);
  key.append(reinterpret_cast<const char*>(view.strides), sizeof(int64_t) * view.rank);
}

double flops_of(const PlanCommand& command) {
  if (command.operands.empty()) return 0;
  const size_t own = command.own_operands();
  double total = 0;
  if (command.tiles) total = size_of(command.operands[own].view) * formulas_of(*command.tiles);
  if (own == 0) return total;
  if (command.slot->flops == nullptr) return total + size_of(command.operands[0].view);
  const CommandView view(command);
  return total + command.slot->flops(view.command());
}

double bytes_of(const PlanCommand& command) {
  double total = 0;
  for (size_t k = 0; k < command.operands.size(); ++k) {
    const PlanOperand& operand = command.operands[k];
    if (operand.buffer == kNoBuffer) continue;
    // What the program reads of the slot's own result, and writes over it, has not left the cache.
    const bool inner = k > 0 && k >= command.own_operands() && operand.buffer == command.operands[0].buffer;
    if (command.tile_operands > 0 && inner) continue;
    // A broadcast axis is read once.
    double count = 1;
    for (int axis = 0; axis < operand.view.rank; ++axis)
      if (operand.view.strides[axis] != 0) count *= static_cast<double>(operand.view.shape[axis]);
    const double ways = operand.view.role == Role::kInOut ? 2 : 1;
    total += ways * count * static_cast<double>(item_size(operand.view.dtype));
  }
  return total;
}

std::string view_text(const Operand& view) {
  return dtype_name(view.dtype) + extents(view) + (view.in_panels ? " in panels" : "");
}

std::string parameters_text(const Layout& layout, const unsigned char* params, int left_out) {
  std::string line;
  for (int i = 0; i < layout.count; ++i) {
    const Field& field = layout.fields[i];
    if (field.offset == left_out) continue;
    line += (line.empty() ? "" : " ") + field_text(field, params + field.offset);
  }
  return line;
}

std::string program_text(const Program& program) {
  std::string result;
  for (size_t i = 0; i < program.commands.size(); ++i)
    result += text("%4zu ", i) + command_text(program, program.commands[i]) + "\n";
  return result;
}

}  // namespace hebb::stream

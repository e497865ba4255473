// TileProgram: an element-wise computation as a list of instructions over tiles held in registers of a cache
// line's many elements; what a fused command computes.
#pragma once

#include <cstdint>
#include <vector>

#include "core/dtype.h"
#include "stream/command.h"

namespace hebb::stream {

// Registers 0..inputs-1 hold the inputs, converted to the compute type of the instruction that reads them.
struct TileInstruction {
  const Slot* slot = nullptr;  // an element-wise slot
  DType compute = DType::kF32;
  // What the value is rounded to before others read it, as the unfused command would have stored it.
  DType stored = DType::kF32;
  uint8_t arity = 0;
  uint8_t in[3] = {};  // registers: inputs first, then one for each instruction
  double scalars[4] = {};
};

// Register numbers: input k is k, the result of instruction i is inputs + i.
struct TileProgram {
  uint8_t inputs = 0;
  std::vector<TileInstruction> instructions;
  // For each output of the command, the register that is stored there.
  std::vector<uint8_t> outputs;
};

}  // namespace hebb::stream

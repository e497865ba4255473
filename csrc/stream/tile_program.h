// TileProgram: what a fused command computes, as a list of instructions over tiles: short runs of elements
// that stay in the first cache.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "stream/command.h"

namespace hebb::stream {

// The parameters of every slot with the trait `elementwise`.
struct ElementwiseParams {
  int64_t compute;    // the DType the formula is computed in: f32, f64, i32 or i64
  double scalars[4];  // the formula's parameters
};

// The parameters of every slot with the trait `draws`: the block of the first element's word, and the
// formula's scalar.
struct DrawParams {
  int64_t counter;
  double p;
};

inline constexpr int kTileInputs = 12;
inline constexpr int kTileOutputs = 4;
inline constexpr int kTileReads = 16;
inline constexpr int kTileInstructions = 40;

// An input operand as one dtype; an operand that is needed as several is read as each.
struct TileRead {
  uint8_t input = 0;  // counts the operands behind the outputs
  DType dtype = DType::kF32;
};

// A formula; a conversion; or, without operands, the random words of the elements. Values are numbered: first
// the reads, then the result of each instruction.
struct TileInstruction {
  const Slot* slot = nullptr;  // of the formula; null for a conversion and for words
  DType from = DType::kF32;    // the dtype of its operands: what a formula is computed in
  DType to = DType::kF32;      // of its result
  uint8_t arity = 1;
  uint8_t in[3] = {};  // values
  uint8_t place = 0;   // a register, or registers + k for output k
  double scalars[4] = {};
  // Of words: which input is the seed {seed, base}, and the block of the first element's word behind base.
  uint8_t seed = 0;
  int64_t counter = 0;
};

// A value that an unfused command would have stored in another dtype than it was computed in is rounded by a
// conversion before others read it: the bits are those of the single commands.
struct TileProgram {
  uint8_t read_count = 0;
  uint8_t instruction_count = 0;
  uint8_t registers = 0;  // tiles that results need; one serves again when its value is dead
  uint8_t output_count = 0;
  TileRead reads[kTileReads] = {};
  TileInstruction instructions[kTileInstructions] = {};
};

}  // namespace hebb::stream

// How the operands of a tile program lie: the class of their layouts, which the text of a PTX kernel depends
// on, and the numbers of one command, which it does not.
#pragma once

#include <cstdint>

#include "stream/command.h"
#include "stream/tile_program.h"

namespace hebb::stream {

enum class PtxLayout : uint8_t {
  kConstant,  // a number in the arguments
  kUniform,   // one element for all
  kFlat,      // element i of memory is element i of the index space
  kRows,      // consecutive along the last axis
  kColumns,   // repeated along the last axis
  kStrided
};

inline constexpr int kPtxOperands = kTileOutputs + kTileInputs;

struct PtxGeometry {
  // The class.
  int rank = 0;       // 0 where every operand is flat, uniform or a constant
  bool wide = false;  // indices of 64 bits
  int vector = 1;     // elements of an item: the widest operands take 16 bytes
  PtxLayout layouts[kPtxOperands] = {};

  // The numbers.
  int64_t size = 1;
  int64_t vectors = 0;
  int64_t shape[kRank] = {};
  int64_t strides[kPtxOperands][kRank] = {};  // in bytes
};

PtxGeometry ptx_geometry(const Command& command);

}  // namespace hebb::stream

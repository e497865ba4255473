// PtxValue: what an instruction of PTX reads and makes: a register, or a number written into the text.
#pragma once

#include <cstdint>
#include <string>

#include "core/dtype.h"

namespace hebb::stream {

// The classes of registers. An f16 lies in one of 16 bits, a bf16, a u8 and a bool in the low bits of 32.
enum class PtxType : uint8_t { kPred, kB16, kB32, kB64, kF32, kF64 };

struct PtxValue {
  PtxType type = PtxType::kB32;
  bool immediate = false;
  // The same for all elements: it is computed once, before the loops.
  bool once = false;
  uint64_t bits = 0;  // of an immediate; else the register's number

  static PtxValue of(float value);
  static PtxValue of(double value);
  static PtxValue of(int32_t value);
  static PtxValue of(int64_t value);
  std::string text() const;
};

// What a value of a dtype lies in.
PtxType ptx_type(DType dtype);

}  // namespace hebb::stream

// What a PTX kernel is given at each launch: fields of eight bytes in one block, so that its text depends on
// neither sizes nor memory.
#pragma once

#include <cstdint>
#include <vector>

#include "stream/ptx/geometry.h"

namespace hebb::stream {

enum class PtxField : uint8_t {
  kSize,      // of the index space
  kVectors,   // how many items of `vector` elements are computed at once; the rest one by one
  kPointer,   // of operand `index`
  kConstant,  // f64, of operand `index`
  kScalar,    // f64, parameter `sub` of the formula of instruction `index`
  kCounter,   // of the words of instruction `index`
  kExtent,    // of axis `index`
  kFactor,    // by which axis `index` is divided: see Divisor
  kShift,
  kStride  // in bytes, of operand `index` along axis `sub`
};

// Field k of a block lies at byte 8 k.
struct PtxArgument {
  PtxField field = PtxField::kSize;
  uint8_t index = 0;
  uint8_t sub = 0;

  bool operator==(const PtxArgument& other) const = default;
};

// n / extent = (n * factor / 2^32 + n) >> shift for 0 <= n < 2^31.
struct Divisor {
  uint32_t factor, shift;
};
Divisor divisor_of(uint32_t extent);

// The block of a launch over the operands of `command`.
std::vector<uint64_t> pack_arguments(const std::vector<PtxArgument>& arguments, const Command& command,
                                     const PtxGeometry& geometry);

}  // namespace hebb::stream

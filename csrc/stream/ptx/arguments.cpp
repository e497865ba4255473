// Packs the arguments of a launch.
#include "stream/ptx/arguments.h"

#include <bit>

namespace hebb::stream {

namespace {

uint64_t argument(const PtxArgument& which, const Command& command, const PtxGeometry& geometry) {
  const TileInstruction& instruction = command.tiles->instructions[which.index];
  switch (which.field) {
    case PtxField::kSize:
      return static_cast<uint64_t>(geometry.size);
    case PtxField::kVectors:
      return static_cast<uint64_t>(geometry.vectors);
    case PtxField::kPointer:
      return reinterpret_cast<uint64_t>(command[which.index].data);
    case PtxField::kConstant:
      return std::bit_cast<uint64_t>(command[which.index].constant);
    case PtxField::kScalar:
      return std::bit_cast<uint64_t>(instruction.scalars[which.sub]);
    case PtxField::kCounter:
      return static_cast<uint64_t>(instruction.counter);
    case PtxField::kExtent:
      return static_cast<uint64_t>(geometry.shape[which.index]);
    case PtxField::kFactor:
      return divisor_of(static_cast<uint32_t>(geometry.shape[which.index])).factor;
    case PtxField::kShift:
      return divisor_of(static_cast<uint32_t>(geometry.shape[which.index])).shift;
    default:
      return static_cast<uint64_t>(geometry.strides[which.index][which.sub]);
  }
}

}  // namespace

Divisor divisor_of(uint32_t extent) {
  const uint64_t one = 1;
  const auto shift = static_cast<uint32_t>(std::bit_width(extent - 1));
  return {static_cast<uint32_t>((one << 32) * ((one << shift) - extent) / extent + 1), shift};
}

std::vector<uint64_t> pack_arguments(const std::vector<PtxArgument>& arguments, const Command& command,
                                     const PtxGeometry& geometry) {
  std::vector<uint64_t> block;
  block.reserve(arguments.size());
  for (const PtxArgument& which : arguments) block.push_back(argument(which, command, geometry));
  return block;
}

}  // namespace hebb::stream

// A fused element-wise command as a kernel in PTX, which the driver assembles for the GPU it finds.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "stream/ptx/arguments.h"

namespace hebb::stream {

struct PtxProgram {
  std::string text;   // the same for all commands of one class
  std::string entry;  // the kernel's name, which follows from its text
  std::vector<PtxArgument> arguments;
};

// The kernel of a command with a tile program over operands of its own; nothing where a formula of it has no
// PTX in its compute type.
std::optional<PtxProgram> emit_ptx(const Command& command);

// Commands of the same class have the same kernel. Slots count by their address, so a class means something
// in this process alone.
std::string ptx_class(const Command& command);

// One launch of it. The kernel takes a single parameter: the block of arguments.
struct PtxLaunch {
  int threads;
  int blocks;
  std::vector<uint64_t> arguments;
};
PtxLaunch ptx_launch(const PtxProgram& program, const Command& command, int multiprocessors);

}  // namespace hebb::stream

// The kernel of fused element-wise commands: a tile program over its whole index space.
#include "kernels/fused.h"

#include "kernels/cpu/tile_runner.h"
#include "stream/context.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

void run_fused(const stream::Command& command, stream::Context& context) {
  TileRunner runner;
  runner.prepare(*command.tiles, command.operands, command.operand_count);
  if (runner.size() == 0) return;
  run_range(context, runner, 0, runner.size(),
            [&](int thread) { return context.scratch<char>(thread, runner.bytes()); });
}

}  // namespace

void fill_fused() { kernels::fused.cpu = &run_fused; }

}  // namespace hebb::kernels::HEBB_ISA

// The epilogue of a kernel (Traits::epilogue): its command's tile program, run over pieces of its result
// while they are in cache.
#pragma once

#include "kernels/cpu/tile_runner.h"
#include "stream/context.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

// Shorter runs of a result cost more calls than the cache saves: the program then follows behind the whole.
constexpr int64_t kLongRun = 128;

// Rows of `width` elements that stay in the first cache until an epilogue has followed.
HEBB_INLINE int64_t rows_of_piece(int64_t width) { return most(1, 4096 / most(1, width)); }

// Made before the kernel asks for scratch. False where the command has no program, or no elements.
class TileEpilogue {
 public:
  TileEpilogue(const stream::Command& command, stream::Context& context) : context_(context) {
    if (!command.tiles) return;
    const int first = command.tile_operands;
    runner_.prepare(*command.tiles, command.operands + first, command.operand_count - first);
    if (runner_.size() == 0) return;
    there_ = true;
    context.reserve(runner_.bytes());
  }
  TileEpilogue(const TileEpilogue&) = delete;
  TileEpilogue& operator=(const TileEpilogue&) = delete;

  HEBB_INLINE explicit operator bool() const { return there_; }

  // The elements of the piece are final. Called by their thread; each element belongs to one piece.
  HEBB_INLINE void run(int thread, Piece piece) const {
    if (!there_) return;
    if (piece.step == piece.count) piece = {piece.start, piece.rows * piece.count};
    runner_.run(piece, context_.reserved(thread));
  }

  // Elements start..start+count-1 are final: all threads share them.
  HEBB_INLINE void run_behind(int64_t start, int64_t count) const {
    if (!there_) return;
    run_range(context_, runner_, start, count, [&](int thread) { return context_.reserved(thread); });
  }

 private:
  stream::Context& context_;
  bool there_ = false;
  TileRunner runner_;
};

}  // namespace
}  // namespace hebb::kernels::HEBB_ISA

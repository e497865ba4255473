// The prologue of a kernel (Traits::prologue): its command's tile program makes pieces of its first input
// when they are asked for; they are never in memory as a whole.
#pragma once

#include "kernels/cpu/tile_runner.h"
#include "stream/context.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

// Elements of T that lie in memory. `rows` rows of `count` elements, `step` apart: rows() gives the first one
// and step() how far they are apart there.
template <class T>
struct StoredElements {
  using Element = T;
  const T* data;

  HEBB_INLINE const T* rows(const Piece& piece, int) const { return data + piece.start; }
  HEBB_INLINE int64_t step(const Piece& piece) const { return piece.step; }
};

// As StoredElements; a piece stays until its thread asks for the next one. Made before the kernel asks for
// scratch.
template <class T>
class MadeElements {
 public:
  using Element = T;

  // Pieces have `longest` elements at most.
  MadeElements(const stream::Command& command, stream::Context& context, int64_t longest)
      : context_(context) {
    const int first = command.tile_operands;
    runner_.prepare(*command.tiles, command.operands + first, command.operand_count - first);
    tiles_ = (runner_.bytes() + 63) / 64 * 64;
    context.reserve(tiles_ + longest * static_cast<int64_t>(sizeof(T)));
  }
  MadeElements(const MadeElements&) = delete;
  MadeElements& operator=(const MadeElements&) = delete;

  HEBB_INLINE const T* rows(const Piece& piece, int thread) const {
    char* memory = context_.reserved(thread);
    char* to = memory + tiles_;
    const bool joined = piece.step == piece.count;
    runner_.run(joined ? Piece{piece.start, piece.rows * piece.count} : piece, memory, to);
    return reinterpret_cast<const T*>(to);
  }
  HEBB_INLINE int64_t step(const Piece& piece) const { return piece.count; }

 private:
  stream::Context& context_;
  TileRunner runner_;
  int64_t tiles_;
};

}  // namespace
}  // namespace hebb::kernels::HEBB_ISA

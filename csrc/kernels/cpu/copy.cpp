// Copies: whole ranges, rows, and tiles where the fastest axes of source and target differ.
#include "kernels/copy.h"

#include "kernels/cpu/convert.h"
#include "kernels/cpu/tasks.h"
#include "kernels/walk.h"
#include "stream/context.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

using stream::Command;
using stream::Context;
using stream::Operand;

// Both sides of a copy: walk operand 0 is the target, 1 the source.
struct Copy {
  Walk walk;
  char* to;
  const char* from;
  int64_t to_size, from_size;  // bytes of an element
  ConvertRow row;

  HEBB_INLINE void run(int64_t to_offset, int64_t to_stride, int64_t from_offset, int64_t from_stride,
                       int64_t count) const {
    row(to + to_offset * to_size, to_stride, from + from_offset * from_size, from_stride, count);
  }
};

// One long row.
void copy_range(const Copy& copy, Context& context) {
  const int64_t to_stride = copy.walk.inner_stride(0), from_stride = copy.walk.inner_stride(1);
  constexpr int64_t kPiece = 4 * kTaskElements;
  parallel_items(context, ceil_div(copy.walk.size, kPiece), 1, [&](int64_t piece, int) {
    const int64_t start = piece * kPiece;
    copy.run(start * to_stride, to_stride, start * from_stride, from_stride,
             least(kPiece, copy.walk.size - start));
  });
}

void copy_rows(const Copy& copy, Context& context) {
  const Walk& walk = copy.walk;
  const int64_t inner = walk.inner(), rows = walk.size / inner;
  const int64_t to_stride = walk.inner_stride(0), from_stride = walk.inner_stride(1);
  const int64_t grain = task_grain(inner);
  context.parallel(ceil_div(rows, grain), [&](int64_t task, int) {
    const int64_t first = task * grain, last = least(rows, first + grain);
    Place place(walk, first * inner);
    for (int64_t row = first; row < last; ++row) {
      copy.run(place.offset(walk, 0), to_stride, place.offset(walk, 1), from_stride, inner);
      place.next_row(walk);
    }
  });
}

// Columns of the source become rows of `to`: to[i * width + j] = from[i + j * from_stride].
template <class T>
void transpose_block(const T* from, int64_t from_stride, int64_t height, int64_t width, T* to) {
  for (int64_t j = 0; j < width; ++j) {
    for (int64_t i = 0; i < height; ++i) to[i * width + j] = from[i + j * from_stride];
  }
}

HEBB_INLINE void transpose_4x4(const uint32_t* from, int64_t from_stride, uint32_t* to, int64_t to_stride) {
  typedef uint32_t Quad __attribute__((vector_size(16)));
  Quad a, b, c, d;
  __builtin_memcpy(&a, from, 16);
  __builtin_memcpy(&b, from + from_stride, 16);
  __builtin_memcpy(&c, from + 2 * from_stride, 16);
  __builtin_memcpy(&d, from + 3 * from_stride, 16);
  const Quad ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5),
             ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  const Quad cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5),
             cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  a = __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5);
  b = __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7);
  c = __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5);
  d = __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7);
  __builtin_memcpy(to, &a, 16);
  __builtin_memcpy(to + to_stride, &b, 16);
  __builtin_memcpy(to + 2 * to_stride, &c, 16);
  __builtin_memcpy(to + 3 * to_stride, &d, 16);
}

// Elements of 4 bytes, four rows at a time where there are four.
void transpose_block(const uint32_t* from, int64_t from_stride, int64_t height, int64_t width, uint32_t* to) {
  int64_t j = 0;
  for (; j + 4 <= width; j += 4) {
    int64_t i = 0;
    for (; i + 4 <= height; i += 4)
      transpose_4x4(from + i + j * from_stride, from_stride, to + i * width + j, width);
    for (; i < height; ++i) {
      for (int64_t k = j; k < j + 4; ++k) to[i * width + k] = from[i + k * from_stride];
    }
  }
  for (; j < width; ++j) {
    for (int64_t i = 0; i < height; ++i) to[i * width + j] = from[i + j * from_stride];
  }
}

// Elements of a block: transposed in L1, so that every cache line of source and target is touched once,
// whatever powers of two the strides are.
constexpr int64_t kBlockElements = 4096;
constexpr int64_t kBlockWidth = 32;

// The target runs along the inner axis, the source along another one, `down`.
struct Block2d {
  int64_t to, from;          // offsets of its first element
  int64_t to_down, from_in;  // strides: of the target along `down`, of the source along the inner axis
  int64_t height, width;     // extents along `down` and the inner axis
};

// The source of the next block and the target of this one: rows this short are over before the hardware
// notices them.
HEBB_INLINE void prefetch(const Copy& copy, const Block2d& b) {
  for (int64_t j = 0; j < b.width; ++j) {
    const char* row = copy.from + (b.from + (b.width + j) * b.from_in) * copy.from_size;
    for (int64_t i = 0; i < b.height * copy.from_size; i += 64) __builtin_prefetch(row + i);
  }
  for (int64_t i = 0; i < b.height; ++i) {
    const char* row = copy.to + (b.to + i * b.to_down) * copy.to_size;
    for (int64_t j = 0; j < b.width * copy.to_size; j += 64) __builtin_prefetch(row + j, 1);
  }
}

void copy_block(const Copy& copy, const Block2d& b) {
  alignas(64) char tile[kBlockElements * sizeof(double)];
  const char* from = copy.from + b.from * copy.from_size;
  prefetch(copy, b);
  switch (copy.from_size) {
    case 1:
      transpose_block(reinterpret_cast<const uint8_t*>(from), b.from_in, b.height, b.width,
                      reinterpret_cast<uint8_t*>(tile));
      break;
    case 2:
      transpose_block(reinterpret_cast<const uint16_t*>(from), b.from_in, b.height, b.width,
                      reinterpret_cast<uint16_t*>(tile));
      break;
    case 4:
      transpose_block(reinterpret_cast<const uint32_t*>(from), b.from_in, b.height, b.width,
                      reinterpret_cast<uint32_t*>(tile));
      break;
    default:
      transpose_block(reinterpret_cast<const uint64_t*>(from), b.from_in, b.height, b.width,
                      reinterpret_cast<uint64_t*>(tile));
  }
  char* to = copy.to + b.to * copy.to_size;
  if (b.to_down == b.width) return copy.row(to, 1, tile, 1, b.height * b.width);
  for (int64_t i = 0; i < b.height; ++i) {
    copy.row(to + i * b.to_down * copy.to_size, 1, tile + i * b.width * copy.from_size, 1, b.width);
  }
}

void copy_blocks(const Copy& copy, int down, Context& context) {
  const Walk& walk = copy.walk;
  // The same walk without its two block axes counts the matrices.
  Walk outer = walk;
  outer.shape[down] = outer.shape[walk.rank - 1] = 1;
  const int64_t height = walk.shape[down], width = walk.inner();
  const int64_t block_width = least(kBlockWidth, width);
  const int64_t block_height = least(height, kBlockElements / block_width / 4 * 4);
  const int64_t tall = ceil_div(height, block_height), wide = ceil_div(width, block_width);
  const int64_t blocks = walk.size / (height * width) * tall * wide;
  parallel_items(context, blocks, task_grain(block_width * block_height), [&](int64_t index, int) {
    const int64_t j = index % wide * block_width, i = index / wide % tall * block_height;
    const Place place(outer, index / wide / tall);
    Block2d block;
    block.to_down = walk.strides[0][down];
    block.from_in = walk.inner_stride(1);
    block.to = place.offset(walk, 0) + i * block.to_down + j;
    block.from = place.offset(walk, 1) + i + j * block.from_in;
    block.height = least(block_height, height - i);
    block.width = least(block_width, width - j);
    copy_block(copy, block);
  });
}

// The axis along which the source is contiguous while the target is along the innermost; -1 where there is
// none.
int crossed_axis(const Walk& walk) {
  if (walk.rank < 2 || walk.inner_stride(0) != 1 || walk.inner_stride(1) == 1) return -1;
  for (int axis = 0; axis < walk.rank - 1; ++axis) {
    if (walk.strides[1][axis] == 1 && walk.shape[axis] >= 4) return axis;
  }
  return -1;
}

void copy_any(const Command& command, Context& context) {
  const Operand& to = command[0];
  const Operand& from = command[1];
  Copy copy;
  copy.walk = walk_over(command.operands, 2);
  if (copy.walk.size == 0) return;
  copy.to = to.as<char>();
  copy.to_size = item_size(to.dtype);
  // A constant is one element of its dtype, repeated.
  alignas(8) char value[8];
  copy.from = from.as<char>();
  copy.from_size = item_size(from.dtype);
  if (from.is_constant()) {
    convert_row(from.dtype, DType::kF64)(value, 1, &from.constant, 1, 1);
    copy.from = value;
  }
  // Bits are moved the same way whatever they mean, so one function serves each width.
  constexpr DType kMove[] = {DType::kU8,  DType::kU8,  DType::kF16, DType::kF16, DType::kI32,
                             DType::kI32, DType::kI32, DType::kI32, DType::kI64};
  const DType moved = kMove[copy.to_size];
  copy.row = from.dtype == to.dtype ? convert_row(moved, moved) : convert_row(to.dtype, from.dtype);

  if (copy.walk.rank <= 1) return copy_range(copy, context);
  const int down = crossed_axis(copy.walk);
  if (down >= 0) return copy_blocks(copy, down, context);
  copy_rows(copy, context);
}

void arange_any(const Command& command, Context& context) {
  const Operand& y = command[0];
  const auto& params = command.param<ArangeParams>();
  const ConvertRow store_row = convert_row(y.dtype, DType::kF64);
  const int64_t count = y.size();
  constexpr int64_t kPiece = 256;
  parallel_items(context, ceil_div(count, kPiece), kTaskElements / kPiece, [&](int64_t piece, int) {
    double values[kPiece];
    const int64_t start = piece * kPiece, length = least(kPiece, count - start);
    for (int64_t i = 0; i < length; ++i)
      values[i] = params.start + static_cast<double>(start + i) * params.step;
    store_row(y.as<char>() + start * item_size(y.dtype), 1, values, 1, length);
  });
}

}  // namespace

void fill_copy() {
  kernels::copy.cpu = &copy_any;
  kernels::copy_into.cpu = &copy_any;
  kernels::assign.cpu = &copy_any;
  kernels::arange.cpu = &arange_any;
}

}  // namespace hebb::kernels::HEBB_ISA

// Copies: bits in the widest words that fit, tiles where the fastest axes of source and target differ, and
// conversions.
#include "kernels/copy.h"

#include "kernels/cuda/access.h"
#include "kernels/cuda/elements.h"
#include "kernels/cuda/fill.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/words.h"

namespace hebb::kernels::cuda {
namespace {

using stream::Command;
using stream::DeviceContext;
using stream::Operand;

constexpr int kSides = 2;  // the target, then the source

// The words of a copy that moves bits: those of `from`, or all `constant` where that is null.
template <class W>
HEBB_KERNEL HEBB_BOUNDS(kElementThreads, 1) void move_words(Geometry<kSides> geometry, W* to, const W* from,
                                                            W constant) {
  for_each_item(geometry.size, [&](int64_t i) {
    int64_t offsets[kSides];
    find(geometry, i, offsets);
    to[offsets[0]] = from == nullptr ? constant : from[offsets[1]];
  });
}

using Sixteen = Word<uint64_t>;

// One range that begins at a whole word on both sides.
HEBB_KERNEL HEBB_BOUNDS(kElementThreads, 1) void move_range(int64_t bytes, char* to, const char* from,
                                                            Sixteen constant) {
  auto* words = reinterpret_cast<Sixteen*>(to);
  for_each_item(bytes / 16, [&](int64_t i) {
    words[i] = from == nullptr ? constant : reinterpret_cast<const Sixteen*>(from)[i];
  });
  for_each_item(bytes % 16, [&](int64_t j) {
    const int64_t i = bytes / 16 * 16 + j;
    const auto repeated = static_cast<char>((j < 8 ? constant.x[0] : constant.x[1]) >> (j % 8 * 8));
    to[i] = from == nullptr ? repeated : from[i];
  });
}

constexpr int kEdge = 32;
constexpr int kEdgeRows = kElementThreads / kEdge;

// The matrices of a transposing copy: the target runs along the width, the source along the height.
struct Matrices {
  int64_t height, width;
  int64_t tall, wide, tiles;  // tiles of a matrix down and across, and of all matrices
  int64_t to_down, from_in;   // strides: of the target down, of the source across
};
template <class W>
struct Tile {
  W x[kEdge][kEdge + 1];
};

// Both sides are touched in rows of a warp; `geometry` counts the matrices.
template <class W>
HEBB_KERNEL HEBB_BOUNDS(kElementThreads, 1) void transpose(Geometry<kSides> geometry, Matrices m, W* to,
                                                           const W* from) {
  auto& tile = hw::shared<Tile<W>>();
  const int fast = hw::thread() % kEdge, slow = hw::thread() / kEdge;
  for (int64_t index = hw::block(); index < m.tiles; index += hw::blocks()) {
    const int64_t column = index % m.wide * kEdge, row = index / m.wide % m.tall * kEdge;
    int64_t offsets[kSides];
    find(geometry, index / m.wide / m.tall, offsets);
    for (int k = slow; k < kEdge; k += kEdgeRows) {
      if (row + fast < m.height && column + k < m.width)
        tile.x[k][fast] = from[offsets[1] + row + fast + (column + k) * m.from_in];
    }
    hw::sync();
    for (int k = slow; k < kEdge; k += kEdgeRows) {
      if (row + k < m.height && column + fast < m.width)
        to[offsets[0] + (row + k) * m.to_down + column + fast] = tile.x[fast][k];
    }
    hw::sync();
  }
}

// Through f32 for what f32 holds, i64 for integers, f64 for itself: the same bits as without the detour.
HEBB_KERNEL HEBB_BOUNDS(kElementThreads, 1) void convert_any(Geometry<kSides> geometry, Lane to, Lane from) {
  for_each_item(geometry.size, [&](int64_t i) {
    int64_t offsets[kSides];
    find(geometry, i, offsets);
    if (from.dtype == DType::kF64) {
      store(to.data, to.dtype, offsets[0], reinterpret_cast<const double*>(from.data)[offsets[1]]);
    } else if (is_float(from.dtype)) {
      store(to.data, to.dtype, offsets[0], load<float>(from.data, from.dtype, offsets[1]));
    } else {
      store(to.data, to.dtype, offsets[0], load<int64_t>(from.data, from.dtype, offsets[1]));
    }
  });
}

template <class T>
struct alignas(16) Eight {
  T x[8];
};

template <class From, class To>
HEBB_KERNEL HEBB_BOUNDS(kElementThreads, 1) void convert_range(int64_t size, To* to, const From* from) {
  for_each_item(size / 8, [&](int64_t i) {
    const Eight<From> in = reinterpret_cast<const Eight<From>*>(from)[i];
    Eight<To> out;
    for (int j = 0; j < 8; ++j) out.x[j] = convert<To>(in.x[j]);
    reinterpret_cast<Eight<To>*>(to)[i] = out;
  });
  for_each_item(size % 8, [&](int64_t j) {
    const int64_t i = size / 8 * 8 + j;
    to[i] = convert<To>(from[i]);
  });
}

HEBB_KERNEL HEBB_BOUNDS(kElementThreads, 1) void count_up(int64_t size, Lane y, double start, double step) {
  for_each_item(size, [&](int64_t i) { store(y.data, y.dtype, i, start + static_cast<double>(i) * step); });
}

// f(Type<T>) with the type that convert() takes for the dtype.
template <class F>
void with_converted(DType dtype, F&& f) {
  if (dtype == DType::kBool) return f(Type<Bool>{});
  with_dtype(dtype, f);
}

// The constant as elements of `dtype`.
Sixteen pattern_of(const Operand& constant, DType dtype) {
  Sixteen pattern{};
  with_converted(constant.dtype, [&](auto from) {
    const auto value = convert<typename decltype(from)::type>(constant.constant);
    with_converted(dtype, [&](auto to) {
      const auto converted = convert<typename decltype(to)::type>(value);
      for (size_t at = 0; at < sizeof pattern; at += sizeof converted)
        std::memcpy(reinterpret_cast<char*>(pattern.x) + at, &converted, sizeof converted);
    });
  });
  return pattern;
}

// A copy that moves bits, in words of `width` bytes.
struct Move {
  Walk walk;
  char* to;
  const char* from;  // null: all `pattern`
  Sixteen pattern;
  int64_t width;
};

bool is_range(const Walk& walk, bool constant) {
  return walk.rank == 0 ||
         (walk.rank == 1 && walk.strides[0][0] == 1 && (constant || walk.strides[1][0] == 1));
}

// Whether the same bits are copied in words of `ratio` words each.
bool widens(const Move& move, int64_t ratio) {
  const Walk& walk = move.walk;
  const auto alignment = static_cast<uintptr_t>(move.width * ratio);
  if (walk.rank == 0 || walk.inner() % ratio != 0 || walk.inner_stride(0) != 1) return false;
  if (reinterpret_cast<uintptr_t>(move.to) % alignment != 0) return false;
  if (move.from != nullptr &&
      (walk.inner_stride(1) != 1 || reinterpret_cast<uintptr_t>(move.from) % alignment != 0))
    return false;
  for (int axis = 0; axis + 1 < walk.rank; ++axis)
    if (walk.strides[0][axis] % ratio != 0 || walk.strides[1][axis] % ratio != 0) return false;
  return true;
}

void widen(Move& move) {
  for (int64_t ratio = 16 / move.width; ratio > 1; ratio /= 2) {
    if (!widens(move, ratio)) continue;
    Walk& walk = move.walk;
    walk.size /= ratio;
    walk.shape[walk.rank - 1] /= ratio;
    for (int axis = 0; axis + 1 < walk.rank; ++axis)
      for (int k = 0; k < kSides; ++k) walk.strides[k][axis] /= ratio;
    move.width *= ratio;
    return;
  }
}

// The axis along which the source is contiguous while the target is along the innermost, both long enough to
// fill a good part of a tile; -1 where there is none.
int crossed_axis(const Walk& walk) {
  constexpr int64_t kLeast = 8;
  if (walk.rank < 2 || walk.inner_stride(0) != 1 || walk.inner_stride(1) == 1 || walk.inner() < kLeast)
    return -1;
  for (int axis = 0; axis + 1 < walk.rank; ++axis)
    if (walk.strides[1][axis] == 1 && walk.shape[axis] >= kLeast) return axis;
  return -1;
}

template <class W>
void run_transpose(const Move& move, int down, DeviceContext& context) {
  Walk outer = move.walk;
  Matrices m;
  m.height = outer.shape[down];
  m.width = outer.inner();
  m.to_down = outer.strides[0][down];
  m.from_in = outer.inner_stride(1);
  m.tall = (m.height + kEdge - 1) / kEdge;
  m.wide = (m.width + kEdge - 1) / kEdge;
  outer.size /= m.height * m.width;
  outer.shape[down] = outer.shape[outer.rank - 1] = 1;
  m.tiles = outer.size * m.tall * m.wide;
  const Grid grid{.threads = kElementThreads,
                  .blocks = static_cast<int>(m.tiles < INT32_MAX ? m.tiles : INT32_MAX)};
  launch(context, grid, &transpose<W>, geometry_of<kSides>(outer), m, reinterpret_cast<W*>(move.to),
         reinterpret_cast<const W*>(move.from));
}

template <class W>
void run_words(const Move& move, DeviceContext& context) {
  W constant;
  std::memcpy(&constant, move.pattern.x, sizeof constant);
  launch(context, grid_over(context, move.walk.size), &move_words<W>, geometry_of<kSides>(move.walk),
         reinterpret_cast<W*>(move.to), reinterpret_cast<const W*>(move.from), constant);
}

// f(Type<W>) with a word of so many bytes, at most eight.
template <class F>
void with_word(int64_t width, F&& f) {
  switch (width) {
    case 1:
      return f(Type<uint8_t>{});
    case 2:
      return f(Type<uint16_t>{});
    case 4:
      return f(Type<uint32_t>{});
    default:
      return f(Type<uint64_t>{});
  }
}

void run_move(Move move, DeviceContext& context) {
  if (is_range(move.walk, move.from == nullptr) && is_aligned(move.to) && is_aligned(move.from)) {
    const int64_t bytes = move.walk.size * move.width;
    launch(context, grid_over(context, (bytes + 15) / 16), &move_range, bytes, move.to, move.from,
           move.pattern);
    return;
  }
  const int down = move.from == nullptr ? -1 : crossed_axis(move.walk);
  if (down >= 0) {
    with_word(move.width,
              [&](auto word) { run_transpose<typename decltype(word)::type>(move, down, context); });
    return;
  }
  widen(move);
  if (move.width == 16) return run_words<Sixteen>(move, context);
  with_word(move.width, [&](auto word) { run_words<typename decltype(word)::type>(move, context); });
}

bool is_in_f32(DType dtype) { return is_float(dtype) && dtype != DType::kF64; }

void run_convert_range(const Operand& to, const Operand& from, int64_t size, DeviceContext& context) {
  with_float(from.dtype, [&](auto from_tag) {
    with_float(to.dtype, [&](auto to_tag) {
      using From = typename decltype(from_tag)::type;
      using To = typename decltype(to_tag)::type;
      if constexpr (sizeof(From) <= 4 && sizeof(To) <= 4 && !kIsSame<From, To>) {
        launch(context, grid_over(context, (size + 7) / 8), &convert_range<From, To>, size, to.as<To>(),
               from.as<From>());
      }
    });
  });
}

void copy_any(const Command& command, DeviceContext& context) {
  const Operand& to = command[0];
  const Operand& from = command[1];
  const Walk walk = walk_over(command.operands, kSides);
  if (walk.size == 0) return;
  const bool constant = from.is_constant();
  if (constant || from.dtype == to.dtype) {
    Move move{walk, to.as<char>(), constant ? nullptr : from.as<char>(), {}, item_size(to.dtype)};
    if (constant) move.pattern = pattern_of(from, to.dtype);
    return run_move(move, context);
  }
  if (is_in_f32(from.dtype) && is_in_f32(to.dtype) && is_range(walk, false) && is_aligned(to.data) &&
      is_aligned(from.data))
    return run_convert_range(to, from, walk.size, context);
  launch(context, grid_over(context, walk.size), &convert_any, geometry_of<kSides>(walk), lane_of(to),
         lane_of(from));
}

void arange_any(const Command& command, DeviceContext& context) {
  const auto& params = command.param<ArangeParams>();
  const int64_t size = command[0].size();
  launch(context, grid_over(context, size), &count_up, size, lane_of(command[0]), params.start, params.step);
}

}  // namespace

void fill_copy() {
  kernels::copy.cuda = &copy_any;
  kernels::copy_into.cuda = &copy_any;
  kernels::assign.cuda = &copy_any;
  kernels::arange.cuda = &arange_any;
}

}  // namespace hebb::kernels::cuda

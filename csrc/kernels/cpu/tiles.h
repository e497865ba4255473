// Index spaces cut into tiles, and how operands of any layout and dtype are brought into them: what the
// element-wise kernels share.
#pragma once

#include "kernels/cpu/convert.h"
#include "kernels/cpu/tasks.h"
#include "kernels/walk.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

// Elements of a tile that is converted or gathered: all of a formula's tiles stay in L1.
constexpr int64_t kTile = 256;

enum class Fetch {
  kDirect,  // the memory itself
  kOnce,    // the same contents for every tile: filled once a task
  kGather   // converted or gathered for every tile
};

struct Input {
  Fetch fetch;
  const char* data;
  alignas(8) char constant[8];  // what data points at where the operand has no memory
  int64_t item;
  int64_t tile_item;
  ConvertRow convert;
  int index;  // of its strides in the walk
};

// How the index space is cut: tiles lie within a row, or hold whole rows, or (rank 0 and 1) cut the one row.
struct Tiling {
  bool within_rows;
  int64_t length;   // elements of a tile, at most
  int64_t per_row;  // tiles of a row, where they lie within rows
  int64_t count;

  HEBB_INLINE int64_t start(int64_t tile, int64_t inner) const {
    return within_rows ? tile / per_row * inner + tile % per_row * length : tile * length;
  }
  HEBB_INLINE int64_t size(int64_t tile, int64_t inner, int64_t total) const {
    return within_rows ? least(length, inner - tile % per_row * length)
                       : least(length, total - tile * length);
  }
};

// Consecutive in memory over the whole walk.
inline bool runs_on(const Walk& walk, int operand) {
  int64_t expected = 1;
  for (int axis = walk.rank - 1; axis >= 0; --axis) {
    if (walk.strides[operand][axis] != expected) return false;
    expected *= walk.shape[axis];
  }
  return true;
}

// The same in every row.
inline bool repeats_by_row(const Walk& walk, int operand) {
  for (int axis = 0; axis < walk.rank - 1; ++axis) {
    if (walk.strides[operand][axis] != 0) return false;
  }
  return true;
}

// Rows that hold tiles; tiles hold shorter rows.
HEBB_INLINE bool has_long_rows(const Walk& walk) { return walk.rank > 1 && walk.inner() >= kTile; }

inline Fetch fetch_of(const Walk& walk, int index, bool in_place) {
  const bool long_rows = has_long_rows(walk);
  if (in_place && runs_on(walk, index)) return Fetch::kDirect;
  if (repeats_by_row(walk, index)) {
    if (walk.inner_stride(index) == 0) return Fetch::kOnce;
    if (!long_rows && walk.rank > 1) return Fetch::kOnce;
  }
  if (in_place && long_rows && walk.inner_stride(index) == 1) return Fetch::kDirect;
  return Fetch::kGather;
}

// The operand whose strides are at `index` of the walk, as elements of `dtype`. It must stay where it is put:
// a constant points into it.
inline void set_input(Input& input, const Walk& walk, int index, const stream::Operand& operand,
                      DType dtype) {
  input.index = index;
  input.data = operand.as<char>();
  if (operand.is_constant()) {
    // Rounded to its own dtype, as memory would have been.
    convert_row(operand.dtype, DType::kF64)(input.constant, 1, &operand.constant, 1, 1);
    input.data = input.constant;
  }
  input.item = item_size(operand.dtype);
  input.tile_item = item_size(dtype);
  input.convert = convert_row(dtype, operand.dtype);
  input.fetch = fetch_of(walk, index, operand.dtype == dtype && !operand.is_constant());
}

// `length` elements at most, kTile at least.
inline Tiling tiling_of(const Walk& walk, int64_t length) {
  const int64_t inner = walk.inner();
  Tiling tiling;
  tiling.within_rows = has_long_rows(walk);
  tiling.per_row = 1;
  if (tiling.within_rows) {
    tiling.length = least(inner, length);
    tiling.per_row = ceil_div(inner, tiling.length);
    tiling.count = walk.size / inner * tiling.per_row;
    return tiling;
  }
  tiling.length = walk.rank > 1 ? length / inner * inner : length;
  tiling.count = ceil_div(walk.size, tiling.length);
  return tiling;
}

inline void gather(const Walk& walk, const Input& input, int64_t start, int64_t count, char* tile) {
  const int64_t inner = walk.inner(), stride = walk.inner_stride(input.index);
  Place place(walk, start);
  int64_t left = walk.rank == 0 ? 1 : inner - place.at[walk.rank - 1];
  for (int64_t done = 0; done < count;) {
    const int64_t n = least(left, count - done);
    const char* from = input.data + place.offset(walk, input.index) * input.item;
    input.convert(tile + done * input.tile_item, 1, from, stride, n);
    done += n;
    left = inner;
    place.next_row(walk);
  }
}

// Row-periodic contents start at the first column of any row; a tile never exceeds the index space.
HEBB_INLINE void gather_once(const Walk& walk, const Tiling& tiling, const Input& input, char* tile) {
  gather(walk, input, 0, least(tiling.length, walk.size), tile);
}

// Where the memory of a direct input has element `start`.
HEBB_INLINE const char* direct(const Walk& walk, const Tiling& tiling, const Input& input, int64_t start) {
  const bool plain = !tiling.within_rows || runs_on(walk, input.index);
  return input.data + (plain ? start : Place(walk, start).offset(walk, input.index)) * input.item;
}

}  // namespace
}  // namespace hebb::kernels::HEBB_ISA

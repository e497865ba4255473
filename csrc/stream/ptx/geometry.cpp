// Axes that run on in every operand become one; then each operand has a layout.
#include "stream/ptx/geometry.h"

#include <algorithm>

#include "stream/passes/space.h"

namespace hebb::stream {

namespace {

constexpr int64_t kItemBytes = 16;
// Longer items of small elements would repeat the text more often than memory asks for.
constexpr int64_t kMostElements = 8;

// Merges axes; strides stay in elements.
void merge_axes(const Command& command, PtxGeometry& geometry) {
  const int count = command.operand_count;
  Operand spread[kPtxOperands];
  for (int k = 0; k < count; ++k) {
    spread[k] = spread_over(command[k], command[0]);
    if (command[k].is_constant()) std::fill_n(spread[k].strides, kRank, 0);
  }
  for (int axis = 0; axis < spread[0].rank; ++axis) {
    const int64_t extent = spread[0].shape[axis];
    geometry.size *= extent;
    const int last = geometry.rank - 1;
    bool merges = geometry.rank > 0;
    for (int k = 0; k < count; ++k)
      merges = merges && geometry.strides[k][last] == spread[k].strides[axis] * extent;
    const int place = merges ? last : geometry.rank++;
    geometry.shape[place] = merges ? geometry.shape[place] * extent : extent;
    for (int k = 0; k < count; ++k) geometry.strides[k][place] = spread[k].strides[axis];
  }
}

PtxLayout layout_of(const PtxGeometry& geometry, int operand) {
  const int64_t* strides = geometry.strides[operand];
  bool flat = true, uniform = true;
  int64_t expected = 1;
  for (int axis = geometry.rank - 1; axis >= 0; --axis) {
    flat = flat && strides[axis] == expected;
    uniform = uniform && strides[axis] == 0;
    expected *= geometry.shape[axis];
  }
  if (uniform) return PtxLayout::kUniform;
  if (flat) return PtxLayout::kFlat;
  const int64_t inner = strides[geometry.rank - 1];
  return inner == 1 ? PtxLayout::kRows : inner == 0 ? PtxLayout::kColumns : PtxLayout::kStrided;
}

// Whether items of `vector` elements lie in memory as such: nowhere across rows, and aligned.
bool takes_vectors(const PtxGeometry& geometry, const Command& command) {
  const int64_t vector = geometry.vector;
  for (int k = 0; k < command.operand_count; ++k) {
    const PtxLayout layout = geometry.layouts[k];
    if (layout == PtxLayout::kStrided) return false;
    if (layout != PtxLayout::kFlat && layout != PtxLayout::kRows) continue;
    const int64_t bytes = vector * item_size(command[k].dtype);
    if (reinterpret_cast<uintptr_t>(command[k].data) % static_cast<uintptr_t>(bytes) != 0) return false;
    if (layout == PtxLayout::kFlat) continue;
    for (int axis = 0; axis + 1 < geometry.rank; ++axis) {
      if (geometry.strides[k][axis] % bytes != 0) return false;
    }
  }
  return geometry.rank == 0 || geometry.shape[geometry.rank - 1] % vector == 0;
}

}  // namespace

PtxGeometry ptx_geometry(const Command& command) {
  PtxGeometry geometry;
  merge_axes(command, geometry);
  int64_t widest = 1;
  bool flat = true, strided = false;
  for (int k = 0; k < command.operand_count; ++k) {
    if (command[k].is_constant()) {
      geometry.layouts[k] = PtxLayout::kConstant;
      continue;
    }
    // An output of one element is written, not broadcast.
    const bool output = k < command.tiles->output_count;
    const PtxLayout layout = output ? PtxLayout::kFlat : layout_of(geometry, k);
    geometry.layouts[k] = layout;
    flat = flat && (layout == PtxLayout::kFlat || layout == PtxLayout::kUniform);
    strided = strided || layout == PtxLayout::kStrided;
    if (layout != PtxLayout::kUniform) widest = std::max(widest, item_size(command[k].dtype));
  }
  if (flat) geometry.rank = 0;
  if (!strided) geometry.vector = static_cast<int>(std::min(kItemBytes / widest, kMostElements));
  geometry.wide = geometry.size > INT32_MAX;
  for (int k = 0; k < command.operand_count; ++k) {
    for (int axis = 0; axis < geometry.rank; ++axis) {
      geometry.strides[k][axis] *= item_size(command[k].dtype);
      const int64_t stride = geometry.strides[k][axis];
      geometry.wide = geometry.wide || stride > INT32_MAX || stride < INT32_MIN;
    }
  }
  if (geometry.vector > 1 && takes_vectors(geometry, command))
    geometry.vectors = geometry.size / geometry.vector;
  return geometry;
}

}  // namespace hebb::stream

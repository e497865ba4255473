// Panels: a weight in the order in which register tiles read it, made by each call or kept between calls.
#pragma once

#include "kernels/cpu/gemm_core.h"
#include "kernels/cpu/tasks.h"
#include "kernels/panels.h"

namespace hebb::kernels::HEBB_ISA {
namespace {
namespace tile {

// Matrices [depth, columns] as panels of kTileColumns columns, or of one vector where that holds the last
// ones: [panel, matrix, depth, width].
template <class T>
struct Panels {
  T* data;
  int64_t columns, matrices, depth;

  HEBB_INLINE int64_t blocks() const { return ceil_div(columns, kTileColumns<T>); }
  HEBB_INLINE int64_t size() const { return blocks() * matrices * kTileColumns<T> * depth; }
  HEBB_INLINE int columns_in(int64_t block) const {
    return static_cast<int>(least(kTileColumns<T>, columns - block * kTileColumns<T>));
  }
  HEBB_INLINE int width(int64_t block) const { return panel_width<T>(columns_in(block)); }
  HEBB_INLINE T* panel(int64_t block, int64_t matrix) const {
    return data + (block * matrices + matrix) * kTileColumns<T> * depth;
  }

  // Element [m, k, j] of the source lies at from[m * matrix_step + k * depth_step + j * column_step].
  template <class S>
  void pack(stream::Context& context, const S* from, int64_t matrix_step, int64_t depth_step,
            int64_t column_step) const {
    parallel_items(context, blocks() * matrices, task_grain(kTileColumns<T> * depth), [&](int64_t item, int) {
      const int64_t block = item / matrices, matrix = item % matrices;
      const MatrixB<T, S> source{from + matrix * matrix_step, depth_step, column_step};
      source.pack(panel(block, matrix), width(block), block * kTileColumns<T>, columns_in(block), 0, depth);
    });
  }
};

// Beyond so many rows, packing is a few hundredths of a product: not worth the memory that panels take.
inline constexpr int64_t kMostRows = 512;
// A command of its own costs more than packing so little.
inline constexpr int64_t kLeastPacked = 4096;

// What a product of `rows` rows with the weight at `operand`, seen as [matrices, k, columns], would gain from
// panels.
inline stream::Packing packing_of(const stream::Command& command, int operand, int64_t rows,
                                  const int64_t (&shape)[3], const int64_t (&strides)[3]) {
  const stream::Operand& weight = command[operand];
  stream::Packing result;
  if (weight.in_panels || rows > kMostRows || shape[0] * shape[1] * shape[2] < kLeastPacked) return result;
  result.operand = operand;
  result.slot = &pack_panels;
  result.source = weight;
  result.source.rank = 3;
  for (int i = 0; i < 3; ++i) result.source.shape[i] = shape[i], result.source.strides[i] = strides[i];
  const bool wide = weight.dtype == DType::kF64;
  result.dtype = wide ? DType::kF64 : DType::kF32;
  result.size = wide ? Panels<double>{nullptr, shape[2], shape[0], shape[1]}.size()
                     : Panels<float>{nullptr, shape[2], shape[0], shape[1]}.size();
  return result;
}

}  // namespace tile
}  // namespace
}  // namespace hebb::kernels::HEBB_ISA

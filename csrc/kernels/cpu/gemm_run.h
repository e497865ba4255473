// How the products of a command are shared out: matrix by matrix, or each among all threads, its epilogue
// behind.
#pragma once

#include "kernels/cpu/gemm_batch.h"
#include "kernels/cpu/gemm_thin.h"
#include "kernels/cpu/tile_epilogue.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

using namespace tile;

// Matrices so small that a thread takes several are shared out whole.
bool whole_matrices(const Batch& batch, const stream::Context& context) {
  return batch.count > 1 &&
         (batch.m * batch.n * batch.k < 8 * kSerialWork || batch.count >= 4 * context.threads());
}

// body(index, thread) for every matrix, in runs of about kSerialWork.
template <class F>
void for_matrices(const Batch& batch, stream::Context& context, F&& body) {
  const int64_t work = work_of<float>(batch.m, batch.n, batch.k) + 1;
  const int64_t run = work >= kSerialWork ? 1 : kSerialWork / work;
  const int64_t tasks = (batch.count + run - 1) / run;
  context.parallel(tasks, [&](int64_t task, int thread) {
    const int64_t end = (task + 1) * run < batch.count ? (task + 1) * run : batch.count;
    for (int64_t index = task * run; index < end; ++index) body(index, thread);
  });
}

// Tells an epilogue of the elements of one matrix of the batch.
struct Follow {
  const TileEpilogue& epilogue;
  const Batch& batch;
  int64_t first;  // of the matrix in the result

  HEBB_INLINE void operator()(int thread, int64_t row, int64_t rows, int64_t column, int64_t columns) const {
    epilogue.run(thread, {first + row * batch.n + column, columns, rows, batch.n});
  }
};

// Where p is thin, computes it on this thread, or else with all.
template <class T>
bool multiply_if_thin(const Plain<T>& p) {
  const Thin form = thin_form(p);
  if (form == Thin::kNone) return false;
  const ThinTiles<T> tiles(p, form);
  for (int64_t tile = 0; tile < tiles.count; ++tile) multiply_thin(p, form, tiles, tile);
  return true;
}
template <class T>
bool multiply_if_thin(stream::Context& context, const Plain<T>& p) {
  const Thin form = thin_form(p);
  if (form == Thin::kNone) return false;
  // Thin products wait for memory: a quarter of the arithmetic takes as long.
  const ThinTiles<T> tiles(p, form);
  const int64_t run = 1 + kSerialWork / (4 * (tiles.work + 1)), tasks = pieces_of(tiles.count, run);
  context.parallel(tasks, [&](int64_t task, int) {
    const int64_t end = (task + 1) * run < tiles.count ? (task + 1) * run : tiles.count;
    for (int64_t tile = task * run; tile < end; ++tile) multiply_thin(p, form, tiles, tile);
  });
  return true;
}

// What is in panels or tiles is not thin.
template <class P>
inline constexpr bool kMayBeThin = false;
template <class T>
inline constexpr bool kMayBeThin<Plain<T>> = true;

// Whether rows are final in pieces so long that an epilogue may follow them: where there are more, a tile
// program over each of them takes longer than one over all of the result later.
template <class T>
bool has_long_rows(int64_t n) {
  return n <= 2 * kBlockN<T>;
}

// Matrix `index`, on one thread.
template <class T, class P>
void multiply_alone(const Batch& batch, const P& p, T* space, const TileEpilogue& epilogue, int64_t index,
                    int thread) {
  const Follow follow{epilogue, batch, index * batch.m * batch.n};
  if constexpr (kMayBeThin<P>) {
    if (multiply_if_thin(p)) return follow(thread, 0, batch.m, 0, batch.n);
  }
  if (!has_long_rows<T>(p.n)) {
    multiply_on_thread(space, p);
    return follow(thread, 0, batch.m, 0, batch.n);
  }
  multiply_on_thread(space, p, [&](int64_t row, int64_t rows, int64_t column, int64_t columns) {
    follow(thread, row, rows, column, columns);
  });
}

// Matrix `index`, on all threads.
template <class T, class P>
void multiply_shared(stream::Context& context, const Batch& batch, const P& p, const TileEpilogue& epilogue,
                     int64_t index) {
  const Follow follow{epilogue, batch, index * batch.m * batch.n};
  bool done = false;
  if constexpr (kMayBeThin<P>) done = multiply_if_thin(context, p);
  if (!done) {
    const Grid grid = grid_of(context, p);
    if (epilogue && grid.columns == 1 && has_long_rows<T>(p.n))
      return multiply(context, p, grid, static_cast<T*>(nullptr), follow);
    multiply(context, p, grid);
  }
  epilogue.run_behind(follow.first, batch.m * batch.n);
}

// product(index): that of matrix `index`.
template <class T, class F>
void run_products(const stream::Command& command, stream::Context& context, const Batch& batch,
                  const F& product) {
  const TileEpilogue epilogue(command, context);
  if (whole_matrices(batch, context)) {
    const int64_t space = thread_space(product(0));
    for_matrices(batch, context, [&](int64_t index, int thread) {
      multiply_alone(batch, product(index), context.scratch<T>(thread, space), epilogue, index, thread);
    });
    return;
  }
  for (int64_t index = 0; index < batch.count; ++index)
    multiply_shared<T>(context, batch, product(index), epilogue, index);
}

}  // namespace
}  // namespace hebb::kernels::HEBB_ISA

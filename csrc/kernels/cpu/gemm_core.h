// The loop nest of GEMM, for everything that is a matrix product once its operands are packed: C = A B, A [m,
// k], B [k, n].
//
// Operands are policies, described in gemm_operands.h.
//
//   Product<T, A, B, C> p{m, n, k, a, b, c, {accumulate, bias, activation}};
//   multiply(context, p);                                  // all threads
//   multiply_on_thread(space, p);                          // this thread; space of thread_space(p) elements
//   multiply(context, p, space);                           // all threads; thread_space(p) elements of thread
//   0's scratch
//   multiply(context, p, grid_of(context, p), space, done);  // tells of elements as soon as they are final
//
// multiply() uses context.scratch of every thread: a caller that keeps something in that of thread 0 asks for
// thread_space(p) more and hands it over. k = 0 gives zeros (or C
// unchanged), bias and activation. k is cut into blocks that depend on k alone, and every element of C is a
// sum in the order of k: bits depend neither on threads nor on where the element lies.
#pragma once

#include "kernels/cpu/gemm_operands.h"
#include "kernels/cpu/simd_math.h"
#include "kernels/gemm.h"
#include "stream/context.h"

namespace hebb::kernels::HEBB_ISA {
namespace {
namespace tile {

// A packed block of B, kBlockK x kBlockN, stays in the L2 cache while panels of A (in L1) pass over it: half
// a megabyte, since A and C pass through that cache too, and another thread of the core may share it.
inline constexpr int64_t kBlockK = 512;
template <class T>
inline constexpr int64_t kBlockN = 1024 / sizeof(T);
// Multiply-adds below which a second thread costs more than it saves (about 3 us of work).
inline constexpr int64_t kSerialWork = sizeof(V<float>) * 4096;
// Storing an element of C takes as long as this many multiply-adds, and so does packing one of A or B.
inline constexpr int64_t kStoreWork = 8;
inline constexpr int64_t kPackWork = 8;

template <class T>
struct Epilogue {
  bool accumulate = false;  // C += A B
  const T* bias = nullptr;  // [n], added to each row
  int64_t activation = kActivationNone;
};

template <class T, class A, class B, class C>
struct Product {
  int64_t m, n, k;
  A a;
  B b;
  C c;
  Epilogue<T> epilogue = {};
};

// a / b for what is not negative. Dividing 64 bits takes three times as long as dividing 32, which shows
// where blocks are small.
HEBB_INLINE int64_t quotient(int64_t a, int64_t b) {
  if (((a | b) >> 32) == 0) return static_cast<uint32_t>(a) / static_cast<uint32_t>(b);
  return a / b;
}

// Where piece `piece` of `pieces` begins when n is cut into pieces of whole units (the last unit may be
// short).
HEBB_INLINE int64_t cut(int64_t n, int64_t pieces, int64_t piece, int64_t unit = 1) {
  if (pieces == 1) return piece == 0 ? 0 : n;
  const int64_t at = quotient((n + unit - 1) / unit * piece, pieces) * unit;
  return at < n ? at : n;
}

HEBB_INLINE int64_t pieces_of(int64_t n, int64_t most) {
  return n <= most ? (n > 0 ? 1 : 0) : quotient(n + most - 1, most);
}

// The part of C that one task computes.
struct Part {
  int64_t row, rows, column, columns;
};

// Whether so few rows read B where it lies: they would use a packed panel too rarely.
template <class B>
HEBB_INLINE bool reads_in_place(const B& b, int64_t rows) {
  return rows <= 2 * kTileRows && b.in_place(0, 0) != nullptr;
}

// Band `index` of those that the rows of a part are cut into.
HEBB_INLINE Rows band_of(const Part& part, int64_t bands, int64_t index) {
  const int64_t row = cut(part.rows, bands, index), end = cut(part.rows, bands, index + 1);
  return {part.row + row, static_cast<int>(end - row)};
}

// body(bands, count) for the bands that the rows of a part are cut into, each as high as a panel of A or
// nearly so, `most` of them at a time.
template <class F>
HEBB_INLINE void for_bands(const Part& part, int most, F&& body) {
  const int64_t all = pieces_of(part.rows, kTileRows);
  Rows bands[kBandsAtOnce];
  for (int64_t first = 0; first < all; first += most) {
    const int count = static_cast<int>(all - first < most ? all - first : most);
    for (int i = 0; i < count; ++i) bands[i] = band_of(part, all, first + i);
    body(bands, count);
  }
}

template <class A>
HEBB_INLINE int bands_at_once(const A& a) {
  return a.runs_across() ? kBandsAtOnce : 1;
}

// One block of B inside a part.
template <class T>
struct BlockOf {
  int64_t n0, nc, k0, kc;
  bool first, last;  // of the blocks along k
  bool in_place;     // full panels of B are read where they are
  T* packed;         // panel p at packed + p * kTileColumns * kc

  int64_t panels() const { return (nc + kTileColumns<T> - 1) / kTileColumns<T>; }
  int columns(int64_t panel) const {
    const int64_t rest = nc - panel * kTileColumns<T>;
    return static_cast<int>(rest < kTileColumns<T> ? rest : kTileColumns<T>);
  }
};

// What one thread works in: panels of A, and a tile of C for columns that do not fill a vector.
inline constexpr int64_t kPanelsSpace = kBandsAtOnce * (kTileRows * kBlockK + kSlack);
template <class T>
inline constexpr int64_t kOwnSpace = kPanelsSpace + kTileRows* kTileColumns<T>;

template <class T>
HEBB_INLINE V<T> activate(V<T> x, int64_t activation) {
  if (activation == kActivationRelu) return max(x, V<T>::zero());
  if (activation == kActivationSigmoid) return sigmoid(x);
  if (activation == kActivationTanh) return tanh(x);
  return x;
}

// Bias and activation over a tile that was just stored.
template <class T>
void finish(T* const* rows, int count, int columns, const T* bias, int64_t activation) {
  constexpr int kWidth = V<T>::kWidth;
  for (int j = 0; j < columns; j += kWidth) {
    const int n = columns - j < kWidth ? columns - j : kWidth;
    const V<T> add = bias ? V<T>::load_partial(bias + j, n) : V<T>::zero();
    for (int i = 0; i < count; ++i) {
      V<T> x = V<T>::load_partial(rows[i] + j, n);
      if (bias) x = x + add;
      activate(x, activation).store_partial(rows[i] + j, n);
    }
  }
}

// A panel of A, and where its rows go.
template <class T>
struct Band {
  int64_t row;
  int rows;
  Panel<T> a;
  T* edge;  // a tile of memory
};

// Where a panel of B lies, and the distance of its rows.
template <class T>
struct PanelRows {
  const T* data;
  int64_t step;
};

template <class T, class B>
HEBB_INLINE PanelRows<T> panel_rows(const B& b, const BlockOf<T>& block, int64_t panel) {
  const int columns = block.columns(panel), width = panel_width<T>(columns);
  const int64_t column = block.n0 + panel * kTileColumns<T>;
  if constexpr (kIsPanels<B>) {
    return {b.data + column * b.depth + block.k0 * width, width};
  } else {
    if (block.in_place && columns == kTileColumns<T>) return {b.in_place(column, block.k0), b.k_stride()};
    return {block.packed + panel * kTileColumns<T> * block.kc, width};
  }
}

// A tile of so many rows and vectors: c (+)= A B over k.
template <class T>
HEBB_INLINE void multiply_panels(const Panel<T>& a, const PanelRows<T>& b, int64_t k, int rows, int vectors,
                                 T* const* c, bool accumulate) {
  const bool across = a.row_stride == 1;
  const Strip<T> strip{a.data, across ? a.k_stride : a.row_stride, b.data, b.step, k, c, accumulate};
  micro_of<T>(across, rows, vectors)(strip);
}

template <class T, class P>
void multiply_tile(const P& p, const BlockOf<T>& block, const Band<T>& band, int64_t panel) {
  const int rows = band.rows;
  const int columns = block.columns(panel);
  const int64_t column = block.n0 + panel * kTileColumns<T>;
  T* to[kTileRows];
  for (int i = 0; i < rows; ++i) to[i] = p.c.row(band.row + i) + column;
  const int width = panel_width<T>(columns), vectors = width / V<T>::kWidth;
  const bool accumulate = p.epilogue.accumulate || !block.first;
  const PanelRows<T> b = panel_rows(p.b, block, panel);
  if (columns == width) {
    multiply_panels(band.a, b, block.kc, rows, vectors, to, accumulate);
  } else {
    T* edge_rows[kTileRows];
    for (int i = 0; i < rows; ++i) edge_rows[i] = band.edge + i * width;
    multiply_panels(band.a, b, block.kc, rows, vectors, edge_rows, false);
    for (int i = 0; i < rows; ++i) {
      for (int j = 0; j < columns; j += V<T>::kWidth) {
        const int n = columns - j < V<T>::kWidth ? columns - j : V<T>::kWidth;
        V<T> sum = V<T>::load(edge_rows[i] + j);
        if (accumulate) sum = V<T>::load_partial(to[i] + j, n) + sum;
        sum.store_partial(to[i] + j, n);
      }
    }
  }
  if (block.last && (p.epilogue.bias || p.epilogue.activation != kActivationNone))
    finish(to, rows, columns, p.epilogue.bias ? p.epilogue.bias + column : nullptr, p.epilogue.activation);
}

template <class T, class P>
void pack_panel(const P& p, const BlockOf<T>& block, int64_t panel) {
  const int columns = block.columns(panel);
  if (block.in_place && columns == kTileColumns<T>) return;
  p.b.pack(block.packed + panel * kTileColumns<T> * block.kc, panel_width<T>(columns),
           block.n0 + panel * kTileColumns<T>, columns, block.k0, block.kc);
}

template <class T, class P, class F>
void multiply_block(const P& p, const Part& part, const BlockOf<T>& block, T* space, const F& done) {
  T* edge = space + kPanelsSpace;
  for_bands(part, bands_at_once(p.a), [&](const Rows* bands, int count) {
    Panel<T> made[kBandsAtOnce];
    p.a.panels(space, bands, count, block.k0, block.kc, made);
    for (int i = 0; i < count; ++i) {
      const Band<T> band{bands[i].first, bands[i].count, made[i], edge};
      for (int64_t panel = 0; panel < block.panels(); ++panel) multiply_tile(p, block, band, panel);
      if (block.last) done(band.row, band.rows, block.n0, block.nc);
    }
  });
}

// done(row, rows, column, columns) for elements of C as soon as they are final.
template <class T, class P, class F>
void multiply_part(const P& p, const Part& part, T* space, const F& done) {
  const int64_t column_blocks = pieces_of(part.columns, kBlockN<T>);
  const int64_t k_blocks = p.k == 0 ? 1 : pieces_of(p.k, kBlockK);
  const bool in_place = reads_in_place(p.b, part.rows);
  for (int64_t j = 0; j < column_blocks; ++j) {
    const int64_t n0 = cut(part.columns, column_blocks, j, kTileColumns<T>);
    const int64_t n1 = cut(part.columns, column_blocks, j + 1, kTileColumns<T>);
    for (int64_t i = 0; i < k_blocks; ++i) {
      const int64_t k0 = cut(p.k, k_blocks, i), k1 = cut(p.k, k_blocks, i + 1);
      const bool first = i == 0, last = i == k_blocks - 1;
      const BlockOf<T> block{part.column + n0,    n1 - n0, k0, k1 - k0, first, last, in_place,
                             space + kOwnSpace<T>};
      if constexpr (!kIsPanels<decltype(p.b)>) {
        for (int64_t panel = 0; panel < block.panels(); ++panel) pack_panel(p, block, panel);
      }
      multiply_block(p, part, block, space, done);
    }
  }
}

// How C is cut into parts: each thread packs what its parts need, so packing is repeated, but no thread waits
// for another and no line that one wrote is read by another.
struct Cost {
  int64_t rows, columns;  // of a tile
  // Cycles for each k: to multiply an element of a tile, and to pack one of A or B.
  double multiply, pack;
};
// A vector multiply-add takes half of one, packing an element about as long.
template <class T>
inline constexpr Cost kTileCost{kTileRows, kTileColumns<T>, 1.0 / kTileColumns<T>, 0.5};

struct Grid {
  int64_t rows = 1, columns = 1;

  static Grid choose(int64_t m, int64_t n, int64_t k, int64_t threads, const Cost& tile) {
    const int64_t row_panels = pieces_of(m, tile.rows), column_panels = pieces_of(n, tile.columns);
    // More parts than threads absorb a thread that is late; short work has no time for them.
    const int64_t most = m * n * k < 64 * threads * kSerialWork ? 2 * threads : 4 * threads;
    Grid best;
    double least_cost = 1e300;
    for (int64_t rows = 1; rows <= most && rows <= row_panels; ++rows) {
      for (int64_t parts = threads; parts <= most; parts *= 2) {
        int64_t columns = (parts + rows - 1) / rows;
        if (columns > column_panels) columns = column_panels;
        const double part_rows = static_cast<double>((row_panels + rows - 1) / rows * tile.rows);
        const double part_columns =
            static_cast<double>((column_panels + columns - 1) / columns * tile.columns);
        const double rounds = static_cast<double>((rows * columns + threads - 1) / threads);
        const double cost =
            rounds * (part_rows * part_columns * tile.multiply + (part_rows + part_columns) * tile.pack);
        if (cost < least_cost * 0.99 ||
            (cost < least_cost * 1.03 && rows * columns > best.rows * best.columns)) {
          least_cost = cost < least_cost ? cost : least_cost;
          best = {rows, columns};
        }
      }
    }
    return best;
  }
};

// Part `index` of C [m, n], in whole tiles.
inline Part part_of(const Grid& grid, int64_t m, int64_t n, int64_t index, const Cost& tile) {
  const int64_t r = index % grid.rows, c = index / grid.rows;
  const int64_t row = cut(m, grid.rows, r, tile.rows), row_end = cut(m, grid.rows, r + 1, tile.rows);
  const int64_t column = cut(n, grid.columns, c, tile.columns);
  return {row, row_end - row, column, cut(n, grid.columns, c + 1, tile.columns) - column};
}

template <class T, class A, class B, class C>
int64_t thread_space(const Product<T, A, B, C>& p) {
  if (kIsPanels<B>) return kOwnSpace<T>;
  const int64_t nc = p.n < kBlockN<T> ? p.n : kBlockN<T>, kc = p.k < kBlockK ? p.k : kBlockK;
  return kOwnSpace<T> + (nc + kTileColumns<T> - 1) / kTileColumns<T> * kTileColumns<T> * kc + kSlack;
}

// Nobody waits for elements of C.
struct Unwatched {
  HEBB_INLINE void operator()(int64_t, int64_t, int64_t, int64_t) const {}
  HEBB_INLINE void operator()(int, int64_t, int64_t, int64_t, int64_t) const {}
};

template <class T, class A, class B, class C, class F = Unwatched>
void multiply_on_thread(T* space, const Product<T, A, B, C>& p, const F& done = {}) {
  multiply_part(p, Part{0, p.m, 0, p.n}, space, done);
}

// How many multiply-adds of large products a product takes as long as: a tile that is not full takes as long
// as a full one.
template <class T>
HEBB_INLINE int64_t work_of(int64_t m, int64_t n, int64_t k) {
  const int64_t columns = (n + kTileColumns<T> - 1) / kTileColumns<T> * kTileColumns<T>;
  return m * columns * (k + kStoreWork) + (m + n) * k * kPackWork;
}

// One part where a second thread would not pay.
template <class T, class A, class B, class C>
Grid grid_of(const stream::Context& context, const Product<T, A, B, C>& p) {
  if (context.threads() == 1 || work_of<T>(p.m, p.n, p.k) < kSerialWork) return {};
  return Grid::choose(p.m, p.n, p.k, context.threads(), kTileCost<T>);
}

// `grid` is that of grid_of(); done(thread, row, rows, column, columns) is called by the thread that made
// these elements.
template <class T, class A, class B, class C, class F = Unwatched>
void multiply(stream::Context& context, const Product<T, A, B, C>& p, const Grid& grid, T* space = nullptr,
              const F& done = {}) {
  const int64_t size = thread_space(p);
  context.parallel(grid.rows * grid.columns, [&](int64_t task, int thread) {
    T* own = thread == 0 && space ? space : context.scratch<T>(thread, size);
    multiply_part(
        p, part_of(grid, p.m, p.n, task, kTileCost<T>), own,
        [&](int64_t i, int64_t rows, int64_t j, int64_t columns) { done(thread, i, rows, j, columns); });
  });
}

template <class T, class A, class B, class C>
void multiply(stream::Context& context, const Product<T, A, B, C>& p, T* space = nullptr) {
  multiply(context, p, grid_of(context, p), space);
}

}  // namespace tile
}  // namespace
}  // namespace hebb::kernels::HEBB_ISA

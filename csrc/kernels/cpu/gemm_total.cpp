// The sum of many products with one result. Some of them are packed at a time; then tile by tile of the
// result they are added one after the other.
#include "kernels/cpu/gemm_batch.h"
#include "kernels/cpu/gemm_thin.h"
#include "kernels/cpu/tasks.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

using namespace tile;

// Columns of a part, whose panels of B fit the L2 cache, and elements: fewer parts repeat less packing.
constexpr int64_t kPartColumns = 256;
constexpr int64_t kPartElements = 1 << 16;

// Product `index` of the command, and matrix by matrix its operands.
template <class T>
struct Term {
  const stream::Operand &c, &a, &b;
  Batch batch;

  Term(const stream::Command& command, int64_t index)
      : c(command[0]),
        a(command[static_cast<int>(1 + 2 * index)]),
        b(command[static_cast<int>(2 + 2 * index)]),
        batch(c, a, b, true) {}

  Plain<T> product(int64_t matrix, bool accumulate) const {
    int64_t a_offset, b_offset;
    batch.offsets(matrix, &a_offset, &b_offset);
    return {batch.m,
            batch.n,
            batch.k,
            {a.as<T>() + a_offset, batch.a_row, batch.a_k},
            {b.as<T>() + b_offset, batch.b_k, batch.b_column},
            {c.as<T>() + matrix * batch.m * batch.n, batch.n},
            {accumulate}};
  }
};

// How a matrix is cut: as a product of that depth would be, and further while parts are too large or too
// wide.
template <class T>
Grid parts_of(const stream::Context& context, const Batch& batch, int64_t depth) {
  const bool shared = batch.count < 4 * context.threads() && context.threads() > 1;
  Grid grid = shared ? Grid::choose(batch.m, batch.n, depth, context.threads(), kTileCost<T>) : Grid{};
  while (batch.n > kPartColumns * grid.columns) ++grid.columns;
  while (batch.m * batch.n > kPartElements * grid.rows * grid.columns) ++grid.rows;
  return grid;
}

// Terms that are packed together.
constexpr int kGroup = 64;

// Elements of thread memory for a part: the panels of A of a group, an edge tile, and B of a group.
template <class T>
int64_t part_space(int64_t columns, int64_t deepest) {
  const int64_t wide = ceil_div(columns, kTileColumns<T>) * kTileColumns<T>;
  const int64_t depth = most(deepest, kBlockK);
  return kBandsAtOnce * (kTileRows * depth + kGroup * kSlack) + kTileRows * kTileColumns<T> + wide * depth +
         kGroup * kSlack;
}

// Some terms of one part of one matrix. Each tile meets them one after the other, so that it stays in the L1
// cache.
template <class T>
struct Group {
  const Part& part;
  T *panels, *edge, *packed;
  int count = 0;
  int64_t depth = 0;
  Plain<T> products[kGroup];
  BlockOf<T> blocks[kGroup];

  Group(const Part& owner, T* memory, int64_t deepest) : part(owner), panels(memory) {
    edge = panels + kBandsAtOnce * (kTileRows * most(deepest, kBlockK) + kGroup * kSlack);
    packed = edge + kTileRows * kTileColumns<T>;
  }

  bool takes(int64_t k) const { return count == 0 || (count < kGroup && depth + k <= kBlockK); }

  void add(const Plain<T>& product) {
    const bool in_place = reads_in_place(product.b, part.rows);
    const int64_t wide = ceil_div(part.columns, kTileColumns<T>) * kTileColumns<T>;
    products[count] = product;
    blocks[count] = {part.column, part.columns, 0, product.k, true, true, in_place, packed + wide * depth};
    pack_block(product, blocks[count]);
    ++count;
    depth += product.k;
  }

  void multiply() const {
    for_bands(part, bands_at_once(products[0].a), [&](const Rows* bands, int n) {
      Panel<T> made[kGroup][kBandsAtOnce];
      T* space = panels;
      for (int i = 0; i < count; ++i) {
        products[i].a.panels(space, bands, n, 0, products[i].k, made[i]);
        space += n * (kTileRows * products[i].k + kSlack);
      }
      for (int j = 0; j < n; ++j) {
        for (int64_t panel = 0; panel < blocks[0].panels(); ++panel) {
          for (int i = 0; i < count; ++i)
            multiply_tile(products[i], blocks[i], {bands[j].first, bands[j].count, made[i][j], edge}, panel);
        }
      }
    });
  }
};

template <class T>
void run_part(const stream::Command& command, int64_t matrix, const Part& part, T* memory, int64_t deepest) {
  const int64_t terms = command.param<GemmTotalParams>().count;
  for (int64_t i = 0; i < terms;) {
    Group<T> group(part, memory, deepest);
    for (; i < terms; ++i) {
      const Plain<T> product = Term<T>(command, i).product(matrix, i > 0);
      if (!group.takes(product.k)) break;
      group.add(product);
    }
    group.multiply();
  }
}

template <class T>
void run_total(const stream::Command& command, stream::Context& context) {
  const int64_t terms = command.param<GemmTotalParams>().count;
  int64_t depth = 0, deepest = 0;
  for (int64_t i = 0; i < terms; ++i) {
    const int64_t k = Term<T>(command, i).batch.k;
    depth += k;
    deepest = most(deepest, k);
  }
  const Batch batch = Term<T>(command, 0).batch;
  const Grid grid = parts_of<T>(context, batch, depth);
  const int64_t parts = grid.rows * grid.columns, space = part_space<T>(batch.n, deepest);
  const int64_t work = batch.m * batch.n * (depth + terms * kStoreWork) / parts;
  parallel_items(context, batch.count * parts, task_grain(work), [&](int64_t item, int thread) {
    const Part part = part_of(grid, batch.m, batch.n, item % parts, kTileCost<T>);
    if (part.rows == 0 || part.columns == 0) return;
    run_part<T>(command, item / parts, part, context.scratch<T>(thread, space), deepest);
  });
}

void total_kernel(const stream::Command& command, stream::Context& context) {
  if (command[0].size() == 0) return;
  if (command[0].dtype == DType::kF64) return run_total<double>(command, context);
  run_total<float>(command, context);
}

// A product whose elements are single sums in the order of k, as those of a term are.
template <class T>
bool is_one_sum(const Batch& batch) {
  const Plain<T> p{batch.m,
                   batch.n,
                   batch.k,
                   {nullptr, batch.a_row, batch.a_k},
                   {nullptr, batch.b_k, batch.b_column},
                   {nullptr, batch.n}};
  return batch.k <= kBlockK && thin_form(p) == Thin::kNone;
}

bool gemm_totals(const stream::Command& command) {
  const auto& params = command.param<GemmParams>();
  if (params.has_bias || params.activation != kActivationNone || command[2].in_panels) return false;
  const Batch batch(command[0], command[1], command[2]);
  if (command[0].dtype == DType::kF32) return is_one_sum<float>(batch);
  return command[0].dtype == DType::kF64 && is_one_sum<double>(batch);
}

}  // namespace

void fill_gemm_total() {
  kernels::gemm.totals = &gemm_totals;
  kernels::gemm_total.cpu = &total_kernel;
}

}  // namespace hebb::kernels::HEBB_ISA

// The sum of many products with one result. Some of them are packed at a time, each operand once; then tile
// by tile of the result they are added one after the other.
#include "kernels/cpu/gemm_batch.h"
#include "kernels/cpu/gemm_thin.h"
#include "kernels/cpu/tasks.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

using namespace tile;

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

// Terms that are packed together, their depths at most kBlockK in all unless there is but one.
constexpr int kGroup = 64;
// Rows and columns of an area of the result, whose operands are packed at a time.
constexpr int64_t kArea = 4096;
// What one task multiplies: as many panels of B as a block of a product has.
constexpr int64_t kPartBands = kBandsAtOnce;
template <class T>
constexpr int64_t kPartPanels = kBlockN<T> / kTileColumns<T>;

// Some terms of one area of one matrix, packed into shared memory. Each tile of C meets them one after the
// other, so that it stays in the L1 cache.
template <class T>
class Group {
 public:
  Group(const Part& area, T* memory, int64_t deepest)
      : area_(area),
        bands_(pieces_of(area.rows, kTileRows)),
        panels_(pieces_of(area.columns, kTileColumns<T>)),
        a_(memory),
        b_(memory + a_space(area.rows, deepest)) {}

  // Elements of memory for areas of at most so many rows and columns.
  static int64_t space(int64_t rows, int64_t columns, int64_t deepest) {
    const int64_t wide = pieces_of(columns, kTileColumns<T>) * kTileColumns<T>;
    return a_space(rows, deepest) + wide * most(deepest, kBlockK) + kSlack;
  }

  bool takes(int64_t k) const { return count_ == 0 || (count_ < kGroup && depth_ + k <= kBlockK); }

  void add(const Plain<T>& product) {
    products_[count_] = product;
    rows_[count_] = a_ + bands_ * (kTileRows * depth_ + count_ * kSlack);
    blocks_[count_] = {area_.column,
                       area_.columns,
                       0,
                       product.k,
                       true,
                       true,
                       reads_in_place(product.b, area_.rows),
                       b_ + panels_ * kTileColumns<T> * depth_};
    ++count_;
    depth_ += product.k;
  }

  // pack(task) for all of them, then multiply(task) for all.
  int64_t packings() const { return row_parts() + column_parts(); }
  void pack(int64_t task) const {
    if (task < row_parts()) return pack_rows(task * kPartBands);
    const int64_t first = (task - row_parts()) * kPartPanels<T>,
                  last = least(first + kPartPanels<T>, panels_);
    for (int i = 0; i < count_; ++i)
      for (int64_t panel = first; panel < last; ++panel) pack_panel(products_[i], blocks_[i], panel);
  }

  int64_t parts() const { return row_parts() * column_parts(); }
  void multiply(int64_t task) const {
    const int64_t row = task % row_parts() * kPartBands, row_end = least(row + kPartBands, bands_);
    const int64_t first = task / row_parts() * kPartPanels<T>, last = least(first + kPartPanels<T>, panels_);
    for (int64_t j = row; j < row_end; ++j) {
      const Rows band = band_at(j);
      Panel<T> a[kGroup];
      for (int i = 0; i < count_; ++i) a[i] = products_[i].a.panel_at(room(i, j), band.first, band.count, 0);
      for (int64_t panel = first; panel < last; ++panel) add_up(band, a, panel);
    }
  }

 private:
  static int64_t a_space(int64_t rows, int64_t deepest) {
    return pieces_of(rows, kTileRows) * (kTileRows * most(deepest, kBlockK) + kGroup * kSlack);
  }

  int64_t row_parts() const { return pieces_of(bands_, kPartBands); }
  int64_t column_parts() const { return pieces_of(panels_, kPartPanels<T>); }

  Rows band_at(int64_t band) const { return band_of(area_, bands_, band); }
  // Where a band of term i is packed.
  T* room(int i, int64_t band) const { return rows_[i] + band * (kTileRows * products_[i].k + kSlack); }

  void pack_rows(int64_t first) const {
    const int count = static_cast<int>(least(kPartBands, bands_ - first));
    Rows bands[kPartBands];
    Panel<T> made[kPartBands];
    for (int i = 0; i < count; ++i) bands[i] = band_at(first + i);
    for (int i = 0; i < count_; ++i)
      products_[i].a.panels(room(i, first), bands, count, 0, products_[i].k, made);
  }

  // Adds all terms to one tile of C, which is elsewhere meanwhile where its columns do not fill vectors.
  void add_up(const Rows& band, const Panel<T>* a, int64_t panel) const {
    const int columns = blocks_[0].columns(panel), width = panel_width<T>(columns);
    const int vectors = width / V<T>::kWidth;
    const bool whole = columns == width;
    const int64_t column = area_.column + panel * kTileColumns<T>;
    T edge[kTileRows * kTileColumns<T>];
    T *c[kTileRows], *to[kTileRows];
    for (int i = 0; i < band.count; ++i) {
      c[i] = products_[0].c.row(band.first + i) + column;
      to[i] = whole ? c[i] : edge + i * width;
    }
    if (!whole && products_[0].epilogue.accumulate) {
      for (int i = 0; i < band.count; ++i) copy_run(to[i], c[i], columns, width);
    }
    for (int i = 0; i < count_; ++i) {
      multiply_panels(a[i], panel_rows(products_[i].b, blocks_[i], panel), products_[i].k, band.count,
                      vectors, to, products_[i].epilogue.accumulate);
    }
    if (whole) return;
    for (int i = 0; i < band.count; ++i) {
      for (int j = 0; j < columns; j += V<T>::kWidth)
        V<T>::load(to[i] + j).store_partial(c[i] + j, static_cast<int>(least(columns - j, V<T>::kWidth)));
    }
  }

  Part area_;
  int64_t bands_, panels_;
  T *a_, *b_;
  int count_ = 0;
  int64_t depth_ = 0;
  Plain<T> products_[kGroup];
  BlockOf<T> blocks_[kGroup];
  T* rows_[kGroup];
};

// The sum in one matrix. tasks(count, body) calls body(task) for each of them, in any order, and returns when
// all are done.
template <class T, class F>
void add_matrix(const stream::Command& command, int64_t matrix, const Part& area, int64_t deepest, T* memory,
                const F& tasks) {
  const int64_t terms = command.param<GemmTotalParams>().count;
  for (int64_t i = 0; i < terms;) {
    Group<T> group(area, memory, deepest);
    for (; i < terms; ++i) {
      const Plain<T> product = Term<T>(command, i).product(matrix, i > 0);
      if (!group.takes(product.k)) break;
      group.add(product);
    }
    tasks(group.packings(), [&](int64_t task) { group.pack(task); });
    tasks(group.parts(), [&](int64_t task) { group.multiply(task); });
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
  const int64_t space = Group<T>::space(least(batch.m, kArea), least(batch.n, kArea), deepest);
  const int64_t work = batch.m * batch.n * (depth + terms * kStoreWork);
  const auto add = [&](int64_t matrix, T* memory, const auto& tasks) {
    for (int64_t column = 0; column < batch.n; column += kArea) {
      for (int64_t row = 0; row < batch.m; row += kArea)
        add_matrix<T>(command, matrix,
                      {row, least(kArea, batch.m - row), column, least(kArea, batch.n - column)}, deepest,
                      memory, tasks);
    }
  };
  if (batch.count < 4 * context.threads() && work >= 8 * kSerialWork) {
    T* memory = context.scratch<T>(0, space);
    for (int64_t matrix = 0; matrix < batch.count; ++matrix) {
      add(matrix, memory, [&](int64_t count, const auto& body) {
        context.parallel(count, [&](int64_t task, int) { body(task); });
      });
    }
    return;
  }
  parallel_items(context, batch.count, task_grain(work), [&](int64_t matrix, int thread) {
    add(matrix, context.scratch<T>(thread, space), [](int64_t count, const auto& body) {
      for (int64_t task = 0; task < count; ++task) body(task);
    });
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

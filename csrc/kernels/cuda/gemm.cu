// Matrix products: thin ones by columns, all others by tiles; where these would leave the device idle, k is
// cut into parts that a second grid adds up.
#include "kernels/gemm.h"

#include "kernels/cuda/elements.h"
#include "kernels/cuda/fill.h"
#include "kernels/cuda/gemm_plan.h"
#include "kernels/cuda/gemm_thin.h"
#include "kernels/cuda/gemm_tile.h"
#include "kernels/cuda/launch.h"

namespace hebb::kernels::cuda {
namespace {

using stream::Command;
using stream::DeviceContext;

// C from the partial sums, in the order of k.
template <class S>
HEBB_KERNEL HEBB_BOUNDS(kElementThreads, 1) void join_parts(Product p) {
  const int64_t size = p.m * p.n;
  for_each_item(p.matrices * size, [&](int64_t item) {
    const Compute<S>* part = static_cast<const Compute<S>*>(p.partial) + item;
    Compute<S> sum = part[0];
    for (int64_t split = 1; split < p.splits; ++split) sum += part[split * p.matrices * size];
    const int64_t within = item % size;
    store_sum<S>(p, item / size, within / p.n, within % p.n, sum);
  });
}

// How a side lies whose extents are [k, x].
template <class S>
Layout layout_of(const Product& p, bool is_a) {
  const void* data = is_a ? p.a : p.b;
  const int64_t along = is_a ? p.a_k : p.b_k, across = is_a ? p.a_row : p.b_column;
  const int64_t extent = is_a ? p.m : p.n;
  if (!in_quads<S>(data)) return Layout::kAny;
  for (int i = 0; i < p.axes; ++i)
    if ((is_a ? p.a_steps : p.b_steps)[i] % 4 != 0) return Layout::kAny;
  if (along == 1 && p.k % 4 == 0 && (across % 4 == 0 || extent == 1)) return Layout::kAlong;
  if (across == 1 && extent % 4 == 0 && (along % 4 == 0 || p.k == 1)) return Layout::kAcross;
  return Layout::kAny;
}

template <class S, class Shape, Layout kA, Layout kB>
void launch_tiles(const Product& p, DeviceContext& context) {
  const int64_t tiles = ceil_div(p.m, Shape::kM) * ceil_div(p.n, Shape::kN);
  const bool by_four = p.c_column == 1 && p.c_row % 4 == 0 && p.m * p.n % 4 == 0 && in_quads<S>(p.c);
  launch(context, grid_of_shares(p, tiles, Shape::kThreads), &multiply_tiles<S, Shape, kA, kB>, p, tiles,
         by_four);
}

// Halves and f64 are read one by one, and f32 where it lies anyhow. That takes registers, which large tiles
// do not have.
template <class S>
bool is_quads(const Product& p) {
  return kIsSame<S, float> && layout_of<S>(p, true) != Layout::kAny && layout_of<S>(p, false) != Layout::kAny;
}
template <class S, class Shape>
void launch_quads(const Product& p, DeviceContext& context) {
  constexpr Layout kAlong = Layout::kAlong, kAcross = Layout::kAcross;
  const bool a = layout_of<S>(p, true) == kAlong, b = layout_of<S>(p, false) == kAlong;
  if (a && b) return launch_tiles<S, Shape, kAlong, kAlong>(p, context);
  if (a) return launch_tiles<S, Shape, kAlong, kAcross>(p, context);
  if (b) return launch_tiles<S, Shape, kAcross, kAlong>(p, context);
  launch_tiles<S, Shape, kAcross, kAcross>(p, context);
}

template <class S>
void launch_by_layout(const Product& p, [[maybe_unused]] bool large, DeviceContext& context) {
  if constexpr (kIsSame<S, float>) {
    if (is_quads<S>(p))
      return large ? launch_quads<S, LargeTile>(p, context) : launch_quads<S, SmallTile>(p, context);
  }
  launch_tiles<S, SmallTile, Layout::kAny, Layout::kAny>(p, context);
}

template <class S, int kRows>
void launch_thin(const Product& p, bool dots, DeviceContext& context) {
  const int64_t groups = ceil_div(p.n, dots ? kBlockColumns<true> : kBlockColumns<false>);
  launch(context, grid_of_shares(p, groups, kThinThreads),
         dots ? &multiply_thin<S, kRows, true> : &multiply_thin<S, kRows, false>, p, groups);
}

// A product, the way it is computed, and the memory that its parts need.
struct Work {
  Product product;
  bool thin, dots, large;
  size_t bytes;
};

template <class S>
Work work_of(Product p) {
  Work work{};
  if (p.m > kThinRows && p.n <= kThinRows) p.turn();
  work.thin = p.m <= kThinRows;
  Plan plan;
  if (work.thin) {
    // Lanes that take k in turn need enough of it, and pay where B lies along it.
    work.dots = p.k >= 64 && p.b_k < p.b_column;
    plan = plan_thin(ceil_div(p.n, work.dots ? kBlockColumns<true> : kBlockColumns<false>) * p.matrices, p.k);
  } else {
    plan = plan_tiles(p.m, p.n, p.k, p.matrices, is_quads<S>(p));
  }
  work.large = plan.large;
  p.splits = plan.splits, p.depth = plan.depth;
  if (p.splits > 1) work.bytes = static_cast<size_t>(p.splits * p.matrices * p.m * p.n) * sizeof(Compute<S>);
  work.product = p;
  return work;
}

template <class S>
void queue(const Work& work, void* scratch, DeviceContext& context) {
  Product p = work.product;
  p.partial = scratch;
  if (p.splits > 1 && scratch == nullptr) return;
  if (work.thin) {
    if (p.m == 1) {
      launch_thin<S, 1>(p, work.dots, context);
    } else {
      launch_thin<S, kThinRows>(p, work.dots, context);
    }
  } else {
    launch_by_layout<S>(p, work.large, context);
  }
  if (p.splits > 1) launch(context, grid_over(context, p.matrices * p.m * p.n), &join_parts<S>, p);
}

template <class S>
void run_product(const Command& command, DeviceContext& context) {
  const auto& params = command.param<GemmParams>();
  Product p = product_of(command[0], command[1], command[2]);
  p.bias = params.has_bias ? command[3].data : nullptr;
  p.activation = params.activation;
  const Work work = work_of<S>(p);
  queue<S>(work, work.bytes > 0 ? context.scratch(context, work.bytes) : nullptr, context);
}

template <class S>
void run_total(const Command& command, DeviceContext& context) {
  const int terms = static_cast<int>(command.param<GemmTotalParams>().count);
  const auto term = [&](int i) {
    Product p = product_of(command[0], command[1 + 2 * i], command[2 + 2 * i]);
    p.accumulate = i > 0;
    return work_of<S>(p);
  };
  size_t bytes = 0;
  for (int i = 0; i < terms; ++i) bytes = term(i).bytes > bytes ? term(i).bytes : bytes;
  void* scratch = bytes > 0 ? context.scratch(context, bytes) : nullptr;
  for (int i = 0; i < terms; ++i) queue<S>(term(i), scratch, context);
}

using Runner = void (*)(const Command& command, DeviceContext& context);
// By dtype.
constexpr Runner kProducts[] = {&run_product<float>, &run_product<double>, &run_product<F16>,
                                &run_product<BF16>};
constexpr Runner kTotals[] = {&run_total<float>, &run_total<double>, &run_total<F16>, &run_total<BF16>};

void gemm_kernel(const Command& command, DeviceContext& context) {
  kProducts[static_cast<int>(command[0].dtype)](command, context);
}
void total_kernel(const Command& command, DeviceContext& context) {
  kTotals[static_cast<int>(command[0].dtype)](command, context);
}

}  // namespace

void fill_gemm() {
  kernels::gemm.cuda = &gemm_kernel;
  kernels::gemm_total.cuda = &total_kernel;
}

}  // namespace hebb::kernels::cuda

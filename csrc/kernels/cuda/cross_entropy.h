// The grids of cross-entropy against class ids.
#pragma once

#include "kernels/cuda/guard.h"
#include "kernels/cuda/rows.h"

namespace hebb::kernels::cuda {
namespace {

// What the rows of a cross-entropy have in common.
template <class C>
struct Target {
  const C* weight;  // null: all 1
  IdRange range;
  C certain;  // the part of the target that is on its id
  C spread;   // the part on each class

  HEBB_DEVICE C weight_of(int64_t id) const { return weight == nullptr ? C{1} : weight[id]; }
  HEBB_DEVICE bool counts(int64_t id) const { return !range.is_ignored(id) && range.has(id); }
};

// certain weight[id] (log sum - (x[id] - top)) + spread sum_c weight[c] (log sum - (x[c] - top)). Rows
// without a class come to 0.
template <class E, class Id, class C = Compute<E>>
HEBB_KERNEL HEBB_BOUNDS(kMostTeam, 1) void cross_entropy_rows(RowPlan plan, Target<C> target, const E* x,
                                                              const Id* ids, C* loss, C* share, C* stats) {
  for_each_row(plan, [&](int64_t index, int worker) {
    const Row<const E> row = row_of(plan, x, index);
    const int64_t id = index < 0 ? -1 : static_cast<int64_t>(ids[index]);
    const bool counts = index >= 0 && target.counts(id);
    const ExpSum<C> all = exp_sum(row, worker, plan.team);
    const C log_sum = log(all.sum);
    C rest = 0;
    if (target.spread != C{0}) {
      double sum = 0;
      for (int64_t at = worker; at < row.size; at += plan.team)
        sum += static_cast<double>(target.weight_of(at) * (log_sum - (read(row.x[at]) - all.top)));
      rest = target.spread * static_cast<C>(join_team(RowSum{}, sum, plan.team));
    }
    if (index < 0 || worker != 0) return;
    const C own = counts ? target.weight_of(id) : C{0};
    loss[index] = counts ? target.certain * own * (log_sum - (read(row.x[id]) - all.top)) + rest : C{0};
    share[index] = own;
    stats[2 * index] = counts ? all.top : C{0};
    stats[2 * index + 1] = counts ? C{1} / all.sum : C{0};
  });
}

// The sum of `count` numbers, by one block.
template <class C>
HEBB_KERNEL HEBB_BOUNDS(kMostTeam, 1) void sum_weights(const C* weight, int64_t count, C* sum) {
  double total = 0;
  for (int64_t i = hw::thread(); i < count; i += hw::threads()) total += static_cast<double>(weight[i]);
  total = join_block(RowSum{}, total);
  if (hw::thread() == 0) *sum = static_cast<C>(total);
}

// dx[c] = dloss (p[c] (certain weight[id] + spread sum(weight)) - spread weight[c] - [c = id] certain
// weight[id]). `all_weight` is null where nothing is spread.
template <class E, class Id, class C = Compute<E>>
HEBB_KERNEL HEBB_BOUNDS(kMostTeam, 1) void cross_entropy_grads(RowPlan plan, Target<C> target, const E* x,
                                                               const Id* ids, const C* stats, const C* dloss,
                                                               const C* all_weight, E* dx) {
  for_each_row(plan, [&](int64_t index, int worker) {
    if (index < 0) return;
    const Row<const E> row = row_of(plan, x, index);
    const Row<E> out = row_of(plan, dx, index);
    const auto id = static_cast<int64_t>(ids[index]);
    const bool counts = target.counts(id);
    const C own = counts ? target.certain * target.weight_of(id) : C{0};
    const C all = target.spread == C{0}   ? C{0}
                  : all_weight == nullptr ? static_cast<C>(plan.size)
                                          : *all_weight;
    const C top = stats[2 * index], spread = target.spread * dloss[index];
    const C scale = stats[2 * index + 1] * (own + target.spread * all) * dloss[index];
    HEBB_ROLLED
    for (int64_t word = worker; word < row.words(); word += plan.team) {
      C value[kWordSize<E>];
      read_word(row, word, C{0}, value);
      HEBB_UNROLL
      for (int j = 0; j < kWordSize<E>; ++j) {
        const int64_t at = word * kWordSize<E> + j;
        C d = exp(value[j] - top) * scale;
        if (target.spread != C{0} && at < row.size) d -= target.weight_of(at) * spread;
        if (at == id) d -= own * dloss[index];
        value[j] = counts ? d : C{0};
      }
      write_word(out, word, value);
    }
  });
}

}  // namespace
}  // namespace hebb::kernels::cuda

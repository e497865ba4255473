// The grids of softmax, its logarithm and their gradients.
#pragma once

#include "kernels/cuda/rows.h"

namespace hebb::kernels::cuda {
namespace {

// Rows that their teams have in registers, kWords words a thread: each element is read once.
template <class E, int kWords>
HEBB_KERNEL HEBB_BOUNDS(kMostTeam, 1) void softmax_kept(RowPlan plan, const E* x, E* y, bool logarithm) {
  using C = Compute<E>;
  constexpr int kSize = kWordSize<E>;
  for_each_row(plan, [&](int64_t index, int worker) {
    const Row<const E> row = row_of(plan, x, index);
    const int64_t words = row.words();
    C kept[kWords][kSize] = {}, top = kLowest<C>;
    HEBB_UNROLL
    for (int u = 0; u < kWords; ++u) {
      if (u * plan.team >= words) continue;
      read_word(row, u * plan.team + worker, kLowest<C>, kept[u]);
      HEBB_UNROLL
      for (int j = 0; j < kSize; ++j) top = RowTop<C>{}.join(top, kept[u][j]);
    }
    top = join_team(RowTop<C>{}, top, plan.team);
    double sum = 0;
    HEBB_UNROLL
    for (int u = 0; u < kWords; ++u) {
      if (u * plan.team >= words) continue;
      C part = 0;
      HEBB_UNROLL
      for (int j = 0; j < kSize; ++j) {
        const C power = exp(kept[u][j] - top);
        part += power;
        kept[u][j] = logarithm ? kept[u][j] - top : power;
      }
      sum += static_cast<double>(part);
    }
    sum = join_team(RowSum{}, sum, plan.team);
    const C shift = logarithm ? log(static_cast<C>(sum)) : C{0};
    const C scale = logarithm ? C{1} : static_cast<C>(1 / sum);
    const Row<E> out = row_of(plan, y, index);
    HEBB_UNROLL
    for (int u = 0; u < kWords; ++u) {
      if (u * plan.team >= words) continue;
      HEBB_UNROLL
      for (int j = 0; j < kSize; ++j) kept[u][j] = logarithm ? kept[u][j] - shift : kept[u][j] * scale;
      write_word(out, u * plan.team + worker, kept[u]);
    }
  });
}

// Longer ones, read twice.
template <class E>
HEBB_KERNEL HEBB_BOUNDS(kMostTeam, 1) void softmax_long(RowPlan plan, const E* x, E* y, bool logarithm) {
  using C = Compute<E>;
  for_each_row(plan, [&](int64_t index, int worker) {
    const Row<const E> row = row_of(plan, x, index);
    const Row<E> out = row_of(plan, y, index);
    const ExpSum<C> all = exp_sum(row, worker, plan.team);
    const C shift = log(all.sum), scale = C{1} / all.sum;
    HEBB_ROLLED
    for (int64_t word = worker; word < row.words(); word += plan.team) {
      C value[kWordSize<E>];
      read_word(row, word, C{0}, value);
      HEBB_UNROLL
      for (int j = 0; j < kWordSize<E>; ++j) {
        const C below = value[j] - all.top;
        value[j] = logarithm ? below - shift : exp(below) * scale;
      }
      write_word(out, word, value);
    }
  });
}

// dx = y (dy - sum(dy y)), or of the logarithm dx = dy - exp(y) sum(dy). The last turn of the sum is the
// first to be written, from registers; rows of one turn are read once.
template <class E, int kWords>
HEBB_KERNEL HEBB_BOUNDS(kMostTeam, 1) void softmax_grads(RowPlan plan, const E* dy, const E* y, E* dx,
                                                         bool logarithm) {
  using C = Compute<E>;
  constexpr int kSize = kWordSize<E>;
  for_each_row(plan, [&](int64_t index, int worker) {
    const Row<const E> gradient = row_of(plan, dy, index), result = row_of(plan, y, index);
    const Row<E> out = row_of(plan, dx, index);
    const int64_t words = gradient.words(), step = static_cast<int64_t>(kWords) * plan.team;
    C d[kWords][kSize] = {}, v[kWords][kSize] = {};
    double total = 0;
    const auto read_turn = [&](int64_t first) {
      HEBB_UNROLL
      for (int u = 0; u < kWords; ++u) {
        if (first + u * plan.team >= words) continue;
        read_word(gradient, first + u * plan.team + worker, C{0}, d[u]);
        read_word(result, first + u * plan.team + worker, C{0}, v[u]);
      }
    };
    int64_t first = 0;
    for (int64_t at = 0; at < words; at += step) {
      first = at;
      read_turn(first);
      HEBB_UNROLL
      for (int u = 0; u < kWords; ++u) {
        if (first + u * plan.team >= words) continue;
        C part = 0;
        HEBB_UNROLL
        for (int j = 0; j < kSize; ++j) part += logarithm ? d[u][j] : d[u][j] * v[u][j];
        total += static_cast<double>(part);
      }
    }
    const C sum = static_cast<C>(join_team(RowSum{}, total, plan.team));
    for (int64_t at = first; at >= 0; at -= step) {
      if (at != first) read_turn(at);
      HEBB_UNROLL
      for (int u = 0; u < kWords; ++u) {
        if (at + u * plan.team >= words) continue;
        HEBB_UNROLL
        for (int j = 0; j < kSize; ++j)
          d[u][j] = logarithm ? d[u][j] - exp(v[u][j]) * sum : v[u][j] * (d[u][j] - sum);
        write_word(out, at + u * plan.team + worker, d[u]);
      }
    }
  });
}

}  // namespace
}  // namespace hebb::kernels::cuda

// Rows that teams of threads share: part of a warp each, or a block.
#pragma once

#include "kernels/cuda/formulas.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/reduce_plan.h"
#include "kernels/cuda/words.h"
#include "kernels/scalar.h"

namespace hebb::kernels::cuda {
namespace {

constexpr int kMostTeam = 512;
constexpr int kLaneWords = 8;  // of a row that lanes of a warp share, each at most
constexpr int kTeamWords = 4;  // of longer ones, where there are threads enough

// Elements that a thread has in registers: of one row, or of each of two.
template <class E>
constexpr int kKept = sizeof(E) == 8 ? 8 : 32;
template <class E>
constexpr int kKeptWords = kKept<E> / kWordSize<E>;
template <class E>
constexpr int kTurnOfWords = kKeptWords<E> / 2;

template <class C>
constexpr C kLowest = -static_cast<C>(__builtin_inff());

// How a grid goes over `rows` rows of `size` elements.
struct RowPlan {
  int64_t rows, size;
  int team;      // threads of a row: a power of two, and more than a warp only where it is the block
  bool aligned;  // whether every row begins at a whole word
};

inline int team_of(int64_t words) {
  if (words <= hw::kLanes * kLaneWords) return power_of_two(words, hw::kLanes);
  return power_of_two(ceil_div(words, kTeamWords), kMostTeam);
}

// Whether a thread has one word of a row, or none.
inline bool is_short(const RowPlan& plan, int word_size) {
  return plan.size <= int64_t{word_size} * plan.team;
}

inline Grid grid_of(const RowPlan& plan) {
  const int threads = plan.team > hw::kLanes ? plan.team : kReduceThreads;
  const int64_t blocks = ceil_div(plan.rows, threads / plan.team);
  return {.threads = threads, .blocks = static_cast<int>(least(blocks, INT32_MAX))};
}

// body(row, worker) for each row, by all threads of its team. Those that have none come along with -1: what
// they exchange with others belongs to no row.
template <class F>
HEBB_DEVICE void for_each_row(const RowPlan& plan, F body) {
  const int64_t each = hw::threads() / plan.team;
  const int worker = hw::thread() % plan.team;
  for (int64_t first = hw::block() * each; first < plan.rows; first += each * hw::blocks()) {
    const int64_t row = first + hw::thread() / plan.team;
    body(row < plan.rows ? row : -1, worker);
  }
}

template <class T>
HEBB_DEVICE Row<T> row_of(const RowPlan& plan, T* data, int64_t row) {
  return {data + (row < 0 ? 0 : row * plan.size), row < 0 ? 0 : plan.size, plan.aligned};
}

struct RowSum {
  HEBB_DEVICE double start() const { return 0; }
  HEBB_DEVICE double join(double a, double b) const { return a + b; }
  HEBB_DEVICE double exchange(double value, int mask) const { return hw::shuffle_xor(value, mask); }
};
// Of numbers: a NaN is passed over.
template <class C>
struct RowTop {
  HEBB_DEVICE C start() const { return kLowest<C>; }
  HEBB_DEVICE C join(C a, C b) const { return b > a ? b : a; }
  HEBB_DEVICE C exchange(C value, int mask) const { return hw::shuffle_xor(value, mask); }
};

template <class Op, class Value>
HEBB_DEVICE Value join_team(const Op& op, Value value, int team) {
  return team <= hw::kLanes ? join_lanes(op, value, team) : join_block(op, value);
}

// One word as computed numbers; `other` where the row has ended.
template <class E>
HEBB_DEVICE void read_word(const Row<const E>& row, int64_t word, Compute<E> other, Compute<E>* to) {
  Word<E> stored;
  load_word(row, word, stored);
  const int count = row.count(word);
  HEBB_UNROLL
  for (int j = 0; j < kWordSize<E>; ++j) to[j] = j < count ? read(stored.x[j]) : other;
}

template <class E>
HEBB_DEVICE void write_word(const Row<E>& row, int64_t word, const Compute<E>* from) {
  Word<E> stored;
  HEBB_UNROLL
  for (int j = 0; j < kWordSize<E>; ++j) stored.x[j] = write<E>(from[j]);
  store_word(row, word, stored);
}

template <class C>
struct ExpSum {
  C top;  // the largest element
  C sum;  // of exp(x - top)
};

// In one pass: what has been added up is scaled down where a larger element comes.
template <class E, class C = Compute<E>>
HEBB_DEVICE ExpSum<C> exp_sum(const Row<const E>& row, int worker, int team) {
  constexpr int kWords = kTurnOfWords<E>, kSize = kWordSize<E>;
  const int64_t words = row.words();
  C top = kLowest<C>;
  double sum = 0;
  HEBB_ROLLED
  for (int64_t first = worker; first < words; first += kWords * team) {
    C x[kWords][kSize] = {}, next = top;
    HEBB_UNROLL
    for (int u = 0; u < kWords; ++u) {
      if (first + u * team >= words) continue;
      read_word(row, first + u * team, kLowest<C>, x[u]);
      HEBB_UNROLL
      for (int j = 0; j < kSize; ++j) next = RowTop<C>{}.join(next, x[u][j]);
    }
    // exp(-inf) is 0, where nothing but -inf has come by.
    const C shift = next == kLowest<C> ? C{0} : next;
    C part[2] = {};
    HEBB_UNROLL
    for (int u = 0; u < kWords; ++u) {
      if (first + u * team >= words) continue;
      HEBB_UNROLL
      for (int j = 0; j < kSize; ++j) part[j % 2] += exp(x[u][j] - shift);
    }
    if (next != top) sum *= static_cast<double>(exp(top - shift));
    sum += static_cast<double>(part[0] + part[1]);
    top = next;
  }
  const C highest = join_team(RowTop<C>{}, top, team);
  sum *= static_cast<double>(exp(top - highest));
  return {highest, static_cast<C>(join_team(RowSum{}, sum, team))};
}

}  // namespace
}  // namespace hebb::kernels::cuda

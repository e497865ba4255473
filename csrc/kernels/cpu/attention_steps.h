// Attention of one head by blocks of queries and keys: an online softmax forward, weights made again from the
// saved sums backward. Blocks that no query may attend to are skipped.
//
// What multiplies the blocks is a Product, which has the head's operands and memory for blocks of them. Its
// rows of scores are numbered within a block of kQueries queries:
//
//   product.take_queries(first, rows);      // the queries that follow
//   product.take_keys(first, count);        // the keys that follow, and their values
//   product.score(query, rows, keys);       // scores(i) of the keys that are seen; backward also dweights(i)
//   product.keep(span, i, weight);          // what was made of them; backward also the score's gradient
//   product.clear(i, first, last);          // zeros instead
//
// Forward adds to y from the first block of keys on, backward to the gradients; of keys by whole groups of
// kGroup queries, which see the first seen_by_group keys:
//
//   product.add_values(query, rows, keys);                      // y (+)= weights V
//   product.add_to_queries(query, rows, keys, seen_by_group);   // dq += dS K
//   product.add_to_keys(query, rows, keys);                     // dk += dS^T Q, dv += P^T dy
#pragma once

#include "kernels/cpu/attention_tile.h"

namespace hebb::kernels::HEBB_ISA {
namespace {
namespace heads {

// The softmax of one row so far: its largest score and the sum of exponentials relative to it.
template <class T>
struct Running {
  T top, sum;
};

template <class T, class Product>
struct Forward {
  const Sizes& s;
  const ForwardMatrices<T>& m;
  Running<T>* running;  // of each row of a task
  Product& product;

  // The queries first..first + rows - 1.
  void run(int64_t first, int64_t rows) const {
    const T lowest = -static_cast<T>(__builtin_inff());
    for (int64_t i = 0; i < rows; ++i) running[i] = {lowest, 0};
    product.take_queries(first, rows);
    const int64_t keys = s.limit(first + rows - 1);
    for (int64_t key = 0; key < keys; key += kKeys) {
      const int64_t block = least(kKeys, keys - key);
      product.take_keys(key, block);
      for (int64_t i = 0; i < rows; i += Product::kQueries) {
        const int64_t part = least(Product::kQueries, rows - i);
        const int64_t seen = least(block, s.limit(first + i + part - 1) - key);
        if (seen > 0) attend(first + i, part, {key, block, seen}, running + i);
      }
    }
    for (int64_t i = 0; i < rows; ++i) finish(first + i, keys > 0, running[i]);
  }

 private:
  void attend(int64_t query, int64_t rows, const KeyBlock& keys, Running<T>* of) const {
    product.score(query, rows, keys);
    for (int64_t i = 0; i < rows; ++i) {
      const int64_t own = most(0, least(keys.seen, s.limit(query + i) - keys.first));
      if (own > 0) weigh_row(i, own, of[i], keys.first > 0 ? m.y.row(query + i) : nullptr);
      product.clear(i, own, keys.seen);
    }
    product.add_values(query, rows, keys);
  }

  // Turns a row of scores into weights relative to the largest score yet; `total`, the sum of weighted values
  // so far, is brought to the same unit. Without a total these are its first scores.
  HEBB_INLINE void weigh_row(int64_t i, int64_t keys, Running<T>& row, T* total) const {
    const T* scores = product.scores(i);
    const T own = row_max(scores, keys), top = own > row.top ? own : row.top;
    const T sum = static_cast<T>(sum_vectors<T>(keys, [&](Span<T> span) {
      const V<T> e = exp(span.of(scores) - V<T>(top));
      product.keep(span, i, e);
      return span.valid(e, 0);
    }));
    if (total == nullptr) {
      row = {top, sum};
      return;
    }
    const T shrink = exp(V<T>(row.top - top))[0];
    row.sum = row.sum * shrink + sum;
    row.top = top;
    if (shrink == T{1}) return;
    each_vector<T>(0, s.width, [&](Span<T> span) { span.put(total, span.of(total) * V<T>(shrink)); });
  }

  void finish(int64_t query, bool has_keys, const Running<T>& row) const {
    T* to = m.y.row(query);
    m.sums[query] = row.top + static_cast<T>(__builtin_log(static_cast<double>(row.sum)));
    const V<T> scale(T{1} / row.sum);
    each_vector<T>(0, s.width,
                   [&](Span<T> span) { span.put(to, has_keys ? span.of(to) * scale : V<T>::zero()); });
  }
};

// Block by block of keys, and in each block by block of queries, so that every sum has one order.
template <class T, class Product>
struct Backward {
  const Sizes& s;
  const BackwardMatrices<T>& m;
  const DeltaSpace<T>& space;
  Product& product;

  void run() const {
    m.dq.clear(s.queries, s.depth);
    m.dk.clear(s.keys, s.depth);
    m.dv.clear(s.keys, s.width);
    sum_weighted();
    for (int64_t first = 0; first < s.queries; first += Product::kSpan)
      pull_span(first, least(Product::kSpan, s.queries - first));
    const V<T> scale(static_cast<T>(s.scale));
    for (int64_t i = 0; i < s.queries; ++i) {
      each_vector<T>(0, s.depth, [&](Span<T> span) { span.put(m.dq.row(i), span.of(m.dq.row(i)) * scale); });
    }
  }

 private:
  // Row by row sum(dy y), which is the sum of the weights times their gradients.
  void sum_weighted() const {
    for (int64_t query = 0; query < s.queries; query += kQueries) {
      const int64_t rows = least(kQueries, s.queries - query);
      copy_block(m.dy, query, rows, s.width, space.dy);
      copy_block(m.y, query, rows, s.width, space.y);
      for (int64_t i = 0; i < rows; ++i) {
        const T *a = space.dy + i * s.width, *b = space.y + i * s.width;
        space.deltas[query + i] =
            static_cast<T>(sum_vectors<T>(s.width, [&](Span<T> span) { return span.of(a) * span.of(b); }));
      }
    }
  }

  // The shares of some queries. With S = scale q k^T and weights P = exp(S - sums): dv += P^T dy,
  // dS = P (dy v^T - delta), dk += dS^T (scale q), dq += dS k.
  void pull_span(int64_t first, int64_t rows) const {
    product.take_queries(first, rows);
    for (int64_t key = 0; key < s.limit(first + rows - 1); key += kKeys) {
      const int64_t block = least(kKeys, s.keys - key), end = first + rows;
      product.take_keys(key, block);
      for (int64_t query = s.causal ? most(first, key) : first; query < end; query += Product::kGroup)
        pull_group(query, least(Product::kGroup, end - query), key, block);
    }
  }

  void pull_group(int64_t query, int64_t rows, int64_t key, int64_t block) const {
    const auto seen_by = [&](int64_t last) {
      return KeyBlock{key, block, least(block, s.limit(last) - key)};
    };
    const KeyBlock keys = seen_by(query + rows - 1);
    for (int64_t i = 0; i < rows; i += Product::kQueries) {
      const int64_t part = least(Product::kQueries, rows - i);
      pull(query + i, part, seen_by(query + i + part - 1), keys.seen);
    }
    product.add_to_keys(query, rows, keys);
  }

  void pull(int64_t query, int64_t rows, const KeyBlock& keys, int64_t seen_by_group) const {
    product.score(query, rows, keys);
    for (int64_t i = 0; i < rows; ++i) {
      const int64_t own = most(0, least(keys.seen, s.limit(query + i) - keys.first));
      weigh_row(query + i, i, own);
      product.clear(i, own, seen_by_group);
    }
    product.add_to_queries(query, rows, keys, seen_by_group);
  }

  // Row i of the block: from scores and the gradients of weights to weights and the gradients of scores.
  HEBB_INLINE void weigh_row(int64_t query, int64_t i, int64_t own) const {
    const T *scores = product.scores(i), *dweights = product.dweights(i);
    const V<T> sum(m.sums[query]), delta(space.deltas[query]);
    each_vector<T>(0, own, [&](Span<T> span) {
      const V<T> weight = exp(span.of(scores) - sum);
      product.keep(span, i, weight, weight * (span.of(dweights) - delta));
    });
  }
};

}  // namespace heads
}  // namespace
}  // namespace hebb::kernels::HEBB_ISA

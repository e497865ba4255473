// Attention by blocks of queries and keys: an online softmax forward, weights made again from the saved sums
// backward. Blocks that no query may attend to are skipped.
#include "kernels/attention.h"

#include "kernels/cpu/attention_tile.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

using namespace heads;
using stream::Command;
using stream::Context;

// Queries in one block: the tiles of the products read keys and values in place up to this many rows.
constexpr int64_t kQueries = 2 * tile::kTileRows;
// Queries in one task: packing its keys and values is shared among them.
constexpr int64_t kTaskQueries = 128;

// Work per query and key beside depth and width multiply-adds.
constexpr int64_t kWeightCost = 16;

// The softmax of one row so far: its largest score and the sum of exponentials relative to it.
template <class T>
struct Running {
  T top, sum;
};

// What a task of the forward kernel works in.
template <class T>
struct ForwardSpace {
  T *keys, *keys_turned, *values, *queries, *scores, *products;
  Running<T>* rows;
  int64_t size;

  ForwardSpace(T* memory, const Sizes& s) {
    const int64_t block = least(kKeys, s.keys);
    Carver<T> carver{memory};
    keys = carver.take(block * s.depth);
    keys_turned = carver.take(rounded_up<T>(block) * s.depth + tile::kSlack);
    values = carver.take(block * s.width);
    queries = carver.take(kQueries * s.depth);
    scores = carver.take(kQueries * kScoreLine<T>);
    rows = reinterpret_cast<Running<T>*>(carver.take(2 * kTaskQueries));
    products = carver.take(most(product_space<T>(kKeys, s.depth), product_space<T>(s.width, kKeys)));
    size = carver.used;
  }
};

// Turns a row of scores into weights relative to the largest score yet; y, the sum of weighted values so far,
// is brought to the same unit. Without a y these are its first scores.
template <class T>
void weigh_row(T* scores, int64_t keys, Running<T>& row, T* y, int64_t width) {
  const T own = row_max(scores, keys), top = own > row.top ? own : row.top;
  const T sum = static_cast<T>(sum_vectors<T>(keys, [&](Span<T> span) {
    const V<T> e = exp(span.of(scores) - V<T>(top));
    span.put(scores, e);
    return span.valid(e, 0);
  }));
  if (y == nullptr) {
    row = {top, sum};
    return;
  }
  const T shrink = exp(V<T>(row.top - top))[0];
  row.sum = row.sum * shrink + sum;
  row.top = top;
  if (shrink == T{1}) return;
  each_vector<T>(0, width, [&](Span<T> span) { span.put(y, span.of(y) * V<T>(shrink)); });
}

// The queries first..first + rows - 1 of one head.
template <class T>
struct Forward {
  const Sizes& s;
  Matrix<T> y, q, k, v;
  T* sums;  // [queries]
  const ForwardSpace<T>& space;

  void run(int64_t first, int64_t rows) const {
    const T lowest = -static_cast<T>(__builtin_inff());
    for (int64_t i = 0; i < rows; ++i) space.rows[i] = {lowest, 0};
    const int64_t keys = s.limit(first + rows - 1);
    for (int64_t key = 0; key < keys; key += kKeys) {
      const int64_t block = least(kKeys, keys - key);
      copy_block(k, key, block, s.depth, space.keys);
      transpose_block(space.keys, block, s.depth, space.keys_turned);
      copy_block(v, key, block, s.width, space.values);
      for (int64_t i = 0; i < rows; i += kQueries) {
        const int64_t part = least(kQueries, rows - i);
        const int64_t seen = least(block, s.limit(first + i + part - 1) - key);
        if (seen > 0) attend(first + i, part, {key, block, seen}, space.rows + i);
      }
    }
    for (int64_t i = 0; i < rows; ++i) finish(first + i, keys > 0, space.rows[i]);
  }

 private:
  void attend(int64_t query, int64_t rows, const KeyBlock& keys, Running<T>* running) const {
    copy_block(q, query, rows, s.depth, space.queries, static_cast<T>(s.scale));
    const int64_t line = rounded_up<T>(keys.count);
    tile::multiply_on_thread(space.products, Block<T>{rows,
                                                      rounded_up<T>(keys.seen),
                                                      s.depth,
                                                      {space.queries, s.depth, 1},
                                                      {space.keys_turned, line, 1},
                                                      {space.scores, kScoreLine<T>},
                                                      {}});
    for (int64_t i = 0; i < rows; ++i) {
      T* scores = space.scores + i * kScoreLine<T>;
      const int64_t own = most(0, least(keys.seen, s.limit(query + i) - keys.first));
      if (own > 0) weigh_row(scores, own, running[i], keys.first > 0 ? y.row(query + i) : nullptr, s.width);
      for (int64_t j = own; j < keys.seen; ++j) scores[j] = 0;
    }
    tile::multiply_on_thread(space.products, Block<T>{rows,
                                                      s.width,
                                                      keys.seen,
                                                      {space.scores, kScoreLine<T>, 1},
                                                      {space.values, s.width, 1},
                                                      {y.row(query), y.row_stride},
                                                      {keys.first > 0}});
  }

  void finish(int64_t query, bool has_keys, const Running<T>& row) const {
    T* to = y.row(query);
    sums[query] = row.top + static_cast<T>(__builtin_log(static_cast<double>(row.sum)));
    const V<T> scale(T{1} / row.sum);
    each_vector<T>(0, s.width,
                   [&](Span<T> span) { span.put(to, has_keys ? span.of(to) * scale : V<T>::zero()); });
  }
};

template <class T>
void run_attention(const Command& command, Context& context) {
  const Sizes s(command[2], command[4], command.param<AttentionParams>());
  const int64_t parts = ceil_div(s.queries, kTaskQueries);
  const int64_t size = ForwardSpace<T>(nullptr, s).size;
  const int64_t work = least(s.queries, kTaskQueries) * s.keys * (kWeightCost + s.depth + s.width) / 8;
  parallel_items(context, s.count * parts, task_grain(work), [&](int64_t item, int thread) {
    const int64_t head = item / parts, first = item % parts * kTaskQueries;
    const ForwardSpace<T> space(context.scratch<T>(thread, size), s);
    const Forward<T> forward{s,
                             {command[0], head},
                             {command[2], head},
                             {command[3], head},
                             {command[4], head},
                             command[1].as<T>() + head * s.queries,
                             space};
    forward.run(first, least(kTaskQueries, s.queries - first));
  });
}

void attention_kernel(const Command& command, Context& context) {
  if (command[0].dtype == DType::kF64) return run_attention<double>(command, context);
  run_attention<float>(command, context);
}

// What a task of the gradient kernel works in.
template <class T>
struct BackwardSpace {
  T *keys, *keys_turned, *values_turned, *queries, *y, *dy, *weights, *dscores, *deltas, *products;
  int64_t size;

  BackwardSpace(T* memory, const Sizes& s) {
    const int64_t block = least(kKeys, s.keys), line = rounded_up<T>(block);
    Carver<T> carver{memory};
    keys = carver.take(block * most(s.depth, s.width));
    keys_turned = carver.take(line * s.depth + tile::kSlack);
    values_turned = carver.take(line * s.width + tile::kSlack);
    queries = carver.take(kQueries * s.depth);
    y = carver.take(kQueries * s.width);
    dy = carver.take(kQueries * s.width);
    weights = carver.take(kQueries * kScoreLine<T>);
    dscores = carver.take(kQueries * kScoreLine<T>);
    deltas = carver.take(s.queries);
    const int64_t wide = most(s.depth, s.width);
    products = carver.take(most(product_space<T>(kKeys, wide), product_space<T>(wide, kKeys)));
    size = carver.used;
  }
};

// One head: block by block of keys, and in each block by block of queries, so that every sum has one order.
template <class T>
struct Backward {
  const Sizes& s;
  Matrix<T> dq, dk, dv, q, k, v, y, dy;
  const T* sums;  // [queries]
  const BackwardSpace<T>& space;

  void run() const {
    dq.clear(s.queries, s.depth);
    dk.clear(s.keys, s.depth);
    dv.clear(s.keys, s.width);
    sum_weighted();
    for (int64_t key = 0; key < s.keys; key += kKeys) {
      const int64_t block = least(kKeys, s.keys - key);
      copy_block(v, key, block, s.width, space.keys);
      transpose_block(space.keys, block, s.width, space.values_turned);
      copy_block(k, key, block, s.depth, space.keys);
      transpose_block(space.keys, block, s.depth, space.keys_turned);
      for (int64_t query = s.causal ? key : 0; query < s.queries; query += kQueries) {
        const int64_t rows = least(kQueries, s.queries - query);
        pull(query, rows, {key, block, least(block, s.limit(query + rows - 1) - key)});
      }
    }
    const V<T> scale(static_cast<T>(s.scale));
    for (int64_t i = 0; i < s.queries; ++i) {
      each_vector<T>(0, s.depth, [&](Span<T> span) { span.put(dq.row(i), span.of(dq.row(i)) * scale); });
    }
  }

 private:
  // Row by row sum(dy y), which is the sum of the weights times their gradients.
  void sum_weighted() const {
    for (int64_t query = 0; query < s.queries; query += kQueries) {
      const int64_t rows = least(kQueries, s.queries - query);
      copy_block(dy, query, rows, s.width, space.dy);
      copy_block(y, query, rows, s.width, space.y);
      for (int64_t i = 0; i < rows; ++i) {
        const T *a = space.dy + i * s.width, *b = space.y + i * s.width;
        space.deltas[query + i] =
            static_cast<T>(sum_vectors<T>(s.width, [&](Span<T> span) { return span.of(a) * span.of(b); }));
      }
    }
  }

  void multiply(const Block<T>& product) const { tile::multiply_on_thread(space.products, product); }

  // The shares of one block of queries and keys: with S = scale q k^T and weights P = exp(S - sums),
  // dv += P^T dy, dS = P (dy v^T - delta), dk += dS^T (scale q), dq += dS k.
  void pull(int64_t query, int64_t rows, const KeyBlock& keys) const {
    constexpr int64_t kLine = kScoreLine<T>;
    const int64_t line = rounded_up<T>(keys.count), wide = rounded_up<T>(keys.seen);
    copy_block(q, query, rows, s.depth, space.queries, static_cast<T>(s.scale));
    copy_block(dy, query, rows, s.width, space.dy);
    multiply({rows,
              wide,
              s.depth,
              {space.queries, s.depth, 1},
              {space.keys_turned, line, 1},
              {space.weights, kLine},
              {}});
    multiply({rows,
              wide,
              s.width,
              {space.dy, s.width, 1},
              {space.values_turned, line, 1},
              {space.dscores, kLine},
              {}});
    for (int64_t i = 0; i < rows; ++i) weigh_row(query + i, i, keys);
    multiply({keys.seen,
              s.width,
              rows,
              {space.weights, 1, kLine, true},
              {space.dy, s.width, 1},
              {dv.row(keys.first), dv.row_stride},
              {true}});
    multiply({keys.seen,
              s.depth,
              rows,
              {space.dscores, 1, kLine, true},
              {space.queries, s.depth, 1},
              {dk.row(keys.first), dk.row_stride},
              {true}});
    multiply({rows,
              s.depth,
              keys.seen,
              {space.dscores, kLine, 1},
              {space.keys, s.depth, 1},
              {dq.row(query), dq.row_stride},
              {true}});
  }

  // Row i of the block: from scores and the gradients of weights to weights and the gradients of scores.
  void weigh_row(int64_t query, int64_t i, const KeyBlock& keys) const {
    T *weights = space.weights + i * kScoreLine<T>, *dscores = space.dscores + i * kScoreLine<T>;
    const V<T> sum(sums[query]), delta(space.deltas[query]);
    const int64_t own = most(0, least(keys.seen, s.limit(query) - keys.first));
    each_vector<T>(0, own, [&](Span<T> span) {
      const V<T> weight = exp(span.of(weights) - sum);
      span.put(weights, weight);
      span.put(dscores, weight * (span.of(dscores) - delta));
    });
    for (int64_t j = own; j < keys.seen; ++j) weights[j] = dscores[j] = 0;
  }
};

template <class T>
void run_attention_grad(const Command& command, Context& context) {
  const Sizes s(command[3], command[5], command.param<AttentionParams>());
  const int64_t size = BackwardSpace<T>(nullptr, s).size;
  const int64_t work = s.queries * s.keys * (kWeightCost + s.depth + s.width) / 3;
  parallel_items(context, s.count, task_grain(work), [&](int64_t head, int thread) {
    const BackwardSpace<T> space(context.scratch<T>(thread, size), s);
    const Backward<T> backward{s,
                               {command[0], head},
                               {command[1], head},
                               {command[2], head},
                               {command[3], head},
                               {command[4], head},
                               {command[5], head},
                               {command[6], head},
                               {command[7], head},
                               command[8].as<const T>() + head * s.queries,
                               space};
    backward.run();
  });
}

void attention_grad_kernel(const Command& command, Context& context) {
  if (command[0].dtype == DType::kF64) return run_attention_grad<double>(command, context);
  run_attention_grad<float>(command, context);
}

}  // namespace

void fill_attention() {
  kernels::attention.cpu = &attention_kernel;
  kernels::attention_grad.cpu = &attention_grad_kernel;
}

}  // namespace hebb::kernels::HEBB_ISA

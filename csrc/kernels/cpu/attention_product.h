// The blocks of attention multiplied in f32 or f64, and the tasks of its kernels in those.
#pragma once

#include "kernels/cpu/attention_steps.h"
#include "kernels/cpu/carver.h"

namespace hebb::kernels::HEBB_ISA {
namespace {
namespace heads {

// Queries in one task: packing its keys and values is shared among them.
constexpr int64_t kTaskQueries = 128;

template <class T>
struct ForwardSpace {
  T *keys, *keys_turned, *values, *queries, *scores, *products;
  Running<T>* running;

  void carve(Carver& carver, const Sizes& s) {
    const int64_t block = least(kKeys, s.keys);
    keys = carver.take<T>(block * s.depth);
    keys_turned = carver.take<T>(rounded_up<T>(block) * s.depth + tile::kSlack);
    values = carver.take<T>(block * s.width);
    queries = carver.take<T>(kQueries * s.depth);
    scores = carver.take<T>(kQueries * kScoreLine<T>);
    running = carver.take<Running<T>>(kTaskQueries);
    products = carver.take<T>(most(product_space<T>(kKeys, s.depth), product_space<T>(s.width, kKeys)));
  }
};

template <class T>
struct PanelForward {
  static constexpr int64_t kQueries = heads::kQueries;

  const Sizes& s;
  const ForwardMatrices<T>& m;
  const ForwardSpace<T>& space;

  HEBB_INLINE void take_queries(int64_t, int64_t) const {}
  void take_keys(int64_t key, int64_t count) const {
    copy_block(m.k, key, count, s.depth, space.keys);
    transpose_block(space.keys, count, s.depth, space.keys_turned);
    copy_block(m.v, key, count, s.width, space.values);
  }

  void score(int64_t query, int64_t rows, const KeyBlock& keys) const {
    copy_block(m.q, query, rows, s.depth, space.queries, static_cast<T>(s.scale));
    const int64_t line = rounded_up<T>(keys.count);
    tile::multiply_on_thread(space.products, Block<T>{rows,
                                                      rounded_up<T>(keys.seen),
                                                      s.depth,
                                                      {space.queries, s.depth, 1},
                                                      {space.keys_turned, line, 1},
                                                      {space.scores, kScoreLine<T>},
                                                      {}});
  }

  HEBB_INLINE T* scores(int64_t i) const { return space.scores + i * kScoreLine<T>; }
  HEBB_INLINE void keep(Span<T> span, int64_t i, V<T> weight) const { span.put(scores(i), weight); }
  HEBB_INLINE void clear(int64_t i, int64_t first, int64_t last) const {
    for (int64_t j = first; j < last; ++j) scores(i)[j] = 0;
  }

  void add_values(int64_t query, int64_t rows, const KeyBlock& keys) const {
    tile::multiply_on_thread(space.products, Block<T>{rows,
                                                      s.width,
                                                      keys.seen,
                                                      {space.scores, kScoreLine<T>, 1},
                                                      {space.values, s.width, 1},
                                                      {m.y.row(query), m.y.row_stride},
                                                      {keys.first > 0}});
  }
};

template <class T>
struct BackwardSpace {
  T *keys, *keys_turned, *values_turned, *queries, *weights, *dscores, *products;
  DeltaSpace<T> deltas;

  void carve(Carver& carver, const Sizes& s) {
    const int64_t block = least(kKeys, s.keys), line = rounded_up<T>(block);
    keys = carver.take<T>(block * most(s.depth, s.width));
    keys_turned = carver.take<T>(line * s.depth + tile::kSlack);
    values_turned = carver.take<T>(line * s.width + tile::kSlack);
    queries = carver.take<T>(kQueries * s.depth);
    deltas.y = carver.take<T>(kQueries * s.width);
    deltas.dy = carver.take<T>(kQueries * s.width);
    weights = carver.take<T>(kQueries * kScoreLine<T>);
    dscores = carver.take<T>(kQueries * kScoreLine<T>);
    deltas.deltas = carver.take<T>(s.queries);
    const int64_t wide = most(s.depth, s.width);
    products = carver.take<T>(most(product_space<T>(kKeys, wide), product_space<T>(wide, kKeys)));
  }
};

template <class T>
struct PanelBackward {
  static constexpr int64_t kQueries = heads::kQueries, kGroup = kQueries, kSpan = int64_t{1} << 62;
  static constexpr int64_t kLine = kScoreLine<T>;

  const Sizes& s;
  const BackwardMatrices<T>& m;
  const BackwardSpace<T>& space;

  HEBB_INLINE void take_queries(int64_t, int64_t) const {}
  void take_keys(int64_t key, int64_t count) const {
    copy_block(m.v, key, count, s.width, space.keys);
    transpose_block(space.keys, count, s.width, space.values_turned);
    copy_block(m.k, key, count, s.depth, space.keys);
    transpose_block(space.keys, count, s.depth, space.keys_turned);
  }

  HEBB_INLINE T* scores(int64_t i) const { return space.weights + i * kLine; }
  HEBB_INLINE T* dweights(int64_t i) const { return space.dscores + i * kLine; }
  HEBB_INLINE void keep(Span<T> span, int64_t i, V<T> weight, V<T> dscore) const {
    span.put(scores(i), weight);
    span.put(dweights(i), dscore);
  }
  HEBB_INLINE void clear(int64_t i, int64_t first, int64_t last) const {
    for (int64_t j = first; j < last; ++j) scores(i)[j] = dweights(i)[j] = 0;
  }

  void score(int64_t query, int64_t rows, const KeyBlock& keys) const {
    const int64_t line = rounded_up<T>(keys.count), wide = rounded_up<T>(keys.seen);
    copy_block(m.q, query, rows, s.depth, space.queries, static_cast<T>(s.scale));
    copy_block(m.dy, query, rows, s.width, space.deltas.dy);
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
              {space.deltas.dy, s.width, 1},
              {space.values_turned, line, 1},
              {space.dscores, kLine},
              {}});
  }

  void add_to_queries(int64_t query, int64_t rows, const KeyBlock& keys, int64_t) const {
    multiply({rows,
              s.depth,
              keys.seen,
              {space.dscores, kLine, 1},
              {space.keys, s.depth, 1},
              {m.dq.row(query), m.dq.row_stride},
              {true}});
  }

  void add_to_keys(int64_t, int64_t rows, const KeyBlock& keys) const {
    multiply({keys.seen,
              s.width,
              rows,
              {space.weights, 1, kLine, true},
              {space.deltas.dy, s.width, 1},
              {m.dv.row(keys.first), m.dv.row_stride},
              {true}});
    multiply({keys.seen,
              s.depth,
              rows,
              {space.dscores, 1, kLine, true},
              {space.queries, s.depth, 1},
              {m.dk.row(keys.first), m.dk.row_stride},
              {true}});
  }

 private:
  void multiply(const Block<T>& product) const { tile::multiply_on_thread(space.products, product); }
};

// Bytes of memory for attend() and pull().
template <template <class> class Space, class T>
int64_t space_bytes(const Sizes& s) {
  return bytes_to_carve([&](Carver& carver) { Space<T>().carve(carver, s); });
}

// At most kTaskQueries queries; memory of ForwardSpace.
template <class T>
void attend(const stream::Command& command, const Sizes& s, const Part& part, char* memory) {
  ForwardSpace<T> space;
  Carver carver{memory};
  space.carve(carver, s);
  const ForwardMatrices<T> m(command, part.head);
  const PanelForward<T> product{s, m, space};
  const Forward<T, const PanelForward<T>> forward{s, m, space.running, product};
  forward.run(part.first, part.rows);
}

// The gradients of one head; memory of BackwardSpace.
template <class T>
void pull(const stream::Command& command, const Sizes& s, int64_t head, char* memory) {
  BackwardSpace<T> space;
  Carver carver{memory};
  space.carve(carver, s);
  const BackwardMatrices<T> m(command, head);
  const PanelBackward<T> product{s, m, space};
  const Backward<T, const PanelBackward<T>> backward{s, m, space.deltas, product};
  backward.run();
}

}  // namespace heads
}  // namespace
}  // namespace hebb::kernels::HEBB_ISA

// The blocks of attention multiplied on the tile unit: what attention_product.h does in f32.
//
// Each value of an operand is split into terms once for a task, and once for each span of queries in the
// gradient; weights and the gradients of scores are split where the softmax makes them. Values that are not
// finite are noticed there: what was made of them is not to be used.
#pragma once

#include "kernels/cpu/amx_rows.h"
#include "kernels/cpu/attention_steps.h"
#include "kernels/cpu/carver.h"

namespace hebb::kernels::HEBB_ISA {
namespace {
namespace amx {

using heads::KeyBlock;
using heads::kKeys;
using heads::Matrix;
using heads::Sizes;

inline constexpr int64_t kScoreRow = heads::kScoreLine<float>;

// Rows first.. of a matrix times `scale`, and zeros up to a whole band. False where a value is not finite.
template <int kTerms>
bool split_rows(const Matrix<float>& from, int64_t first_row, int64_t rows, int64_t columns, float scale,
                const TermRows<kTerms>& to) {
  bool finite = true;
  const __m512 factor = _mm512_set1_ps(scale);
  const __m512i steps =
      _mm512_mullo_epi64(_mm512_set1_epi64(from.column_stride), _mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0));
  for (int64_t i = 0; i < rows; ++i) {
    const float* row = from.row(first_row + i);
    const auto load = [&](int64_t j) {
      const __mmask16 there = first(static_cast<int>(columns - j));
      if (from.column_stride == 1)
        return _mm512_mul_ps(_mm512_maskz_loadu_ps(there, there ? row + j : kZeros), factor);
      const auto gather = [&](int64_t at, int mask) {
        return _mm512_mask_i64gather_ps(_mm256_setzero_ps(), static_cast<__mmask8>(mask), steps,
                                        row + at * from.column_stride, 4);
      };
      const __m256 low = gather(j, there & 0xff), high = gather(j + 8, there >> 8);
      return _mm512_mul_ps(_mm512_insertf32x8(_mm512_castps256_ps512(low), high, 1), factor);
    };
    if (!split_row<kTerms>(to.columns, to.row(i), to.plane(), load)) finite = false;
  }
  for (int64_t i = rows; i < whole(rows, kBand); ++i) to.clear(i, 0, to.columns);
  return finite;
}

// Sixteen values of a row from the j-th on; those behind a span are 0.
template <int kTerms>
HEBB_INLINE void split_span(const Span<float>& span, V<float> value, const TermRows<kTerms>& to, int64_t i,
                            bool* finite) {
  const Terms<kTerms> terms = split<kTerms>((__m512)span.valid(value, 0).raw, finite);
  for (int t = 0; t < kTerms; ++t) {
    const __m256i words = _mm512_cvtepi32_epi16(_mm512_srli_epi32(terms.term[t], 16));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to.row(i) + t * to.plane() + span.at), words);
  }
}

HEBB_INLINE int least_band(int64_t n) { return static_cast<int>(least(kBand, n)); }

// scores [rows, keys] = A B, whole tiles.
template <class Unit, int kTerms>
void score_band(Unit& unit, const Tiles& a, const TilePlan<kTerms>& b, int64_t rows, int64_t keys,
                float* scores) {
  for (int64_t j = 0; j < keys; j += kBand) {
    multiply_band<Unit, kTerms>(unit, a, b.tiles(j / kBand, 0), b.steps, least_band(rows),
                                least_band(keys - j), scores + j, kScoreRow, false);
  }
}

// C [rows, columns] (+)= A B, up to kBand rows.
template <class Unit, int kTerms>
void add_band(Unit& unit, const Tiles& a, const TilePlan<kTerms>& b, int64_t first_step, int64_t steps,
              int64_t rows, int64_t columns, const Matrix<float>& c, int64_t row, bool accumulate,
              float* edge) {
  for (int64_t j = 0; j < columns; j += kBand) {
    const int high = least_band(rows), wide = least_band(columns - j);
    with_whole_tiles(c.row(row) + j, c.row_stride, high, wide, accumulate, edge,
                     [&](float* to, int64_t stride) {
                       multiply_band<Unit, kTerms>(unit, a, b.tiles(j / kBand, first_step), steps, high, wide,
                                                   to, stride, accumulate);
                     });
  }
}

template <int kTerms>
struct ForwardTiles {
  int64_t most_queries;
  TermRows<kTerms> queries, staged_keys, staged_values, weights;
  TilePlan<kTerms> keys, values;
  float *scores = nullptr, *edge = nullptr;
  heads::Running<float>* running = nullptr;

  ForwardTiles(const Sizes& s, int64_t task_queries)
      : most_queries(least(task_queries, s.queries)),
        queries(most_queries, s.depth),
        staged_keys(kKeys, s.depth),
        staged_values(kKeys, s.width),
        weights(kBand, kKeys + kDepth),
        keys(kKeys, s.depth),
        values(s.width, kKeys) {}

  void carve(Carver& carver) {
    for (TermRows<kTerms>* rows : {&queries, &weights}) rows->data = carver.take<uint16_t>(rows->size());
    staged_keys.data = staged_values.data =
        carver.take<uint16_t>(most(staged_keys.size(), staged_values.size()));
    for (TilePlan<kTerms>* tiles : {&keys, &values}) tiles->data = carver.take<uint16_t>(tiles->size());
    scores = carver.take<float>(kBand * kScoreRow);
    edge = carver.take<float>(kBand * kBand);
    running = carver.take<heads::Running<float>>(most_queries);
  }
};

// The unit in use, and whether what passed through it was finite.
template <class Unit>
class TileUse {
 public:
  // Whether all that was read and made is finite. Ends the use of the unit.
  bool end() {
    unit_.end();
    return finite_;
  }

 protected:
  TileUse() { unit_.begin(); }
  HEBB_INLINE void note(bool finite) { finite_ = finite_ && finite; }

  Unit unit_;
  bool finite_ = true;
};

template <class Unit, int kTerms>
class TileForward : public TileUse<Unit> {
 public:
  static constexpr int64_t kQueries = kBand;

  TileForward(const Sizes& s, const heads::ForwardMatrices<float>& m, const ForwardTiles<kTerms>& space)
      : s_(s), m_(m), space_(space) {}

  void take_queries(int64_t first, int64_t rows) {
    first_ = first;
    note(split_rows(m_.q, first, rows, s_.depth, static_cast<float>(s_.scale), space_.queries));
  }
  void take_keys(int64_t first, int64_t count) {
    note(split_rows(m_.k, first, count, s_.depth, 1.0f, space_.staged_keys));
    for (int64_t i = 0; i < count; i += kBand)
      pack_rows<kTerms, Use::kRowsAreColumns>(space_.staged_keys, i, s_.depth, space_.keys, i / kBand);
    note(split_rows(m_.v, first, count, s_.width, 1.0f, space_.staged_values));
    for (int64_t i = 0; i < count; i += kBand)
      pack_rows<kTerms, Use::kRowsAreDepth>(space_.staged_values, i, s_.width, space_.values, i / kBand);
  }

  void score(int64_t query, int64_t rows, const KeyBlock& keys) {
    score_band(unit_, space_.queries.tiles(query - first_), space_.keys, rows, keys.seen, space_.scores);
  }

  HEBB_INLINE const float* scores(int64_t i) const { return space_.scores + i * kScoreRow; }
  HEBB_INLINE void keep(Span<float> span, int64_t i, V<float> weight) {
    split_span(span, weight, space_.weights, i, &finite_);
  }
  HEBB_INLINE void clear(int64_t i, int64_t first, int64_t last) const {
    space_.weights.clear(i, first, whole(last, kDepth));
  }

  void add_values(int64_t query, int64_t rows, const KeyBlock& keys) {
    add_band(unit_, space_.weights.tiles(0), space_.values, 0, ceil_div(keys.seen, kDepth), rows, s_.width,
             m_.y, query, keys.first > 0, space_.edge);
  }

 private:
  using TileUse<Unit>::note, TileUse<Unit>::unit_, TileUse<Unit>::finite_;

  const Sizes& s_;
  const heads::ForwardMatrices<float>& m_;
  const ForwardTiles<kTerms>& space_;
  int64_t first_ = 0;
};

// Queries whose terms and those of their gradients are kept while keys pass.
inline constexpr int64_t kSpanQueries = 512;
// Queries whose weights are multiplied at a time by what is theirs, for the gradients of keys and values.
inline constexpr int64_t kGroupQueries = 128;

template <int kTerms>
struct BackwardTiles {
  int64_t span;
  TermRows<kTerms> queries, dy, staged_keys, staged_values, weights, dscores;
  TilePlan<kTerms> query_steps, dy_steps;           // k is queries
  TilePlan<kTerms> keys, values;                    // k is depth or width
  TilePlan<kTerms> key_steps;                       // k is keys
  TilePlan<kTerms> weights_turned, dscores_turned;  // lines are keys, k is queries
  float *scores = nullptr, *dweights = nullptr, *edge = nullptr;
  heads::DeltaSpace<float> deltas{};

  explicit BackwardTiles(const Sizes& s)
      : span(least(kSpanQueries, s.queries)),
        queries(span, s.depth),
        dy(span, s.width),
        staged_keys(kKeys, s.depth),
        staged_values(kKeys, s.width),
        weights(kBand, kKeys + kDepth),
        dscores(kBand, kKeys + kDepth),
        query_steps(s.depth, span),
        dy_steps(s.width, span),
        keys(kKeys, s.depth),
        values(kKeys, s.width),
        key_steps(s.depth, kKeys),
        weights_turned(kKeys, kGroupQueries),
        dscores_turned(kKeys, kGroupQueries) {}

  void carve(Carver& carver, const Sizes& s) {
    for (TermRows<kTerms>* rows : {&queries, &dy, &weights, &dscores})
      rows->data = carver.take<uint16_t>(rows->size());
    staged_keys.data = staged_values.data =
        carver.take<uint16_t>(most(staged_keys.size(), staged_values.size()));
    for (TilePlan<kTerms>* tiles :
         {&query_steps, &dy_steps, &keys, &values, &key_steps, &weights_turned, &dscores_turned})
      tiles->data = carver.take<uint16_t>(tiles->size());
    scores = carver.take<float>(kBand * kScoreRow);
    dweights = carver.take<float>(kBand * kScoreRow);
    edge = carver.take<float>(kBand * kBand);
    deltas.y = carver.take<float>(heads::kQueries * s.width);
    deltas.dy = carver.take<float>(heads::kQueries * s.width);
    deltas.deltas = carver.take<float>(s.queries);
  }
};

template <class Unit, int kTerms>
class TileBackward : public TileUse<Unit> {
 public:
  static constexpr int64_t kQueries = kBand, kGroup = kGroupQueries, kSpan = kSpanQueries;

  TileBackward(const Sizes& s, const heads::BackwardMatrices<float>& m, const BackwardTiles<kTerms>& space)
      : s_(s), m_(m), space_(space) {}

  void take_queries(int64_t first, int64_t rows) {
    first_ = first;
    note(split_rows(m_.q, first, rows, s_.depth, static_cast<float>(s_.scale), space_.queries));
    note(split_rows(m_.dy, first, rows, s_.width, 1.0f, space_.dy));
    for (int64_t i = 0; i < rows; i += kBand) {
      pack_rows<kTerms, Use::kRowsAreDepth>(space_.queries, i, s_.depth, space_.query_steps, i / kBand);
      pack_rows<kTerms, Use::kRowsAreDepth>(space_.dy, i, s_.width, space_.dy_steps, i / kBand);
    }
  }
  void take_keys(int64_t first, int64_t count) {
    note(split_rows(m_.k, first, count, s_.depth, 1.0f, space_.staged_keys));
    for (int64_t i = 0; i < count; i += kBand) {
      pack_rows<kTerms, Use::kRowsAreColumns>(space_.staged_keys, i, s_.depth, space_.keys, i / kBand);
      pack_rows<kTerms, Use::kRowsAreDepth>(space_.staged_keys, i, s_.depth, space_.key_steps, i / kBand);
    }
    note(split_rows(m_.v, first, count, s_.width, 1.0f, space_.staged_values));
    for (int64_t i = 0; i < count; i += kBand)
      pack_rows<kTerms, Use::kRowsAreColumns>(space_.staged_values, i, s_.width, space_.values, i / kBand);
  }

  void score(int64_t query, int64_t rows, const KeyBlock& keys) {
    const int64_t row = query - first_;
    score_band(unit_, space_.queries.tiles(row), space_.keys, rows, keys.seen, space_.scores);
    score_band(unit_, space_.dy.tiles(row), space_.values, rows, keys.seen, space_.dweights);
  }

  HEBB_INLINE const float* scores(int64_t i) const { return space_.scores + i * kScoreRow; }
  HEBB_INLINE const float* dweights(int64_t i) const { return space_.dweights + i * kScoreRow; }
  HEBB_INLINE void keep(Span<float> span, int64_t i, V<float> weight, V<float> dscore) {
    split_span(span, weight, space_.weights, i, &finite_);
    split_span(span, dscore, space_.dscores, i, &finite_);
  }
  HEBB_INLINE void clear(int64_t i, int64_t first, int64_t last) const {
    space_.weights.clear(i, first, whole(last, kDepth));
    space_.dscores.clear(i, first, whole(last, kDepth));
  }

  void add_to_queries(int64_t query, int64_t rows, const KeyBlock& keys, int64_t seen_by_group) {
    add_band(unit_, space_.dscores.tiles(0), space_.key_steps, 0, ceil_div(keys.seen, kDepth), rows, s_.depth,
             m_.dq, query, true, space_.edge);
    for (int64_t i = rows; i < kBand; ++i) clear(i, 0, seen_by_group);
    const int64_t step = (query - first_) % kGroup / kBand;
    pack_rows<kTerms, Use::kTurned>(space_.weights, 0, seen_by_group, space_.weights_turned, step);
    pack_rows<kTerms, Use::kTurned>(space_.dscores, 0, seen_by_group, space_.dscores_turned, step);
  }

  void add_to_keys(int64_t query, int64_t rows, const KeyBlock& keys) {
    const int64_t first = (query - first_) / kBand, steps = ceil_div(rows, kBand);
    for (int64_t i = 0; i < keys.seen; i += kBand) {
      const int64_t row = keys.first + i, left = keys.seen - i;
      add_band(unit_, space_.weights_turned.tiles(i / kBand, 0), space_.dy_steps, first, steps, left,
               s_.width, m_.dv, row, true, space_.edge);
      add_band(unit_, space_.dscores_turned.tiles(i / kBand, 0), space_.query_steps, first, steps, left,
               s_.depth, m_.dk, row, true, space_.edge);
    }
  }

 private:
  using TileUse<Unit>::note, TileUse<Unit>::unit_, TileUse<Unit>::finite_;

  const Sizes& s_;
  const heads::BackwardMatrices<float>& m_;
  const BackwardTiles<kTerms>& space_;
  int64_t first_ = 0;
};

}  // namespace amx
}  // namespace
}  // namespace hebb::kernels::HEBB_ISA

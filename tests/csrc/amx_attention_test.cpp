// Attention on a tile unit against double loops, and against the kernels it is laid over.
#include <cmath>
#include <limits>

#include "attention_problem.h"
#include "check.h"
#include "core/error.h"

using namespace hebb;
using namespace hebb::testing;
using kernels::AttentionParams;

namespace {

using Extents = AttentionExtents;
using Layout = AttentionLayout;
using Operands = AttentionOperands;
using Results = AttentionResults;

// Blocks, bands, steps and panels that are filled or not; several blocks of keys and spans of queries; heads
// enough for longer tasks.
constexpr Extents kExtents[] = {{3, 33, 300, 24, 40}, {1, 130, 257, 64, 64}, {2, 16, 32, 16, 16},
                                {1, 600, 64, 40, 24}, {1, 37, 70, 128, 17},  {1, 290, 520, 33, 64},
                                {40, 130, 40, 16, 16}};
constexpr Layout kLayouts[] = {Layout::kHeads, Layout::kMerged, Layout::kTurned};
constexpr int64_t kPrecisions[] = {kernels::kPrecisionHigh, kernels::kPrecisionBf16};
constexpr double kUnit = 1.0 / (1 << 24);

// A value that is to be, and how far from it one may be.
struct Bounded {
  double value = 0, error = 0;
};

class Grid {
 public:
  Grid(int64_t rows, int64_t columns) : columns_(columns), all_(static_cast<size_t>(rows * columns)) {}
  Bounded& at(int64_t i, int64_t j) { return all_[static_cast<size_t>(i * columns_ + j)]; }

 private:
  int64_t columns_;
  std::vector<Bounded> all_;
};

// One head in double. In bf16 the operands are rounded first, as the unit has them; what is made on the way
// is rounded by up to 2^-8. 'high' loses up to 2^-15 of each product, its second terms' included. Errors of
// scores are relative errors of weights, twice: their own, and that of the sum of all. First order,
// times 1.1.
class Head {
 public:
  Head(Operands& operands, int64_t head, const AttentionParams& params)
      : y(operands.e.queries, operands.e.width),
        sums(operands.e.queries, 1),
        dq(operands.e.queries, operands.e.depth),
        dk(operands.e.keys, operands.e.depth),
        dv(operands.e.keys, operands.e.width),
        o_(operands),
        e_(operands.e),
        head_(head),
        params_(params),
        q_(rows_of(o_.q, static_cast<float>(params.scale))),
        k_(rows_of(o_.k, 1)),
        v_(rows_of(o_.v, 1)),
        dy_(rows_of(o_.dy, 1)),
        whole_dy_(rows_of(o_.dy, 1, true)) {
    for (int64_t i = 0; i < e_.queries; ++i) add_query(i);
  }

  Grid y, sums, dq, dk, dv;

 private:
  bool is_bf16() const { return params_.precision == kernels::kPrecisionBf16; }
  double kept(float x) const { return is_bf16() ? to_float(to_bf16(x)) : x; }
  // Rows of one operand as a product has them, or as they are.
  std::vector<double> rows_of(Buffer& x, float scale, bool whole = false) const {
    std::vector<double> all = o_.input_rows(x, head_);
    for (double& value : all) {
      const float scaled = static_cast<float>(value) * scale;
      value = whole ? scaled : kept(scaled);
    }
    return all;
  }
  double q(int64_t i, int64_t d) const { return q_[size_t(i * e_.depth + d)]; }
  double k(int64_t j, int64_t d) const { return k_[size_t(j * e_.depth + d)]; }
  double v(int64_t j, int64_t d) const { return v_[size_t(j * e_.width + d)]; }
  double dy(int64_t i, int64_t d) const { return dy_[size_t(i * e_.width + d)]; }
  // Of a sum of n products, relative to its magnitudes.
  double sum_error(int64_t n) const {
    return static_cast<double>(n + 8) * kUnit + (is_bf16() ? 0 : std::ldexp(1.0, -15));
  }
  double made_error() const { return is_bf16() ? std::ldexp(1.0, -8) : 0; }

  void add_query(int64_t i) {
    const int64_t seen = params_.causal ? std::min(e_.keys, i + 1) : e_.keys;
    std::vector<double> scores, weights;
    double top = -INFINITY, bottom = INFINITY, off = 0, total = 0;
    for (int64_t j = 0; j < seen; ++j) {
      double score = 0, magnitude = 0;
      for (int64_t d = 0; d < e_.depth; ++d) {
        score += q(i, d) * k(j, d);
        magnitude += std::fabs(q(i, d) * k(j, d));
      }
      scores.push_back(score);
      top = std::max(top, score), bottom = std::min(bottom, score);
      off = std::max(off, sum_error(e_.depth) * magnitude);
    }
    for (double score : scores) {
      weights.push_back(std::exp(score - top));
      total += weights.back();
    }
    for (double& weight : weights) weight /= total;
    const double sum = top + std::log(total), range = 2 * (top - bottom) + 2 * std::fabs(sum) + 32;
    sums.at(i, 0) = {sum, 1.1 * (off + range * kUnit)};
    off = 2 * off + range * kUnit;
    for (int64_t d = 0; d < e_.width; ++d) {
      for (int64_t j = 0; j < seen; ++j) {
        const double share = weights[size_t(j)] * v(j, d);
        y.at(i, d).value += share;
        y.at(i, d).error += 1.1 * std::fabs(share) * (off + made_error() + sum_error(e_.keys));
      }
    }
    add_gradients(i, weights, off);
  }

  // `off` is the relative error of weights.
  void add_gradients(int64_t i, const std::vector<double>& weights, double off) {
    Bounded delta;
    for (int64_t d = 0; d < e_.width; ++d) {
      const double own = whole_dy_[size_t(i * e_.width + d)];
      delta.value += own * y.at(i, d).value;
      delta.error += std::fabs(own) * (y.at(i, d).error + sum_error(e_.width) * std::fabs(y.at(i, d).value));
    }
    for (int64_t j = 0; j < int64_t(weights.size()); ++j) {
      const double weight = weights[size_t(j)];
      Bounded dweight;
      for (int64_t d = 0; d < e_.width; ++d) {
        dweight.value += dy(i, d) * v(j, d);
        dweight.error += sum_error(e_.width) * std::fabs(dy(i, d) * v(j, d));
        add(dv.at(j, d), {weight, weight * off}, dy(i, d), e_.queries);
      }
      const double apart = dweight.value - delta.value;
      const Bounded dscore{weight * apart, weight * (dweight.error + delta.error + off * std::fabs(apart))};
      for (int64_t d = 0; d < e_.depth; ++d) {
        add(dq.at(i, d), dscore, params_.scale * k(j, d), e_.keys);
        add(dk.at(j, d), dscore, q(i, d), e_.queries);
      }
    }
  }

  void add(Bounded& to, const Bounded& made, double factor, int64_t terms) const {
    to.value += made.value * factor;
    to.error +=
        1.1 * std::fabs(factor) * (made.error + std::fabs(made.value) * (made_error() + sum_error(terms)));
  }

  Operands& o_;
  const Extents& e_;
  int64_t head_;
  AttentionParams params_;
  std::vector<double> q_, k_, v_, dy_, whole_dy_;
};

// The largest error over its bound.
double worst(Operands& o, Buffer& got, int64_t head, Grid& want, int64_t rows, int64_t columns) {
  const std::vector<double> values = o.result_rows(got, head);
  double ratio = 0;
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) {
      const Bounded& b = want.at(i, j);
      const double own = std::fabs(values[size_t(i * columns + j)] - b.value) / (b.error + 1e-6);
      if (!(own <= ratio)) ratio = own;
    }
  }
  return ratio;
}

void check(const Extents& e, Layout layout, const AttentionParams& params, stream::Isa isa) {
  kernels::fill(isa);
  Operands o(e, DType::kF32, layout);
  Results one(o), other(o);
  one.fill(o, 1, params);
  for (int threads : {2, 3}) {
    other.fill(o, threads, params);
    CHECK(other.bytes() == one.bytes());
  }
  for (int64_t head = 0; head < e.heads; head += 13) {
    Head want(o, head, params);
    const double ratios[] = {worst(o, one.y, head, want.y, e.queries, e.width),
                             worst(o, one.dq, head, want.dq, e.queries, e.depth),
                             worst(o, one.dk, head, want.dk, e.keys, e.depth),
                             worst(o, one.dv, head, want.dv, e.keys, e.width)};
    for (int64_t i = 0; i < e.queries; ++i) {
      const Bounded& sum = want.sums.at(i, 0);
      CHECK_NEAR(element(one.sums, DType::kF32, head * e.queries + i), sum.value, sum.error + 1e-6);
    }
    for (size_t i = 0; i < std::size(ratios); ++i) {
      if (ratios[i] <= 1) continue;
      throw Failure(__FILE__, __LINE__,
                    text("result %zu of %ldx%ldx%ldx%ld layout %d causal %d precision %ld %s: error is %g of "
                         "the bound",
                         i, e.queries, e.keys, e.depth, e.width, int(layout), params.causal, params.precision,
                         cpu::isa_name(isa), ratios[i]));
    }
  }
}

std::string bytes_of(const Extents& e, const AttentionParams& params) {
  Operands o(e, DType::kF32, Layout::kHeads);
  Results results(o);
  results.fill(o, 2, params);
  return results.bytes();
}

std::string head_of(Buffer& x, int64_t heads, int64_t head) {
  const size_t size = x.bytes() / static_cast<size_t>(heads);
  return std::string(x.as<char>() + static_cast<size_t>(head) * size, size);
}

}  // namespace

TEST(amx_attention_loses_what_its_precision_allows) {
  for (stream::Isa isa : tile_isas()) {
    size_t number = 0;
    for (const Extents& e : kExtents) {
      for (int64_t precision : kPrecisions)
        for (bool causal : {false, true}) check(e, kLayouts[number++ % 3], {0.25, causal, precision}, isa);
    }
    for (Layout layout : kLayouts)
      for (int64_t precision : kPrecisions) check(kExtents[0], layout, {0.2, true, precision}, isa);
  }
}

// The f32 kernels would pass the check above. What leaves tiles idle is theirs.
TEST(amx_attention_is_that_of_its_precision) {
  const Extents left[] = {{1, 15, 64, 64, 64}, {1, 64, 31, 64, 64}, {1, 64, 64, 15, 64}, {1, 64, 64, 64, 15}};
  for (stream::Isa isa : tile_isas()) {
    kernels::fill(stream::Isa::kAvx512);
    std::vector<std::string> all{bytes_of(kExtents[0], {0.25, true})};
    for (int64_t precision : kPrecisions) CHECK(bytes_of(kExtents[0], {0.25, true, precision}) == all[0]);
    kernels::fill(isa);
    CHECK(bytes_of(kExtents[0], {0.25, true}) == all[0]);
    for (int64_t precision : kPrecisions) {
      all.push_back(bytes_of(kExtents[0], {0.25, true, precision}));
      for (size_t i = 0; i + 1 < all.size(); ++i) CHECK(all[i] != all.back());
      for (const Extents& e : left)
        CHECK(bytes_of(e, {0.25, false, precision}) == bytes_of(e, {0.25, false}));
    }
  }
}

namespace {

// Head 1 has `value` in one operand; heads 0 and 2 must not feel it.
void check_left_to_f32(stream::Isa isa, size_t operand, float value, const AttentionParams& params) {
  const Extents e{3, 70, 300, 32, 48};
  kernels::fill(isa);
  Operands clean(e, DType::kF32, Layout::kHeads), o(e, DType::kF32, Layout::kHeads);
  Buffer* const buffers[] = {&o.q, &o.k, &o.v, &o.dy};
  Buffer& changed = *buffers[operand];
  changed.as<float>()[changed.size() / 3 + 77] = value;
  Results finite(clean), got(o), plain(o), plain_grads(o);
  finite.fill(clean, 2, params);
  got.fill(o, 2, params);
  kernels::fill(stream::Isa::kAvx512);
  plain.forward(o, 2, params);
  for (auto member : {&Results::y, &Results::sums})
    std::memcpy((plain_grads.*member).as<void>(), (got.*member).as<void>(), (got.*member).bytes());
  plain_grads.backward(o, 2, params);
  for (auto member : {&Results::y, &Results::sums, &Results::dq, &Results::dk, &Results::dv}) {
    const bool is_forward = member == &Results::y || member == &Results::sums;
    Results& want = !is_forward ? plain_grads : operand == 3 ? finite : plain;
    for (int64_t head : {0, 2}) CHECK(head_of(got.*member, 3, head) == head_of(finite.*member, 3, head));
    CHECK(head_of(got.*member, 3, 1) == head_of(want.*member, 3, 1));
  }
}

}  // namespace

TEST(amx_attention_leaves_infinity_to_f32) {
  for (stream::Isa isa : tile_isas()) {
    for (int64_t precision : kPrecisions) {
      for (size_t operand = 0; operand < 4; ++operand) {
        for (float value : {std::numeric_limits<float>::infinity(), std::nanf("")})
          check_left_to_f32(isa, operand, value, {0.25, operand % 2 == 0, precision});
      }
      // Finite, but not what is made of it: scaled queries, and scores.
      check_left_to_f32(isa, 0, 1e38f, {100, false, precision});
      check_left_to_f32(isa, 1, 3e38f, {100, false, precision});
    }
  }
}

// From here on values round to an infinite bf16; two terms hold this one.
TEST(amx_attention_of_large_values) {
  const float large = std::ldexp(2 - std::ldexp(1.0f, -8), 127);
  for (stream::Isa isa : tile_isas()) {
    kernels::fill(isa);
    Operands o({1, 16, 64, 16, 16}, DType::kF32, Layout::kHeads);
    std::memset(o.q.as<void>(), 0, o.q.bytes());
    std::memset(o.v.as<void>(), 0, o.v.bytes());
    o.v.as<float>()[5 * 16 + 3] = -large;
    Results results(o);
    results.forward(o, 1, {0.25, false, kernels::kPrecisionHigh});
    CHECK_NEAR(results.y.as<float>()[3] / large, -1.0 / 64, 1e-6);
    CHECK_EQ(results.y.as<float>()[4], 0);
    results.forward(o, 1, {0.25, false, kernels::kPrecisionBf16});
    CHECK_EQ(results.y.as<float>()[3], -std::numeric_limits<float>::infinity());
  }
}

// Scores whose exponentials overflow by themselves, the largest in the last block of keys.
TEST(amx_attention_of_large_scores) {
  for (stream::Isa isa : tile_isas()) {
    kernels::fill(isa);
    for (int64_t precision : kPrecisions) {
      Operands o({1, 40, 600, 16, 16}, DType::kF32, Layout::kHeads);
      for (int64_t i = 0; i < o.q.size(); ++i) o.q.as<float>()[i] = 1;
      for (int64_t i = 0; i < o.k.size(); ++i) o.k.as<float>()[i] = float(i / 16 / 4 * 4);
      for (int64_t i = 0; i < o.v.size(); ++i) o.v.as<float>()[i] = i / 16 >= 596 ? 5 : 100;
      Results results(o);
      results.forward(o, 1, {2, false, precision});
      CHECK_NEAR(results.y.as<float>()[20], 5, 1e-6);
      CHECK_NEAR(results.sums.as<float>()[20], 2.0 * 16 * 596 + std::log(4.0), 10);
    }
  }
}

// The attention kernels against double loops: blocks of queries and keys whole and cut, causal, strided.
#include <cmath>

#include "attention_problem.h"
#include "check.h"

using namespace hebb;
using namespace hebb::testing;
using kernels::AttentionParams;

namespace {

using Extents = AttentionExtents;
using Operands = AttentionOperands;
using Results = AttentionResults;

constexpr Extents kExtents[] = {
    {1, 1, 1, 1, 1},    {2, 5, 7, 3, 4},     {1, 28, 32, 32, 32},  {1, 29, 33, 31, 17},
    {1, 0, 3, 2, 2},    {1, 3, 0, 2, 2},     {1, 3, 4, 0, 2},      {1, 3, 4, 2, 0},
    {2, 130, 40, 8, 9}, {1, 37, 300, 16, 5}, {1, 270, 520, 4, 33},
};

// What the formulas give for one head, in double.
struct Reference {
  std::vector<double> y, sums, dq, dk, dv;
};

Reference reference(Operands& o, int64_t head, AttentionParams params) {
  const Extents& e = o.e;
  const auto q = [&, rows = o.input_rows(o.q, head)](int64_t i, int64_t d) {
    return rows[size_t(i * e.depth + d)];
  };
  const auto k = [&, rows = o.input_rows(o.k, head)](int64_t j, int64_t d) {
    return rows[size_t(j * e.depth + d)];
  };
  const auto v = [&, rows = o.input_rows(o.v, head)](int64_t j, int64_t d) {
    return rows[size_t(j * e.width + d)];
  };
  const auto dy = [&, rows = o.input_rows(o.dy, head)](int64_t i, int64_t d) {
    return rows[size_t(i * e.width + d)];
  };
  Reference r{std::vector<double>(size_t(e.queries * e.width)), std::vector<double>(size_t(e.queries)),
              std::vector<double>(size_t(e.queries * e.depth)), std::vector<double>(size_t(e.keys * e.depth)),
              std::vector<double>(size_t(e.keys * e.width))};
  for (int64_t i = 0; i < e.queries; ++i) {
    const int64_t seen = params.causal ? std::min(e.keys, i + 1) : e.keys;
    std::vector<double> weights(static_cast<size_t>(seen)), dweights(static_cast<size_t>(seen));
    double total = 0, delta = 0;
    for (int64_t j = 0; j < seen; ++j) {
      double score = 0;
      for (int64_t d = 0; d < e.depth; ++d) score += q(i, d) * k(j, d);
      total += weights[size_t(j)] = std::exp(params.scale * score);
    }
    r.sums[size_t(i)] = std::log(total);
    for (int64_t j = 0; j < seen; ++j) {
      double& weight = weights[size_t(j)];
      weight /= total;
      for (int64_t d = 0; d < e.width; ++d) {
        r.y[size_t(i * e.width + d)] += weight * v(j, d);
        r.dv[size_t(j * e.width + d)] += weight * dy(i, d);
        dweights[size_t(j)] += dy(i, d) * v(j, d);
      }
      delta += weight * dweights[size_t(j)];
    }
    for (int64_t j = 0; j < seen; ++j) {
      const double dscore = params.scale * weights[size_t(j)] * (dweights[size_t(j)] - delta);
      for (int64_t d = 0; d < e.depth; ++d) {
        r.dq[size_t(i * e.depth + d)] += dscore * k(j, d);
        r.dk[size_t(j * e.depth + d)] += dscore * q(i, d);
      }
    }
  }
  return r;
}

void check_near(Operands& o, Buffer& got, int64_t head, const std::vector<double>& want) {
  double scale = 1;
  for (double x : want) scale = std::max(scale, std::fabs(x));
  const std::vector<double> values = o.result_rows(got, head);
  CHECK_EQ(values.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i)
    CHECK_NEAR(values[i], want[i], 10 * relative_bound(o.dtype) * scale);
}

void check_attention(Extents e, DType dtype, AttentionLayout layout, AttentionParams params) {
  Operands o(e, dtype, layout);
  Results one(o), two(o);
  one.fill(o, 1, params);
  two.fill(o, 2, params);
  CHECK(same_bits(one.y, two.y) && same_bits(one.sums, two.sums));
  CHECK(same_bits(one.dq, two.dq) && same_bits(one.dk, two.dk) && same_bits(one.dv, two.dv));
  for (int64_t head = 0; head < e.heads; ++head) {
    const Reference want = reference(o, head, params);
    check_near(o, one.y, head, want.y);
    check_near(o, one.dq, head, want.dq);
    check_near(o, one.dk, head, want.dk);
    check_near(o, one.dv, head, want.dv);
    for (int64_t i = 0; e.keys > 0 && e.width > 0 && i < e.queries; ++i) {
      CHECK_NEAR(element(one.sums, dtype, head * e.queries + i), want.sums[size_t(i)],
                 10 * relative_bound(dtype) * (1 + std::fabs(want.sums[size_t(i)])));
    }
  }
}

}  // namespace

TEST(attention_blocks) {
  for_each_isa([] {
    for (const Extents& e : kExtents) {
      for (DType dtype : {DType::kF32, DType::kF64}) {
        for (bool causal : {false, true}) {
          check_attention(e, dtype, AttentionLayout::kHeads, {0.5, causal});
          check_attention(e, dtype, AttentionLayout::kMerged, {0.25, causal});
          check_attention(e, dtype, AttentionLayout::kTurned, {0.25, causal});
        }
      }
    }
  });
}

// Scores whose exponentials overflow by themselves, the largest in the last block of keys.
TEST(attention_of_large_scores) {
  for_each_isa([] {
    constexpr int64_t kCount = 600;
    Buffer q(DType::kF32, {1, 1, 1}), k(DType::kF32, {1, kCount, 1}), v(DType::kF32, {1, kCount, 1});
    Buffer y(DType::kF32, {1, 1, 1}), sums(DType::kF32, {1, 1});
    q.as<float>()[0] = 1;
    for (int64_t j = 0; j < kCount; ++j) {
      k.as<float>()[j] = float(j);
      v.as<float>()[j] = j == kCount - 1 ? 5 : j == kCount - 2 ? 3 : 100;
    }
    run(kernels::attention, 1, {y.out(), sums.out(), q.in(), k.in(), v.in()}, AttentionParams{100, false});
    CHECK_NEAR(y.as<float>()[0], 5, 1e-6);
    CHECK_NEAR(sums.as<float>()[0], 100.0 * (kCount - 1), 1e-2);
  });
}

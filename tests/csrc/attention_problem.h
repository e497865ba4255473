// What the tests of attention share: the operands of one attention in several layouts, and its results.
#pragma once

#include "kernel_cases.h"
#include "kernels/attention.h"

namespace hebb::testing {

struct AttentionExtents {
  int64_t heads, queries, keys, depth, width;
};

// Time inside heads, heads inside time, or, for what a kernel reads, time inside columns.
enum class AttentionLayout { kHeads, kMerged, kTurned };

struct AttentionOperands {
  AttentionExtents e;
  DType dtype;
  AttentionLayout layout;
  Buffer q, k, v, dy;

  AttentionOperands(AttentionExtents extents, DType type, AttentionLayout order)
      : e(extents),
        dtype(type),
        layout(order),
        q(type, {e.heads, e.queries, e.depth}),
        k(type, {e.heads, e.keys, e.depth}),
        v(type, {e.heads, e.keys, e.width}),
        dy(type, {e.heads, e.queries, e.width}) {
    unsigned seed = 1;
    for (Buffer* buffer : {&q, &k, &v, &dy}) fill_random(*buffer, type, seed++);
  }

  stream::Operand input(Buffer& buffer) const {
    if (layout != AttentionLayout::kTurned) return result(buffer, stream::Role::kIn);
    stream::Operand o = buffer.in();
    o.strides[1] = 1;
    o.strides[2] = o.shape[1];
    return o;
  }
  stream::Operand result(Buffer& buffer, stream::Role role) const {
    stream::Operand o = buffer.operand(role);
    if (layout != AttentionLayout::kMerged) return o;
    o.strides[0] = o.shape[2];
    o.strides[1] = o.shape[0] * o.shape[2];
    return o;
  }

  // One head, row behind row.
  std::vector<double> input_rows(Buffer& x, int64_t head) const { return rows_of(x, input(x), head); }
  std::vector<double> result_rows(Buffer& x, int64_t head) const {
    return rows_of(x, result(x, stream::Role::kIn), head);
  }

 private:
  std::vector<double> rows_of(Buffer& x, const stream::Operand& o, int64_t head) const {
    std::vector<double> all;
    for (int64_t i = 0; i < o.shape[1]; ++i)
      for (int64_t j = 0; j < o.shape[2]; ++j)
        all.push_back(element(x, dtype, head * o.strides[0] + i * o.strides[1] + j * o.strides[2]));
    return all;
  }
};

// What the kernels wrote.
struct AttentionResults {
  Buffer y, sums, dq, dk, dv;

  explicit AttentionResults(const AttentionOperands& o)
      : y(o.dtype, {o.e.heads, o.e.queries, o.e.width}),
        sums(o.dtype, {o.e.heads, o.e.queries}),
        dq(o.dtype, {o.e.heads, o.e.queries, o.e.depth}),
        dk(o.dtype, {o.e.heads, o.e.keys, o.e.depth}),
        dv(o.dtype, {o.e.heads, o.e.keys, o.e.width}) {}

  void forward(AttentionOperands& o, int threads, const kernels::AttentionParams& params) {
    run(kernels::attention, threads,
        {o.result(y, stream::Role::kOut), sums.out(), o.input(o.q), o.input(o.k), o.input(o.v)}, params);
  }
  void backward(AttentionOperands& o, int threads, const kernels::AttentionParams& params) {
    const auto out = [&](Buffer& x) { return o.result(x, stream::Role::kOut); };
    run(kernels::attention_grad, threads,
        {out(dq), out(dk), out(dv), o.input(o.q), o.input(o.k), o.input(o.v), o.result(y, stream::Role::kIn),
         o.input(o.dy), sums.in()},
        params);
  }
  void fill(AttentionOperands& o, int threads, const kernels::AttentionParams& params) {
    forward(o, threads, params);
    backward(o, threads, params);
  }
  // All of them as bytes.
  std::string bytes() {
    std::string all;
    for (Buffer* x : {&y, &sums, &dq, &dk, &dv}) all.append(x->as<char>(), x->bytes());
    return all;
  }
};

}  // namespace hebb::testing

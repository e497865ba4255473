// Scaled dot-product attention of whole heads: softmax(scale Q K^T) V without the matrix of weights in
// memory.
#pragma once

#include "kernels/gemm.h"
#include "stream/command.h"

namespace hebb::kernels {

struct AttentionParams {
  double scale;
  bool causal;  // the query at row i attends to keys 0..i alone
  int64_t precision = kPrecisionF32;
};

// f32 or f64 throughout; `..` are the same axes in all operands. q [.., queries, depth], k [.., keys, depth],
// v and y [.., keys or queries, width], of any strides, but for y, dq, dk and dv, whose rows are contiguous.
// y, sums [.., queries] (the logarithm of each row's sum of exponentials), q, k, v.
extern stream::Slot attention;
// dq, dk, dv, q, k, v, y, dy, sums.
extern stream::Slot attention_grad;

}  // namespace hebb::kernels

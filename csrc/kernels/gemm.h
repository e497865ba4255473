// The command of matrix products: what the gemm kernel is given.
#pragma once

#include "stream/command.h"

namespace hebb::kernels {

// Applied to each element after the sum and the bias.
enum Activation : int64_t { kActivationNone, kActivationRelu, kActivationSigmoid, kActivationTanh };

// The least that a product keeps of its f32 operands: all of their bits, the upper 16, or the upper 8 (bf16).
// Sums are f32 with each. A machine keeps more where that takes no longer.
enum Precision : int64_t { kPrecisionF32, kPrecisionHigh, kPrecisionBf16 };

// How f32 products are computed: as shapes and precision have it, or by force, in tests and where it was
// measured to be faster. kGemmTiles is for machines with a tile unit and changes nothing elsewhere.
enum GemmMethod : int64_t { kGemmByShape, kGemmFma, kGemmTiles };

struct GemmParams {
  int64_t activation;
  bool has_bias;
  int64_t precision = kPrecisionF32;
  int64_t method = kGemmByShape;
};

// C [.., M, N] = activation(A [.., M, K] B [.., K, N] + bias [N]): operands C, A, B, then bias where
// has_bias. All have one dtype; A and B have the rank of C, their batch extents equal to those of C, and any
// strides (0 where broadcast).
extern stream::Slot gemm;

struct GemmTotalParams {
  int64_t count;
};

// C [.., M, N] = A_1 B_1 + A_2 B_2 + ..: operands C, then A and B of each of `count` products, all as those
// of gemm. Each product is rounded as gemm would store it, then added.
extern stream::Slot gemm_total;

}  // namespace hebb::kernels

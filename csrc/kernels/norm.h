// Layer normalisation over the rows, batch normalisation over the columns of [rows, n] arrays. C is the
// compute type of x; weight and bias are C, and left out where the parameters say so.
#pragma once

#include "stream/command.h"

namespace hebb::kernels {

// y = (x - mean) / sqrt(variance + eps) weight + bias
struct NormParams {
  double eps;
  bool weight;
  bool bias;
};

struct LayerNormGradParams {
  bool weight;
  bool sums;  // dweight and dbias are wanted
};

struct BatchNormUpdateParams {
  double momentum;    // the share of the new statistics
  double correction;  // what makes the batch's variance an unbiased one
  bool cumulative;    // the share is 1 / count instead
};

// y [rows, n], stats [rows, 2] C (mean, 1 / sqrt(variance + eps)), x [rows, n], weight [n], bias [n].
extern stream::Slot layer_norm;
// dx [rows, n], dweight [n] C, dbias [n] C (both or none), dy, x [rows, n], stats [rows, 2] C, weight [n].
extern stream::Slot layer_norm_grad;
// y [rows, n], mean [n] C, variance [n] C (of all rows, biased), x [rows, n], weight [n], bias [n].
extern stream::Slot batch_norm;
// y [rows, n], x [rows, n], mean [n] C, variance [n] C, weight [n], bias [n].
extern stream::Slot batch_norm_eval;
// dx [rows, n], dweight [n] C, dbias [n] C, dy, x [rows, n], mean [n] C, variance [n] C, weight [n].
extern stream::Slot batch_norm_grad;
// mean [n], variance [n], count [1] i32 or i64, written in place; the batch's mean [n] and biased variance
// [n], all of one float dtype f32 or f64.
extern stream::Slot batch_norm_update;

}  // namespace hebb::kernels

// Softmax over the rows of [rows, classes] arrays, its logarithm, and cross-entropy against class ids.
#pragma once

#include "stream/command.h"

namespace hebb::kernels {

struct CrossEntropyParams {
  int64_t ignore_index;    // rows of this id have no loss
  double label_smoothing;  // this share of the target is spread evenly over the classes
};

// y, x [rows, classes].
extern stream::Slot softmax;
extern stream::Slot log_softmax;
// dx, dy, y [rows, classes], y being the result of softmax or log_softmax.
extern stream::Slot softmax_grad;
extern stream::Slot log_softmax_grad;
// C is the compute type of logits: loss [rows] C, share [rows] C (the id's weight, 0 where ignored), stats
// [rows, 2] C (the largest logit, and 1 / sum(exp(logit - largest))), logits [rows, classes], ids [rows],
// weight [classes] C or left out.
extern stream::Slot cross_entropy;
// dlogits, logits [rows, classes], ids [rows], stats [rows, 2] C, dloss [rows] C, weight [classes] C or left
// out.
extern stream::Slot cross_entropy_grad;

}  // namespace hebb::kernels

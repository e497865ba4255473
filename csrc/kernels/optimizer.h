// Slots of the fused optimizers: one command updates every parameter of a list.
#pragma once

#include <cstdint>

#include "stream/command.h"

namespace hebb::kernels {

// `count` is the number of parameters, n below. What changes from step to step (learning rate, step counts)
// is an operand; what the optimizer was made with is a parameter.
struct SgdParams {
  int64_t count;
  double momentum;
  double dampening;
  double weight_decay;
  bool nesterov;
  bool maximize;
};
struct AdamParams {
  int64_t count;
  double beta1;
  double beta2;
  double eps;
  double weight_decay;
  bool decoupled;
  bool amsgrad;
};

// Updated: n parameters and, where momentum is not 0, n momenta and n step counts (i32, one element). Read: n
// gradients, the learning rate (f32 or f64, one element).
extern stream::Slot sgd_step;
// Updated: n parameters, n first and n second moments, n greatest second moments with amsgrad, n step counts.
// Read: n gradients, the learning rate.
extern stream::Slot adam_step;

}  // namespace hebb::kernels

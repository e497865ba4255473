// Softmax, its logarithm and cross-entropy.
#pragma once

#include <optional>
#include <string>

#include "ops/op.h"

namespace hebb::ops {

Tensor softmax(const Tensor& x, int64_t axis);
Tensor log_softmax(const Tensor& x, int64_t axis);

// logits [.., classes]; target [..] of class ids or [.., classes] of probabilities; weight [classes];
// reduction is "mean", "sum" or "none".
Tensor cross_entropy(const Tensor& logits, const Tensor& target, const std::optional<Tensor>& weight,
                     int64_t ignore_index, double label_smoothing, const std::string& reduction);

}  // namespace hebb::ops

// Layer and batch normalisation, and the running statistics of the latter.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "core/state.h"
#include "ops/op.h"

namespace hebb::ops {

// Over the trailing axes of extents `shape`; none given: those of weight or bias, else the last axis.
Tensor layer_norm(const Tensor& x, const std::optional<Tensor>& weight, const std::optional<Tensor>& bias,
                  const std::vector<int64_t>& shape, double eps);

// x [batch, .., channels] by its own statistics: y, mean [channels], biased variance [channels], the latter
// two in the compute type of x.
std::vector<Tensor> batch_norm(const Tensor& x, const std::optional<Tensor>& weight,
                               const std::optional<Tensor>& bias, double eps);

// By given statistics.
Tensor batch_norm_eval(const Tensor& x, const Tensor& mean, const Tensor& variance,
                       const std::optional<Tensor>& weight, const std::optional<Tensor>& bias, double eps);

// `running` is mean, variance and the number of updates; `count` the elements that `variance` was taken over.
void batch_norm_update(const std::vector<std::shared_ptr<State>>& running, const Tensor& mean,
                       const Tensor& variance, int64_t count, double momentum, bool cumulative);

}  // namespace hebb::ops

// Matrix products.
#pragma once

#include <optional>
#include <string>

#include "ops/op.h"

namespace hebb::ops {

// a [.., M, K] b [.., K, N] with broadcast batch axes; a vector is a row on the left and a column on the
// right.
Tensor matmul(const Tensor& a, const Tensor& b);

// activation(x W^T + bias) of x [.., in] and W [out, in], bias [out]; activation none, relu, sigmoid or tanh.
Tensor linear(const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias = std::nullopt,
              const std::string& activation = "none");

}  // namespace hebb::ops

// Random numbers: draws from the environment's generator, in program order.
#pragma once

#include <cstdint>
#include <vector>

#include "core/tensor.h"

namespace hebb::ops {

Tensor uniform(const std::vector<int64_t>& shape, double low, double high, DType dtype);
Tensor normal(const std::vector<int64_t>& shape, double mean, double std, DType dtype);
Tensor bernoulli(const std::vector<int64_t>& shape, double p, DType dtype);
Tensor randint(int64_t low, int64_t high, const std::vector<int64_t>& shape);
Tensor dropout(const Tensor& x, double p);

}  // namespace hebb::ops

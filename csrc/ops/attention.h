// Scaled dot-product attention.
#pragma once

#include <optional>

#include "ops/op.h"

namespace hebb::ops {

// query [.., queries, depth], key [.., keys, depth], value [.., keys, width], mask broadcastable to [..,
// queries, keys]; scale 0 stands for 1 / sqrt(depth).
Tensor scaled_dot_product_attention(const Tensor& query, const Tensor& key, const Tensor& value,
                                    const std::optional<Tensor>& mask, bool causal, double dropout,
                                    double scale);

}  // namespace hebb::ops

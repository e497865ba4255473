// Views, joins and parts of tensors, and tensors made of a rule.
#pragma once

#include <string>
#include <vector>

#include "ops/op.h"

namespace hebb::ops {

// Views where the strides allow: no memory is touched. One extent of a new shape may be -1: what is left.
Tensor reshape(const Tensor& x, const Shape& shape);
Tensor flatten(const Tensor& x, int64_t start, int64_t end);
// No axes given: reversed.
Tensor transpose(const Tensor& x, const std::vector<int64_t>& axes = {});
Tensor swap_axes(const Tensor& x, int64_t first, int64_t second);
Tensor expand_dims(const Tensor& x, int64_t axis);
// No axes given: all of extent 1.
Tensor squeeze(const Tensor& x, const Axes& axis = {});
Tensor broadcast_to(const Tensor& x, const Shape& shape);
// Starts and stops of the first axes, as in Python; the others are whole. No steps given: 1.
Tensor slice(const Tensor& x, const std::vector<int64_t>& starts, const std::vector<int64_t>& stops,
             const std::vector<int64_t>& steps = {});

Tensor flip(const Tensor& x, const Axes& axis = {});
Tensor concat(const std::vector<Tensor>& tensors, int64_t axis);
Tensor stack(const std::vector<Tensor>& tensors, int64_t axis);
std::vector<Tensor> split(const Tensor& x, const std::vector<int64_t>& sizes, int64_t axis);
std::vector<Tensor> chunk(const Tensor& x, int64_t count, int64_t axis);
// Two counts for each axis, before and after; mode constant, reflect or edge.
Tensor pad(const Tensor& x, const std::vector<int64_t>& pads, double value = 0,
           const std::string& mode = "constant");
Tensor tile(const Tensor& x, const std::vector<int64_t>& counts);
Tensor repeat(const Tensor& x, int64_t count, int64_t axis);

// A tensor of `shape` that is `value` but for x at the places starts + i steps; undoes a slice.
Tensor embed(const Tensor& x, const Shape& shape, const std::vector<int64_t>& starts,
             const std::vector<int64_t>& steps, double value);

// These take no memory.
Tensor zeros_like(const Tensor& x);
Tensor ones_like(const Tensor& x);
Tensor full(const std::vector<int64_t>& shape, double value, DType dtype);
Tensor arange(double start, double stop, double step, DType dtype);
Tensor eye(int64_t rows, int64_t columns, DType dtype);

}  // namespace hebb::ops

// Registry lines of the shape family, next to their ops.
#pragma once

#include "ops/registry.h"

namespace hebb::ops {

std::vector<OpSpec> view_ops();
std::vector<OpSpec> join_ops();
std::vector<OpSpec> creation_ops();

// A shape given as a list; throws ShapeError where the rank is too high.
Shape shape_from(const char* op, const std::vector<int64_t>& list);

}  // namespace hebb::ops

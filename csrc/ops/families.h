// Each family's registry lines; registry.cpp puts them together.
#pragma once

#include <vector>

#include "ops/registry.h"

namespace hebb::ops {

#define HEBB_OP_FAMILIES(X) \
  X(elementwise)            \
  X(shape)                  \
  X(index)                  \
  X(reduce)                 \
  X(matmul)                 \
  X(conv)                   \
  X(pool)                   \
  X(softmax)                \
  X(norm)                   \
  X(recurrent)              \
  X(attention)              \
  X(random)                 \
  X(optimizer)

#define HEBB_DECLARE(family) std::vector<OpSpec> family##_ops();
HEBB_OP_FAMILIES(HEBB_DECLARE)
#undef HEBB_DECLARE

}  // namespace hebb::ops

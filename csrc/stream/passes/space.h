// Space: the indices an element-wise command runs over, and operands seen in another shape of as many
// elements.
#pragma once

#include "stream/command.h"

namespace hebb::stream {

// A shape without extents of 1.
struct Space {
  int rank = 0;
  int64_t shape[kRank] = {};

  explicit Space(const Operand& output);
  int64_t size() const;
  bool operator==(const Space& other) const;
};

// Row-major without gaps; extents of 1 do not count.
bool is_packed(const Operand& operand);

// The operand with the axes of `output`, which it broadcasts to, less those of extent 1: repeated axes get
// stride 0.
Operand spread_over(const Operand& operand, const Operand& output);

// Gives a spread operand the shape of `space`, which has as many elements; false where no strides do that,
// or where it has none.
bool fold_into(const Space& space, Operand& operand);

}  // namespace hebb::stream

// Views of operands in other shapes.
#include "stream/passes/space.h"

namespace hebb::stream {

namespace {

// Axes that run on as one: `count` elements, `stride` apart.
struct Run {
  int64_t count;
  int64_t stride;
};

// From the fastest on.
int runs_of(const Operand& operand, Run* runs) {
  int length = 0;
  for (int axis = operand.rank - 1; axis >= 0; --axis) {
    const int64_t extent = operand.shape[axis], stride = operand.strides[axis];
    if (length > 0 && stride == runs[length - 1].count * runs[length - 1].stride) {
      runs[length - 1].count *= extent;
    } else {
      runs[length++] = {extent, stride};
    }
  }
  return length;
}

}  // namespace

Space::Space(const Operand& output) {
  for (int axis = 0; axis < output.rank; ++axis) {
    if (output.shape[axis] != 1) shape[rank++] = output.shape[axis];
  }
}

int64_t Space::size() const {
  int64_t count = 1;
  for (int axis = 0; axis < rank; ++axis) count *= shape[axis];
  return count;
}

bool Space::operator==(const Space& other) const {
  if (rank != other.rank) return false;
  for (int axis = 0; axis < rank; ++axis) {
    if (shape[axis] != other.shape[axis]) return false;
  }
  return true;
}

bool is_packed(const Operand& operand) {
  int64_t expected = 1;
  for (int axis = operand.rank - 1; axis >= 0; --axis) {
    if (operand.shape[axis] != 1 && operand.strides[axis] != expected) return false;
    expected *= operand.shape[axis];
  }
  return true;
}

Operand spread_over(const Operand& operand, const Operand& output) {
  Operand spread = operand;
  spread.rank = 0;
  for (int axis = 0; axis < output.rank; ++axis) {
    if (output.shape[axis] == 1) continue;
    const int own = axis - (output.rank - operand.rank);
    const bool repeated = own < 0 || operand.shape[own] == 1;
    spread.shape[spread.rank] = output.shape[axis];
    spread.strides[spread.rank++] = repeated ? 0 : operand.strides[own];
  }
  return spread;
}

bool fold_into(const Space& space, Operand& operand) {
  Run runs[kRank];
  const int length = runs_of(operand, runs);
  Operand folded = operand;
  folded.rank = static_cast<uint8_t>(space.rank);
  int at = 0;
  for (int axis = space.rank - 1; axis >= 0; --axis) {
    const int64_t extent = space.shape[axis];
    if (at < length && runs[at].count == 1) ++at;
    if (at == length || extent == 0 || runs[at].count % extent != 0) return false;
    folded.shape[axis] = extent;
    folded.strides[axis] = runs[at].stride;
    runs[at].count /= extent;
    runs[at].stride *= extent;
  }
  operand = folded;
  return true;
}

}  // namespace hebb::stream

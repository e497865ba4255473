// Moving values between devices.
#pragma once

#include "ops/op.h"

namespace hebb::ops {

// x itself where it is there already. Else waits until x is computed; throws what made it invalid.
Tensor to_device(const Tensor& x, Device device);

// The same cell with its memory, and its gradient's, on `device`; snapshots stay where they are.
void move_state(State& state, Device device);

}  // namespace hebb::ops

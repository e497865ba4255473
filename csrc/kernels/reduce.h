// Reductions of the middle axis of [outer, reduce, inner] views, and running sums along it.
#pragma once

#include "stream/command.h"

namespace hebb::kernels {

// A float sum is divided by `divisor`: 1 for a sum, the count for a mean. Integer sums are left alone.
struct SumParams {
  double divisor;
};

struct CumsumParams {
  bool reverse;  // from the last element backwards
};

// y [outer, inner], x [outer, reduce, inner]. Float sums may be stored in any float dtype, sums of u8 and
// bool in i32.
extern stream::Slot sum;
// As sum, of x - center and of (x - center)^2: y, x, center [outer, inner] in the compute type of x.
extern stream::Slot deviation;
extern stream::Slot square_deviation;
// y [outer, inner] of x's dtype, x [outer, reduce, inner] with reduce > 0. A NaN wins.
extern stream::Slot max;
extern stream::Slot min;
// y [outer, inner] i32, x [outer, reduce, inner] with reduce > 0. The first of equal elements wins, a NaN
// over numbers.
extern stream::Slot argmax;
extern stream::Slot argmin;
// y, x both [outer, extent, inner]; sums of u8 and bool in i32.
extern stream::Slot cumsum;

}  // namespace hebb::kernels

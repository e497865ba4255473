// Slots of the random family: every element is a function of the seed, the counter and its index alone.
#pragma once

#include <cstdint>

#include "stream/command.h"

namespace hebb::kernels {

// Draws read word i of the stream that starts at block `counter`; f64 draws and integers read words 2i and 2i
// + 1.
struct UniformParams {
  int64_t counter;
  double low;
  double high;
};
struct NormalParams {
  int64_t counter;
  double mean;
  double std;
};
struct BernoulliParams {
  int64_t counter;
  double p;
};
struct RandintParams {
  int64_t counter;
  int64_t low;
  int64_t high;
};
struct DropoutParams {
  int64_t counter;
  double p;
};

// out (float), seed i64 [1]: uniform in [low, high).
extern stream::Slot uniform;
// out (float), seed i64 [1]: mean + std z with z standard normal, by Box and Muller on the word pairs of a
// block.
extern stream::Slot normal;
// out (any dtype), seed i64 [1]: 1 where the uniform of the same words is below p, else 0.
extern stream::Slot bernoulli;
// out i32, seed i64 [1]: integers in [low, high).
extern stream::Slot randint;
// out, x (float, same shape), seed i64 [1]: x / (1 - p) where the uniform of the same words is below 1 - p,
// else 0.
extern stream::Slot dropout;

}  // namespace hebb::kernels

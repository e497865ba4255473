// Slots of the random family: every element is a function of the seed, the counter and its index alone.
#pragma once

#include <cstdint>

#include "stream/tile_program.h"

namespace hebb::kernels {

// The seed operand is {seed, base}: draws read word i of the stream that starts at block base + `counter`, so
// that a replayed command can move on while its parameters stay; f64 draws and integers read words 2i and 2i
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
using DropoutParams = stream::DrawParams;

// out (float), seed i64 [2]: uniform in [low, high).
extern stream::Slot uniform;
// out (float), seed i64 [2]: mean + std z with z standard normal, by Box and Muller on the word pairs of a
// block.
extern stream::Slot normal;
// out (any dtype), seed i64 [2]: 1 where the uniform of the same words is below p, else 0.
extern stream::Slot bernoulli;
// out i32, seed i64 [2]: integers in [low, high).
extern stream::Slot randint;
// out, x (float, same shape), seed i64 [2]: x / (1 - p) where the uniform of the same words is below 1 - p,
// else 0.
extern stream::Slot dropout;

}  // namespace hebb::kernels

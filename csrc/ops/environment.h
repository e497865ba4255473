// Environment: what the ops of one thread work on: its stream and its random numbers.
#pragma once

#include <memory>

#include "core/state.h"
#include "stream/plan.h"
#include "stream/stream.h"
#include "stream/tuning.h"

namespace hebb::ops {

// Fills the kernel slots for one instruction set. Once per process, before the first environment.
void load_kernels(stream::Isa isa);

class Environment {
 public:
  Environment(stream::Executor& executor, Allocator& allocator);
  ~Environment();

  // The environment of the calling thread; throws Error(kState) where there is none.
  static Environment& current();
  void make_current();

  stream::Stream& stream() { return stream_; }
  // The passes, with the kernels they need; methods that `tuning` does not name follow from the shapes.
  static stream::Optimiser optimiser(const stream::Tuning& tuning = {});

  // Restarts the random numbers: the same seed gives the same draws in program order.
  void set_seed(uint64_t seed);
  // The seed and the base that counters are added to, 0 here (i64 [2]), and the first counter of the next
  // `blocks` Philox blocks.
  const std::shared_ptr<State>& seed_cell() const { return seed_; }
  uint64_t advance(uint64_t blocks);
  uint64_t counter() const { return counter_; }
  // The same for the step being recorded, where one is.
  uint64_t draw_place() const;
  void set_draw_place(uint64_t place);
  // The kernels::Precision of products that ops submit, below kPrecisions.
  static constexpr int64_t kPrecisions = 3;
  int64_t precision() const { return precision_; }
  void set_precision(int64_t value) { precision_ = value; }
  // While a part of a step is computed a second time: its writes to states have been made.
  bool repeats() const { return repeats_; }
  void set_repeats(bool value) { repeats_ = value; }
  void set_counter(uint64_t counter) { counter_ = counter; }

 private:
  stream::Stream stream_;
  std::shared_ptr<State> seed_;
  uint64_t counter_ = 0;
  int64_t precision_ = 0;
  bool repeats_ = false;
};

// Goes back to the random numbers of `place` and leaves states alone, until it ends.
class Repetition {
 public:
  explicit Repetition(uint64_t place);
  ~Repetition();
  Repetition(const Repetition&) = delete;
  Repetition& operator=(const Repetition&) = delete;

 private:
  Environment& environment_;
  uint64_t place_;
  bool repeated_;
};

}  // namespace hebb::ops

// PlanHandle: what JavaScript holds of a compiled step, and the pace of its runs.
#pragma once

#include <napi.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_set>
#include <vector>

#include "stream/plan.h"
#include "stream/tuning.h"

namespace hebb::binding {

class Environment;
struct Completion;

// Runs under way; shared with the tasks that end them, which may outlive the handle.
class Pace {
 public:
  // At most this many runs of a step wait or run. Of short ones as many as take kAhead: what a wake of the
  // JavaScript thread costs are its cold caches, and runs submitted one after the other share it.
  static constexpr int kPending = 2;
  static constexpr int kShortPending = 8;
  static constexpr auto kAhead = std::chrono::milliseconds(10);

  // Whether the next run has to wait for room, and whether one does.
  bool is_full();
  bool is_awaited();
  void begin();
  // What was begun has not been submitted.
  void cancel();
  // On the executor thread, after a run.
  void end(Environment& environment);
  // Takes `completion`, to be completed when another run may begin; null is left where it may at once.
  bool wait(std::unique_ptr<Completion>& completion);

 private:
  using Clock = std::chrono::steady_clock;
  // A thread is awake after about this.
  static constexpr auto kWake = std::chrono::microseconds(250);

  // JavaScript is woken when this many are left.
  int left_at_wake() const { return last_ < kWake ? limit_ / 2 : 1; }

  std::mutex mutex_;
  int pending_ = 0;
  int limit_ = kPending;
  // Since when the run that is under way could run, and how long the last one took.
  Clock::time_point since_;
  Clock::duration last_{kAhead};
  std::unique_ptr<Completion> waiting_;
};

struct PlanHandle;
using PlanTable = std::unordered_set<PlanHandle*>;

// Owned by its JavaScript external. Disposing empties it.
struct PlanHandle {
  explicit PlanHandle(std::shared_ptr<PlanTable> home) : table(std::move(home)) { table->insert(this); }
  ~PlanHandle() { table->erase(this); }
  PlanHandle(const PlanHandle&) = delete;
  PlanHandle& operator=(const PlanHandle&) = delete;

  std::shared_ptr<PlanTable> table;
  std::unique_ptr<stream::Plan> plan;
  stream::Tuning tuning;
  std::shared_ptr<Pace> pace = std::make_shared<Pace>();
  std::shared_ptr<stream::Timing> timing;
  // The callers of its ops, to be forgotten with it.
  std::vector<uint64_t> sites;
};

// Throws Error(kValue) for anything else, Error(kState) for a disposed one.
PlanHandle& plan_of(Environment& environment, const Napi::Value& value);

// For steps recorded now, from a record of method names by key; none where it is undefined.
stream::Tuning tuning_of(Environment& environment, const Napi::Value& methods);

}  // namespace hebb::binding

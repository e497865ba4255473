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

namespace hebb::binding {

class Environment;
struct Completion;

// Runs under way; shared with the tasks that end them, which may outlive the handle.
class Pace {
 public:
  // At most this many runs of a step wait or run. Of a short one a third may wait: JavaScript, woken when the
  // last begins, submits two at a time, the second with everything in its caches.
  static constexpr int kPending = 2;
  static constexpr int kShortPending = 3;
  static constexpr auto kShort = std::chrono::milliseconds(5);

  bool is_full();
  void begin();
  // On the executor thread, after a run.
  void end(Environment& environment);
  // Takes `completion`, to be completed when another run may begin; null is left where it may at once.
  bool wait(std::unique_ptr<Completion>& completion);

 private:
  using Clock = std::chrono::steady_clock;

  bool full() const { return pending_ >= (short_ ? kShortPending : kPending); }

  std::mutex mutex_;
  int pending_ = 0;
  // Since when the run that is under way could run, and whether the last one was short.
  Clock::time_point since_;
  bool short_ = false;
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
  std::shared_ptr<Pace> pace = std::make_shared<Pace>();
  std::shared_ptr<stream::Timing> timing;
  // The callers of its ops, to be forgotten with it.
  std::vector<uint64_t> sites;
};

}  // namespace hebb::binding

// The emulator's queue and memory: a queue runs what it is given when somebody waits for it, as a device that
// is far behind, so that whatever is reused or read too early shows.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <vector>

#include "kernels/cuda/emulator.h"

namespace hebb::library {

namespace emulator = kernels::cuda::emulator;

using Works = std::vector<std::function<void()>>;

class EmulatedQueue : public emulator::Queue {
 public:
  explicit EmulatedQueue(emulator::Order of);
  // Drops what waits.
  ~EmulatedQueue();

  // What is put in between is a graph's. False where it was begun already.
  bool begin();
  Works end();
  bool captures() const { return kept == &graph_; }

  // How many works of all queues are run: the device fails at the next, and runs none from then on.
  static void die_after(uint64_t works) { left_ = works; }
  static bool is_dead() { return dead_; }

  // How many works it has been given.
  uint64_t place() const { return first_ + waiting_.size(); }
  // Runs the first works. Throws what one of them throws; it counts as run.
  void run_to(uint64_t place);
  void run_all() { run_to(place()); }
  bool idle() const { return next_ == waiting_.size(); }

 private:
  static inline uint64_t left_ = ~uint64_t{0};
  static inline std::atomic<bool> dead_{false};

  Works waiting_, graph_;
  uint64_t first_ = 0;  // the number of the first that waits
  size_t next_ = 0;     // of those that wait: the others have run
};

inline EmulatedQueue* queue_of(void* handle) {
  return static_cast<EmulatedQueue*>(static_cast<emulator::Queue*>(handle));
}
// What launches take for the queue.
inline void* handle_of(EmulatedQueue* queue) { return static_cast<emulator::Queue*>(queue); }

// What a device sees: its own memory and pinned memory of the host.
class EmulatedMemory {
 public:
  // Poisoned; null where there is none.
  void* allocate(size_t bytes);
  // It is freed when a queue has done all its work, or at once where there is none.
  void release(void* data);
  void add_queues(int count);
  bool has(const void* data);
  void free_released();

 private:
  void free_all();  // of the released, under the lock

  std::mutex mutex_;
  std::map<const char*, size_t> pieces_;  // sizes, by where they begin
  std::vector<void*> released_;
  int queues_ = 0;
};
EmulatedMemory& memory();

}  // namespace hebb::library

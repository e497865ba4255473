// The emulator's queue and memory: a queue runs what it is given when somebody waits for it, as a device that
// is far behind, so that whatever is reused or read too early shows.
#pragma once

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
  explicit EmulatedQueue(emulator::Order of) : Queue{of, &waiting_} {}

  // What is put in between is a graph's. False where it was begun already.
  bool begin();
  Works end();
  bool captures() const { return kept == &graph_; }

  // How many works it has been given.
  uint64_t place() const { return first_ + waiting_.size(); }
  // Runs the first works. Throws what one of them throws; it counts as run.
  void run_to(uint64_t place);
  void run_all() { run_to(place()); }
  bool idle() const { return next_ == waiting_.size(); }

 private:
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
  // It is freed when a queue has done all its work.
  void release(void* data);
  bool has(const void* data);
  void free_released();

 private:
  std::mutex mutex_;
  std::map<const char*, size_t> pieces_;  // sizes, by where they begin
  std::vector<void*> released_;
};
EmulatedMemory& memory();

}  // namespace hebb::library

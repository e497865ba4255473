#include "library/emulated_queue.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace hebb::library {

namespace {

constexpr size_t kAlignment = 256;

}  // namespace

EmulatedQueue::EmulatedQueue(emulator::Order of) : Queue{of, &waiting_} { memory().add_queues(1); }

EmulatedQueue::~EmulatedQueue() { memory().add_queues(-1); }

bool EmulatedQueue::begin() {
  if (captures()) return false;
  graph_.clear();
  kept = &graph_;
  return true;
}

Works EmulatedQueue::end() {
  kept = &waiting_;
  return std::move(graph_);
}

void EmulatedQueue::run_to(uint64_t place) {
  while (first_ + next_ < place && !idle()) {
    // Counted first: it may throw.
    const std::function<void()> work = std::move(waiting_[next_++]);
    if (left_ == 0) dead_ = true;
    if (dead_) continue;
    --left_;
    work();
  }
  if (!idle()) return;
  first_ += waiting_.size();
  waiting_.clear();
  next_ = 0;
  memory().free_released();
}

void* EmulatedMemory::allocate(size_t bytes) {
  const size_t whole = std::max((bytes + kAlignment - 1) / kAlignment * kAlignment, kAlignment);
  void* data = std::aligned_alloc(kAlignment, whole);
  if (data == nullptr) return nullptr;
  std::memset(data, 0xff, whole);
  const std::lock_guard lock(mutex_);
  pieces_[static_cast<char*>(data)] = whole;
  return data;
}

void EmulatedMemory::release(void* data) {
  if (data == nullptr) return;
  const std::lock_guard lock(mutex_);
  released_.push_back(data);
  if (queues_ == 0) free_all();
}

void EmulatedMemory::add_queues(int count) {
  const std::lock_guard lock(mutex_);
  queues_ += count;
  if (queues_ == 0) free_all();
}

bool EmulatedMemory::has(const void* data) {
  const auto* at = static_cast<const char*>(data);
  const std::lock_guard lock(mutex_);
  const auto after = pieces_.upper_bound(at);
  if (after == pieces_.begin()) return false;
  const auto piece = std::prev(after);
  return at < piece->first + piece->second;
}

void EmulatedMemory::free_released() {
  const std::lock_guard lock(mutex_);
  free_all();
}

void EmulatedMemory::free_all() {
  for (void* data : released_) {
    pieces_.erase(static_cast<char*>(data));
    std::free(data);
  }
  released_.clear();
}

EmulatedMemory& memory() {
  static EmulatedMemory one;
  return one;
}

}  // namespace hebb::library

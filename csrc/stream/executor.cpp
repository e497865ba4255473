// The executor's loop: serve every stream a few commands, spin a while, then park.
#include "stream/executor.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "stream/stream.h"

namespace hebb::stream {

namespace {

// Waking a parked thread costs the submitter about 14 us, so the gaps of an eager loop are spun through.
constexpr auto kSpin = std::chrono::microseconds(100);
// Between two looks at a device that is waited for.
constexpr auto kNap = std::chrono::microseconds(50);
constexpr int kLooks = 64;

inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

Executor::Executor(std::unique_ptr<Runtime> runtime)
    : runtime_(std::move(runtime)), thread_([this] { loop(); }) {}

Executor::~Executor() {
  stopping_.store(true);
  { std::lock_guard lock(park_mutex_); }
  park_signal_.notify_one();
  thread_.join();
}

void Executor::attach(Stream* stream) {
  visitors_.fetch_add(1);
  std::lock_guard lock(streams_mutex_);
  visitors_.fetch_sub(1);
  streams_.push_back(stream);
}

void Executor::detach(Stream* stream) {
  // serve() holds the mutex while it runs a stream's commands.
  visitors_.fetch_add(1);
  std::lock_guard lock(streams_mutex_);
  visitors_.fetch_sub(1);
  streams_.erase(std::remove(streams_.begin(), streams_.end(), stream), streams_.end());
}

void Executor::wake() {
  // Pairs with park(): either the parked flag is seen here or the new work is seen there.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (!parked_.load(std::memory_order_relaxed)) return;
  { std::lock_guard lock(park_mutex_); }
  park_signal_.notify_one();
}

Executor::Served Executor::serve() {
  while (visitors_.load(std::memory_order_relaxed) > 0) std::this_thread::yield();
  std::lock_guard lock(streams_mutex_);
  bool worked = false, waits = false;
  for (Stream* stream : streams_) {
    worked = stream->run_some() || worked;
    waits = waits || stream->has_later();
  }
  return worked ? Served::kWorked : waits ? Served::kWaits : Served::kNothing;
}

void Executor::park(Served served) {
  std::unique_lock lock(park_mutex_);
  parked_.store(true, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const auto has_work = [this] {
    if (stopping_.load()) return true;
    std::lock_guard streams(streams_mutex_);
    return std::any_of(streams_.begin(), streams_.end(), [](Stream* s) { return !s->idle(); });
  };
  if (served == Served::kWaits) {
    park_signal_.wait_for(lock, kNap, has_work);
  } else {
    park_signal_.wait(lock, has_work);
  }
  parked_.store(false, std::memory_order_relaxed);
}

void Executor::loop() {
  runtime_->start();
  auto last_work = std::chrono::steady_clock::now();
  int quiet = 0;
  while (!stopping_.load(std::memory_order_relaxed)) {
    const Served served = serve();
    if (served == Served::kWorked) {
      quiet = 0;
      continue;
    }
    if (quiet == 0) last_work = std::chrono::steady_clock::now();
    relax();
    if (++quiet % kLooks == 0 && std::chrono::steady_clock::now() - last_work > kSpin) {
      park(served);
      // After a nap one look is enough.
      quiet = served == Served::kWaits ? kLooks - 1 : 0;
    }
  }
}

}  // namespace hebb::stream

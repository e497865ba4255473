// Fork and join by one atomic word; workers spin, then yield, then sleep on a futex.
#include "device/cpu/pool.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <new>
#include <string>
#include <system_error>

#include "device/cpu/allocator.h"
#include "device/cpu/pages.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace hebb::cpu {

namespace {

using Clock = std::chrono::steady_clock;

// An idle worker spins for kSpin, then gives its core away at every look for new work, and sleeps after
// kPark. Waking a sleeper costs the caller 14 us and the region 30, so it must be rare; commands of one step
// come within microseconds.
constexpr auto kSpin = std::chrono::microseconds(50);
constexpr auto kPark = std::chrono::microseconds(1000);
constexpr int kPausesPerLook = 32;
// Enough that a thread which loses its core for a moment leaves the rest to others.
constexpr int64_t kChunksPerThread = 8;

// The claim word: generation (20 bits), threads (12), chunks left (32).
constexpr uint64_t claim_word(uint64_t generation, int threads, int64_t chunks) {
  return (generation & 0xfffff) << 44 | static_cast<uint64_t>(threads) << 32 | static_cast<uint64_t>(chunks);
}
constexpr int64_t chunks_left(uint64_t word) { return static_cast<int64_t>(word & 0xffffffff); }
constexpr int thread_count(uint64_t word) { return static_cast<int>(word >> 32 & 0xfff); }

void pause() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

void futex_wait(std::atomic<uint32_t>& word, uint32_t value) {
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
}

void futex_wake(std::atomic<uint32_t>& word) {
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

// Times a wait without asking the clock at every look.
class Patience {
 public:
  // Pauses, or gives the core away once kSpin is over; false once kPark is over.
  bool wait() {
    if (yielding_) {
      sched_yield();
    } else {
      pause();
      if (++looks_ % kPausesPerLook != 0) return true;
    }
    const auto now = Clock::now();
    if (start_ == Clock::time_point{}) start_ = now;
    yielding_ = now - start_ > kSpin;
    return now - start_ < kPark;
  }

 private:
  Clock::time_point start_{};
  unsigned looks_ = 0;
  bool yielding_ = false;
};

// Signals go to the threads of Node; faults of our own code stay with the thread that made them.
sigset_t block_signals() {
  sigset_t all, before;
  sigfillset(&all);
  for (int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGPROF})
    sigdelset(&all, fault);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  return before;
}

// Threads inherit the mask of their maker.
class SignalsBlocked {
 public:
  SignalsBlocked() : before_(block_signals()) {}
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

}  // namespace

void set_flush_denormals() {
#if defined(__x86_64__)
  _mm_setcsr(_mm_getcsr() | 0x8040u);
#elif defined(__aarch64__)
  uint64_t control;
  __asm__ volatile("mrs %0, fpcr" : "=r"(control));
  __asm__ volatile("msr fpcr, %0" : : "r"(control | uint64_t{1} << 24));
#endif
}

void prepare_executor() {
  block_signals();
  set_flush_denormals();
  pthread_setname_np(pthread_self(), "hebb-executor");
  map_code();
  touch_thread_memory();
}

ThreadPool::ThreadPool(int threads) : workers_(new Worker[kMaxThreads]) { resize(threads); }

ThreadPool::~ThreadPool() {
  resize(1);
  for (int i = 0; i < kMaxThreads; ++i) {
    if (workers_[i].scratch != nullptr) unmap_pages(workers_[i].scratch, workers_[i].scratch_bytes);
  }
}

void ThreadPool::resize(int threads) {
  const int wanted = std::clamp(threads, 1, kMaxThreads);
  for (int i = wanted; i < size_; ++i) {
    workers_[i].stop.store(true);
    wake(workers_[i]);
  }
  for (int i = wanted; i < size_; ++i) workers_[i].thread.join();
  size_ = std::min(size_, wanted);
  try {
    for (; size_ < wanted; ++size_) start(size_);
  } catch (const std::system_error&) {
    // Out of threads: size() says how many there are.
  }
  worker_chunks_ = 0;
  for (int i = 1; i < size_; ++i) worker_chunks_ += workers_[i].done.load(std::memory_order_acquire);
}

void ThreadPool::start(int index) {
  const SignalsBlocked blocked;
  workers_[index].stop.store(false);
  workers_[index].thread = std::thread([this, index] { work(index); });
}

stream::Threads ThreadPool::threads(int count) {
  return {this, std::clamp(count, 1, size_),
          [](void* pool, int threads, int64_t tasks, stream::Threads::Body body, void* arg) {
            static_cast<ThreadPool*>(pool)->run(threads, tasks, body, arg);
          },
          [](void* pool, int thread, size_t bytes) {
            return static_cast<ThreadPool*>(pool)->scratch(thread, bytes);
          }};
}

void ThreadPool::run(int count, int64_t tasks, stream::Threads::Body body, void* arg) {
  count = std::min(count, size_);
  if (count <= 1 || tasks <= 1) {
    for (int64_t task = 0; task < tasks; ++task) body(arg, task, 0);
    return;
  }
  const int64_t chunk = std::max<int64_t>(1, tasks / (count * kChunksPerThread));
  const int64_t chunks = (tasks + chunk - 1) / chunk;
  region_ = {body, arg, tasks, chunk, chunks};
  out_of_memory_.store(false, std::memory_order_relaxed);
  // Sequentially consistent with `parked`: either the sleeper sees this word or wake sees the sleeper.
  claim_.store(claim_word(++generation_, count, chunks));
  wake_children(0, count);
  const uint64_t own = take(0);
  join(worker_chunks_ + static_cast<uint64_t>(chunks) - own);
  if (out_of_memory_.load(std::memory_order_relaxed)) throw std::bad_alloc();
}

uint64_t ThreadPool::take(int index) {
  uint64_t taken = 0;
  uint64_t word = claim_.load(std::memory_order_acquire);
  while (chunks_left(word) > 0 && index < thread_count(word)) {
    if (!claim_.compare_exchange_weak(word, word - 1, std::memory_order_acq_rel, std::memory_order_acquire))
      continue;
    const Region region = region_;
    const int64_t first = (region.chunks - chunks_left(word)) * region.chunk;
    const int64_t last = std::min(first + region.chunk, region.tasks);
    // The other threads are in the region still: it ends as always, and then throws on the thread that opened
    // it.
    try {
      for (int64_t task = first; task < last; ++task) region.body(region.arg, task, index);
    } catch (const std::bad_alloc&) {
      out_of_memory_.store(true, std::memory_order_relaxed);
    }
    ++taken;
    word = claim_.load(std::memory_order_acquire);
  }
  return taken;
}

void ThreadPool::join(uint64_t target) {
  Patience patience;
  for (;;) {
    uint64_t done = 0;
    for (int i = 1; i < size_; ++i) done += workers_[i].done.load(std::memory_order_acquire);
    if (done == target) break;
    patience.wait();
  }
  worker_chunks_ = target;
}

bool ThreadPool::has_work(int index) const {
  const uint64_t word = claim_.load();
  return chunks_left(word) > 0 && index < thread_count(word);
}

void ThreadPool::work(int index) {
  pthread_setname_np(pthread_self(), ("hebb-cpu-" + std::to_string(index)).c_str());
  set_flush_denormals();
  touch_thread_memory();
  Worker& self = workers_[index];
  Patience patience;
  while (!self.stop.load(std::memory_order_acquire)) {
    if (has_work(index)) {
      wake_children(index, thread_count(claim_.load()));
      const uint64_t taken = take(index);
      self.done.store(self.done.load(std::memory_order_relaxed) + taken, std::memory_order_release);
      patience = {};
    } else if (!patience.wait()) {
      park(index);
      patience = {};
    }
  }
}

void ThreadPool::park(int index) {
  Worker& self = workers_[index];
  self.parked.store(1);
  if (!has_work(index) && !self.stop.load()) {
    while (self.parked.load() == 1) futex_wait(self.parked, 1);
  }
  self.parked.store(0);
}

void ThreadPool::wake(Worker& worker) {
  if (worker.parked.load() == 1 && worker.parked.exchange(0) == 1) futex_wake(worker.parked);
}

// Each thread wakes two more, as a wake costs more than a small region.
void ThreadPool::wake_children(int index, int count) {
  for (int child = 2 * index + 1; child <= 2 * index + 2 && child < count; ++child) wake(workers_[child]);
}

void* ThreadPool::scratch(int thread, size_t bytes) {
  Worker& slot = workers_[thread];
  if (bytes <= slot.scratch_bytes && slot.scratch != nullptr) return slot.scratch;
  const size_t size = (std::max<size_t>(bytes, 1) + kHugePage - 1) / kHugePage * kHugePage;
  void* grown = bytes > memory_cap() ? nullptr : map_pages(size);
  if (grown == nullptr) throw std::bad_alloc();
  if (slot.scratch != nullptr) unmap_pages(slot.scratch, slot.scratch_bytes);
  slot.scratch = grown;
  slot.scratch_bytes = size;
  return grown;
}

}  // namespace hebb::cpu

// ThreadPool: the threads that kernels run on, and their scratch memory.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>

#include "stream/context.h"

namespace hebb::cpu {

inline constexpr int kMaxThreads = 256;

// Denormal results and operands count as zero on the calling thread: a multiply that makes a denormal costs
// 90 times one that does not. The pool's own threads have it set.
void set_flush_denormals();

// For the executor: its name, flushed denormals, and signals left to the threads of Node.
void prepare_executor();

// The calling thread is thread 0 of every region and takes part in it; size() - 1 workers help. One thread at
// a time may call run, scratch(0) and resize, and regions do not nest.
//
// A region never waits for a worker that has not claimed: its tasks lie in chunks, all state that a claim
// depends on is one word {generation, threads, chunks left}, and a worker reads the rest only after a claim
// that succeeded, which keeps the region open until the worker reports the chunk as done. A worker that comes
// too late finds no chunk left.
class ThreadPool {
 public:
  // Where the system refuses a thread, the pool is smaller than asked.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const { return size_; }
  void resize(int threads);

  // What a kernel is given; at most size() threads.
  stream::Threads threads(int count);

  // Every task in 0..tasks-1 once, on threads 0..count-1. Throws std::bad_alloc where a task did; the others
  // of its chunk are left out then.
  void run(int count, int64_t tasks, stream::Threads::Body body, void* arg);

  // Grows with the requests of that thread and is kept until the pool ends. 64-byte aligned. Throws
  // std::bad_alloc where the system refuses, or for more than the memory cap.
  void* scratch(int thread, size_t bytes);

 private:
  struct Region {
    stream::Threads::Body body;
    void* arg;
    int64_t tasks;
    int64_t chunk;
    int64_t chunks;
  };
  struct alignas(64) Worker {
    // Chunks run so far; only the worker writes it.
    std::atomic<uint64_t> done{0};
    // 1 while the worker sleeps on this word.
    std::atomic<uint32_t> parked{0};
    std::atomic<bool> stop{false};
    std::thread thread;
    void* scratch = nullptr;
    size_t scratch_bytes = 0;
  };

  void start(int index);
  void work(int index);
  // Claims and runs chunks until none is left; returns how many.
  uint64_t take(int index);
  bool has_work(int index) const;
  void park(int index);
  static void wake(Worker& worker);
  void wake_children(int index, int count);
  void join(uint64_t target);

  // Slots stay in place for the pool's life: a late worker may still look at a neighbour while the pool
  // shrinks.
  std::unique_ptr<Worker[]> workers_;
  int size_ = 1;
  std::atomic<bool> out_of_memory_{false};  // of the region that is open
  uint64_t generation_ = 0;
  uint64_t worker_chunks_ = 0;  // the sum of all `done` once every region has ended
  alignas(64) std::atomic<uint64_t> claim_{0};
  alignas(64) Region region_{};
};

}  // namespace hebb::cpu

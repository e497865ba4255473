// Context: what a CPU kernel is given besides its command: threads, scratch memory and a way to report bad
// data.
#pragma once

#include <cstddef>
#include <cstdint>

#include <type_traits>

#include "core/inline.h"

namespace hebb::stream {

// The instruction sets one binary holds; kernels of a higher one never run below it. AMX is AVX-512 with a
// tile unit; emulated, it needs none, gives the same bits and is slow.
enum class Isa : uint8_t { kV2, kAvx2, kAvx512, kAmx, kAmxEmulated, kNeon };

// What a guard saw: the smallest position wins, so the report does not depend on the number of threads.
struct Fault {
  bool set = false;
  int64_t position = 0;
  int64_t value = 0;
  int64_t limit = 0;
};

// Filled by the device that runs the kernel.
struct Threads {
  void* pool = nullptr;
  int count = 1;
  using Body = void (*)(void* arg, int64_t task, int thread);
  // Calls body for every task in 0..tasks-1, each once, in any order; returns when all are done.
  void (*run)(void* pool, int count, int64_t tasks, Body body, void* arg) = nullptr;
  // Memory of one thread that lives until the kernel returns and the same thread asks again; 64-byte aligned.
  void* (*scratch)(void* pool, int thread, size_t bytes) = nullptr;
};

class Context {
 public:
  explicit Context(Threads threads) : threads_(threads) {}

  HEBB_INLINE int threads() const { return threads_.count; }

  // body(task, thread). A split must not change any sum: partition outputs, or combine fixed chunks in index
  // order.
  template <class F>
  HEBB_INLINE void parallel(int64_t tasks, F&& body) {
    if (tasks <= 1 || threads_.count == 1) {
      for (int64_t task = 0; task < tasks; ++task) body(task, 0);
      return;
    }
    struct Call {
      static void run(void* arg, int64_t task, int thread) {
        (*static_cast<std::remove_reference_t<F>*>(arg))(task, thread);
      }
    };
    threads_.run(threads_.pool, threads_.count, tasks, &Call::run,
                 const_cast<void*>(static_cast<const void*>(&body)));
  }

  // One block a thread: a second call by the same thread gives the same memory, grown where needed.
  template <class T>
  HEBB_INLINE T* scratch(int thread, int64_t count) {
    const size_t bytes = static_cast<size_t>(count) * sizeof(T);
    return reinterpret_cast<T*>(block(thread, reserved_ + bytes) + reserved_);
  }

  // Sets memory of every thread aside, before the first scratch().
  HEBB_INLINE void reserve(int64_t bytes) { reserved_ = (static_cast<size_t>(bytes) + 63) / 64 * 64; }
  HEBB_INLINE char* reserved(int thread) { return block(thread, reserved_); }

  // Bad data found by a guard. Call from one thread, after the parallel part.
  HEBB_INLINE void fail(int64_t position, int64_t value, int64_t limit) {
    if (fault_.set && fault_.position <= position) return;
    fault_ = {true, position, value, limit};
  }
  HEBB_INLINE const Fault& fault() const { return fault_; }

 private:
  HEBB_INLINE char* block(int thread, size_t bytes) {
    return static_cast<char*>(threads_.scratch(threads_.pool, thread, bytes));
  }

  Threads threads_;
  size_t reserved_ = 0;
  Fault fault_;
};

}  // namespace hebb::stream

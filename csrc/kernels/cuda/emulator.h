// A CUDA grid on the CPU: blocks one after the other, each thread of a block a fibre. What kernels ask of the
// hardware comes here through hw.h.
//
// A run with each order finds what depends on the order that threads happen to run in: a missing barrier
// shows as other results. Shared memory begins as NaN, and has zones around it that no one may write.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "kernels/cuda/grid.h"

namespace hebb::kernels::cuda::emulator {

// Order: which thread of a block runs next, where several can.
enum class Order { kForward, kBackward, kShuffled };

// What a launch on the emulator is given for a stream: grids run at once, or are kept to be run later.
struct Queue {
  Order order = Order::kForward;
  std::vector<std::function<void()>>* kept = nullptr;

  template <class F>
  void put(F&& work) {
    if (kept != nullptr) {
      kept->push_back(std::forward<F>(work));
    } else {
      work();
    }
  }
};

// What the threads of a grid do.
struct Work {
  void (*body)(void* argument);
  void* argument;
  const void* kernel;  // the function, for its name
};

// work.body(work.argument) as every thread of every block. Throws Error(kInternal) where threads wait for
// each other without end or at different barriers, where shared memory was written beside itself and, in a
// build with HEBB_RACES, where two threads race; threads are left where they are then, so kernels own nothing
// that wants destroying.
void run(const Grid& grid, Order order, const Work& work);

// What follows is called by threads of a grid.

inline constexpr int kLanes = 32;
inline constexpr size_t kMostBytes = 16;  // of a value that lanes exchange

struct Place {
  int thread, threads;
  int block[3], blocks[3];
};
const Place& place();

// Memory of the block, the same for equal keys; a null key is the dynamic part.
void* shared(const void* key, size_t bytes);

// Waits for all threads of the block, or of the warp; `line` is where, and has to be the same for all.
void wait_for_block(int line);
void wait_for_warp(int line);

// Gives `value` to all lanes of the warp, which have to come here too, and takes theirs: lane i's at
// all + i * bytes. As on a device, this does not order what lanes do with other memory.
void exchange(const void* value, void* all, size_t bytes, int line);

}  // namespace hebb::kernels::cuda::emulator

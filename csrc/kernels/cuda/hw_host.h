// The emulator's side of hw.h.
#pragma once

#include <cstdint>

#include "kernels/cuda/emulator.h"

#define HEBB_KERNEL
#define HEBB_DEVICE inline
// At most that many threads a block, at least that many blocks at once.
#define HEBB_BOUNDS(threads, blocks)
// Before a loop over arrays that are to lie in registers.
#define HEBB_UNROLL
// Before one whose copies would take too many.
#define HEBB_ROLLED

namespace hebb::kernels::cuda::hw {

inline constexpr int kLanes = emulator::kLanes;

// Indices along x, and of the grid's other axes.
inline int thread() { return emulator::place().thread; }
inline int threads() { return emulator::place().threads; }
inline int lane() { return thread() % kLanes; }
inline int warp() { return thread() / kLanes; }
inline int block(int axis = 0) { return emulator::place().block[axis]; }
inline int blocks(int axis = 0) { return emulator::place().blocks[axis]; }

// Memory of the block, one S for each type S.
template <class S>
inline S& shared() {
  static_assert(alignof(S) <= 16);
  static const char key = 0;
  return *static_cast<S*>(emulator::shared(&key, sizeof(S)));
}
// As many as the launch asked for.
template <class T>
inline T* dynamic_shared() {
  return static_cast<T*>(emulator::shared(nullptr, 0));
}

inline void sync(int line = __builtin_LINE()) { emulator::wait_for_block(line); }
// Of a warp alone. Exchanges between lanes do not order what they read and write: this does.
inline void sync_warp(int line = __builtin_LINE()) { emulator::wait_for_warp(line); }

// The value of another lane.
template <class T>
inline T shuffle(T value, int from, int line = __builtin_LINE()) {
  static_assert(sizeof(T) <= emulator::kMostBytes);
  T all[kLanes];
  emulator::exchange(&value, all, sizeof(T), line);
  return all[from & (kLanes - 1)];
}
template <class T>
inline T shuffle_xor(T value, int mask, int line = __builtin_LINE()) {
  return shuffle(value, lane() ^ mask, line);
}
// That of the lane `distance` further on, or the lane's own beyond the last.
template <class T>
inline T shuffle_down(T value, int distance, int line = __builtin_LINE()) {
  return shuffle(value, lane() + distance < kLanes ? lane() + distance : lane(), line);
}
// Bit i: what lane i says.
inline unsigned ballot(bool yes, int line = __builtin_LINE()) {
  bool all[kLanes];
  emulator::exchange(&yes, all, sizeof yes, line);
  unsigned bits = 0;
  for (int i = 0; i < kLanes; ++i) bits |= unsigned{all[i]} << i;
  return bits;
}

// The smaller of *place and value is there afterwards; nobody else comes in between.
inline void atomic_min(uint64_t* place, uint64_t value) {
  uint64_t seen = __atomic_load_n(place, __ATOMIC_RELAXED);
  while (value < seen &&
         !__atomic_compare_exchange_n(place, &seen, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
}

// a b + c, rounded once.
inline float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
inline double fma(double a, double b, double c) { return __builtin_fma(a, b, c); }

}  // namespace hebb::kernels::cuda::hw

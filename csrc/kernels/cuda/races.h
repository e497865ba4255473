// The race checker of the emulator. In a build with HEBB_RACES the kernels are compiled with
// -fsanitize=thread; what that calls at each access are hooks of races/, which remember who touched what. A
// race is two accesses to the same bytes, one of them writing, by two threads that no barrier orders, or by
// two blocks of a grid; it is found in whatever order threads run, and where results are right all the same.
//
// In all other builds these functions are nothing.
#pragma once

#include <cstddef>
#include <string>

namespace hebb::kernels::cuda::races {

#if defined(HEBB_RACES)

inline constexpr bool kChecked = true;

// Grids order everything. `kernel` is the function whose name a report tells.
void begin_grid(const void* kernel);
void begin_block(const int (&block)[3]);

// What is accessed from here on is a thread's of the block, but for its own stack; then nobody's.
void run_thread(int thread, const char* stack, size_t stack_bytes);
void stop();

// The running thread has come through a barrier of its block, or of its warp.
void pass_block();
void pass_warp();

// Shared memory: the same bytes are others in each block.
void share(const void* data, size_t bytes);

// Says what is wrong; "" of a grid without a race so far.
std::string report();

// What reports call memory, until it is forgotten.
void name(const void* data, size_t bytes, const std::string& name);
void forget_names();

#else

inline constexpr bool kChecked = false;
inline void begin_grid(const void*) {}
inline void begin_block(const int (&)[3]) {}
inline void run_thread(int, const char*, size_t) {}
inline void stop() {}
inline void pass_block() {}
inline void pass_warp() {}
inline void share(const void*, size_t) {}
inline std::string report() { return ""; }
inline void name(const void*, size_t, const std::string&) {}
inline void forget_names() {}

#endif

}  // namespace hebb::kernels::cuda::races

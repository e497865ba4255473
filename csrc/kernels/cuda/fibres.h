// Fibres: stacks that take turns on one thread. The CUDA emulator has one for each thread of a block.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace hebb::kernels::cuda {

// Some fibres that all run the same function. One of them runs at a time, until it yields or returns.
class Fibres {
 public:
  using Body = void (*)(void* argument);

  Fibres();
  ~Fibres();
  Fibres(const Fibres&) = delete;
  Fibres& operator=(const Fibres&) = delete;

  // `count` new fibres that will call body(argument). Those of before are gone, done or not: what is
  // on their stacks is not destroyed.
  void start(int count, Body body, void* argument);
  // Runs a fibre that is not done until it yields or returns. body must not throw.
  void resume(int fibre);
  bool done(int fibre) const;
  // Where its stack begins.
  const char* bottom(int fibre) const;
  static constexpr size_t kStackBytes = 128 << 10;
  // The one that runs.
  int current() const { return current_; }
  // From within a fibre: goes back to the caller of resume().
  void yield();

 private:
  struct Stack;
  static void enter();

  std::vector<std::unique_ptr<Stack>> stacks_;
  Body body_ = nullptr;
  void* argument_ = nullptr;
  int current_ = -1;
  void* caller_ = nullptr;  // the stack pointer of resume()
  // The bounds of the caller's stack, as the address sanitizer wants them.
  const void* caller_bottom_ = nullptr;
  size_t caller_size_ = 0;
};

}  // namespace hebb::kernels::cuda

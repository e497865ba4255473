#include "kernels/cuda/fibres.h"

#include <sys/mman.h>

#include <cstdint>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#if !defined(__x86_64__)
#error "the CUDA emulator switches stacks of x86-64 only"
#endif

// Keeps the registers that a call preserves on the stack and its pointer in *from; goes on with `to`, which
// was left the same way.
extern "C" void hebb_switch_stack(void** from, void* to);

__asm__(R"(
.text
.p2align 4
.globl hebb_switch_stack
.hidden hebb_switch_stack
.type hebb_switch_stack, @function
hebb_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size hebb_switch_stack, . - hebb_switch_stack
)");

namespace hebb::kernels::cuda {
namespace {

constexpr size_t kGuard = 4096;

// What enter() belongs to: it is called by no one, so it can be given no argument.
thread_local Fibres* running = nullptr;

}  // namespace

struct Fibres::Stack {
  char* memory;
  void* pointer = nullptr;
  bool done = true;
  bool rests = false;    // has come to the end of a body and can begin the next
  void* fake = nullptr;  // of the address sanitizer

  // The page below faults where a fibre needs more.
  Stack() {
    void* mapped = mmap(nullptr, kGuard + kStackBytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) throw std::bad_alloc();
    memory = static_cast<char*>(mapped);
    mprotect(memory, kGuard, PROT_NONE);
  }
  ~Stack() { munmap(memory, kGuard + kStackBytes); }
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;

  char* bottom() const { return memory + kGuard; }

  // So that switching to it returns into `entry` with the stack as after a call.
  void prepare(void (*entry)()) {
#if defined(__SANITIZE_ADDRESS__)
    __asan_unpoison_memory_region(bottom(), kStackBytes);
#endif
    auto** top = reinterpret_cast<void**>(bottom() + kStackBytes) - 2;
    *top = reinterpret_cast<void*>(entry);
    for (int i = 1; i <= 6; ++i) top[-i] = nullptr;
    pointer = top - 6;
    fake = nullptr;
  }
};

Fibres::Fibres() = default;
Fibres::~Fibres() = default;

void Fibres::start(int count, Body body, void* argument) {
  while (stacks_.size() < static_cast<size_t>(count)) stacks_.push_back(std::make_unique<Stack>());
  body_ = body;
  argument_ = argument;
  for (int i = 0; i < count; ++i) {
    Stack& stack = *stacks_[static_cast<size_t>(i)];
    if (!stack.rests) stack.prepare(&Fibres::enter);
    stack.rests = stack.done = false;
  }
}

bool Fibres::done(int fibre) const { return stacks_[static_cast<size_t>(fibre)]->done; }

const char* Fibres::bottom(int fibre) const { return stacks_[static_cast<size_t>(fibre)]->bottom(); }

void Fibres::resume(int fibre) {
  Stack& stack = *stacks_[static_cast<size_t>(fibre)];
  Fibres* outer = running;
  running = this;
  current_ = fibre;
#if defined(__SANITIZE_ADDRESS__)
  void* fake = nullptr;
  __sanitizer_start_switch_fiber(&fake, stack.bottom(), kStackBytes);
#endif
  hebb_switch_stack(&caller_, stack.pointer);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(fake, nullptr, nullptr);
#endif
  current_ = -1;
  running = outer;
}

// One fibre runs many bodies: under the address sanitizer a new one costs more than the body of most kernels.
void Fibres::enter() {
  Fibres& self = *running;
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(nullptr, &self.caller_bottom_, &self.caller_size_);
#endif
  for (;;) {
    self.body_(self.argument_);
    Stack& stack = *self.stacks_[static_cast<size_t>(self.current_)];
    stack.done = stack.rests = true;
    self.yield();
  }
}

void Fibres::yield() {
  Stack& stack = *stacks_[static_cast<size_t>(current_)];
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(&stack.fake, caller_bottom_, caller_size_);
#endif
  hebb_switch_stack(&stack.pointer, caller_);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(stack.fake, &caller_bottom_, &caller_size_);
#endif
}

}  // namespace hebb::kernels::cuda

// What code compiled with -fsanitize=thread calls, in the place of the sanitizer's own library. Those that
// are not here are not called by any kernel: one that needs them does not link.
#include "kernels/cuda/races/hooks.h"

namespace hebb::kernels::cuda::races {

constinit thread_local Watch watch;

namespace {

void touch(const void* data, size_t bytes, Kind kind, void* line) {
  const auto address = reinterpret_cast<uintptr_t>(data);
  Shadow* shadow = watch.shadow;
  if (shadow == nullptr || address - watch.stack < watch.stack_bytes) return;
  // The linker may have merged what the shadow calls with a copy that has hooks.
  watch.shadow = nullptr;
  // The call, not what follows it.
  shadow->touch(address, bytes, kind, reinterpret_cast<uintptr_t>(line) - 1);
  watch.shadow = shadow;
}

}  // namespace
}  // namespace hebb::kernels::cuda::races

using hebb::kernels::cuda::races::Kind;
using hebb::kernels::cuda::races::touch;

extern "C" {

void __tsan_init() {}

#define HEBB_HOOKS(bytes)                                                                             \
  void __tsan_read##bytes(void* at) { touch(at, bytes, Kind::kRead, __builtin_return_address(0)); }   \
  void __tsan_write##bytes(void* at) { touch(at, bytes, Kind::kWrite, __builtin_return_address(0)); } \
  void __tsan_unaligned_read##bytes(void* at) {                                                       \
    touch(at, bytes, Kind::kRead, __builtin_return_address(0));                                       \
  }                                                                                                   \
  void __tsan_unaligned_write##bytes(void* at) {                                                      \
    touch(at, bytes, Kind::kWrite, __builtin_return_address(0));                                      \
  }
HEBB_HOOKS(1)
HEBB_HOOKS(2)
HEBB_HOOKS(4)
HEBB_HOOKS(8)
HEBB_HOOKS(16)

void __tsan_read_range(void* at, size_t bytes) { touch(at, bytes, Kind::kRead, __builtin_return_address(0)); }
void __tsan_write_range(void* at, size_t bytes) {
  touch(at, bytes, Kind::kWrite, __builtin_return_address(0));
}

void __tsan_vptr_update(void* at, void*) {
  touch(at, sizeof(void*), Kind::kWrite, __builtin_return_address(0));
}

uint64_t __tsan_atomic64_load(const volatile uint64_t* at, int order) {
  touch(const_cast<const uint64_t*>(at), 8, Kind::kAtomic, __builtin_return_address(0));
  return __atomic_load_n(at, order);
}
bool __tsan_atomic64_compare_exchange_strong(volatile uint64_t* at, uint64_t* expected, uint64_t value,
                                             int order, int order_otherwise) {
  touch(const_cast<const uint64_t*>(at), 8, Kind::kAtomic, __builtin_return_address(0));
  return __atomic_compare_exchange_n(at, expected, value, false, order, order_otherwise);
}

}  // extern "C"

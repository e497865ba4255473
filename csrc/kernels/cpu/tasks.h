// How kernels cut their work into tasks: items of equal size, grouped so that a task is worth handing out.
#pragma once

#include <cstdint>

#include "core/inline.h"
#include "stream/context.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

HEBB_INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
HEBB_INLINE int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
HEBB_INLINE int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Elements of cheap work in one task: some microseconds, ten times the cost of handing it out.
constexpr int64_t kTaskElements = 16384;

// Items per task for items of `size` elements.
HEBB_INLINE int64_t task_grain(int64_t size) { return most(1, kTaskElements / most(1, size)); }

// body(item, thread) for items 0..count-1, each once; consecutive items go to one task.
template <class F>
HEBB_INLINE void parallel_items(stream::Context& context, int64_t count, int64_t grain, F&& body) {
  context.parallel(ceil_div(count, grain), [&](int64_t task, int thread) {
    const int64_t last = least(count, (task + 1) * grain);
    for (int64_t item = task * grain; item < last; ++item) body(item, thread);
  });
}

}  // namespace
}  // namespace hebb::kernels::HEBB_ISA

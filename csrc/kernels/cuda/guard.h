// Guards: grids that look for ids out of range, and tell of the first of them.
#pragma once

#include "kernels/cuda/elements.h"
#include "kernels/cuda/launch.h"

namespace hebb::kernels::cuda {
namespace {

// 0 to extent - 1, and an id that is passed over, where there is one.
struct IdRange {
  int64_t extent;
  bool ignores = false;
  int64_t ignored = 0;

  HEBB_INLINE bool is_ignored(int64_t id) const { return ignores && id == ignored; }
  HEBB_INLINE bool has(int64_t id) const { return static_cast<uint64_t>(id) < static_cast<uint64_t>(extent); }
  HEBB_INLINE bool allows(int64_t id) const { return is_ignored(id) || has(id); }
};

// Ids are a pointer to them, or what has them as ids[i].
template <class Ids>
HEBB_KERNEL HEBB_BOUNDS(kElementThreads, 1) void find_bad_id(Ids ids, int64_t count, IdRange range,
                                                             stream::DeviceFault* fault) {
  uint64_t first = stream::kNoFault;
  for_each_item(count, [&](int64_t i) {
    const auto place = static_cast<uint64_t>(i);
    if (!range.allows(ids[i]) && place < first) first = place;
  });
  if (first != stream::kNoFault) hw::atomic_min(&fault->position, first);
}

// By the first thread, behind find_bad_id.
template <class Ids>
HEBB_KERNEL HEBB_BOUNDS(hw::kLanes, 1) void tell_bad_id(Ids ids, int64_t count, IdRange range,
                                                        stream::DeviceFault* fault) {
  const uint64_t place = fault->position;
  if (hw::thread() != 0 || place >= static_cast<uint64_t>(count) || range.allows(ids[place])) return;
  fault->value = ids[place];
  fault->limit = range.extent - 1;
}

// Queues a look at all `count` ids. What comes behind is queued all the same: it may not use a bad id.
template <class Ids>
void check_ids(stream::DeviceContext& context, const Ids& ids, int64_t count, const IdRange& range) {
  if (count == 0) return;
  launch(context, grid_over(context, count), &find_bad_id<Ids>, ids, count, range, context.fault);
  launch(context, {.threads = hw::kLanes}, &tell_bad_id<Ids>, ids, count, range, context.fault);
}

}  // namespace
}  // namespace hebb::kernels::cuda

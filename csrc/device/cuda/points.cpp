#include "device/cuda/points.h"

namespace hebb::cuda {

Points::~Points() {
  for (const Pending& one : pending_) api_.destroy_event(one.event);
  for (void* event : unused_) api_.destroy_event(event);
}

int Points::make(void* queue, uint64_t* point) {
  void* event = nullptr;
  if (unused_.empty()) {
    const int status = api_.create_event(&event);
    if (status != stream::kCudaSuccess) return status;
    unused_.push_back(event);
  }
  event = unused_.back();
  const int status = api_.record_event(event, queue);
  if (status != stream::kCudaSuccess) return status;
  pending_.push_back({made_ + 1, event});
  unused_.pop_back();
  *point = ++made_;
  return stream::kCudaSuccess;
}

// The first of the pending is reached.
void Points::pass() {
  unused_.push_back(pending_.front().event);
  pending_.pop_front();
}

int Points::reached(uint64_t point, bool* yes) {
  *yes = false;
  while (!pending_.empty() && pending_.front().point <= point) {
    int reached = 0;
    const int status = api_.query_event(pending_.front().event, &reached);
    if (status != stream::kCudaSuccess) return status;
    if (reached == 0) return stream::kCudaSuccess;
    pass();
  }
  *yes = true;
  return stream::kCudaSuccess;
}

int Points::wait(uint64_t point) {
  while (!pending_.empty() && pending_.front().point <= point) {
    const int status = api_.wait_event(pending_.front().event);
    if (status != stream::kCudaSuccess) return status;
    pass();
  }
  return stream::kCudaSuccess;
}

}  // namespace hebb::cuda

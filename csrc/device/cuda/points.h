// Points: places in a queue that the host asks for, as events that are used again and again. Executor thread
// only; functions return a cudaError_t.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "stream/cuda_api.h"

namespace hebb::cuda {

class Points {
 public:
  explicit Points(const stream::CudaApi& api) : api_(api) {}
  ~Points();
  Points(const Points&) = delete;
  Points& operator=(const Points&) = delete;

  // A point behind all that was queued so far; numbers count from 1, in the order of the queue.
  int make(void* queue, uint64_t* point);
  int reached(uint64_t point, bool* yes);
  int wait(uint64_t point);

 private:
  struct Pending {
    uint64_t point;
    void* event;
  };
  void pass();

  const stream::CudaApi& api_;
  std::deque<Pending> pending_;
  std::vector<void*> unused_;
  uint64_t made_ = 0;
};

}  // namespace hebb::cuda

// Runs one kernel directly, without queue or ops: buffers become operands, plain threads the pool.
#pragma once

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <thread>
#include <vector>

#include "check.h"
#include "core/storage.h"
#include "each_isa.h"
#include "stream/command.h"
#include "stream/context.h"

namespace hebb::testing {

// Exactly sized memory, so that AddressSanitizer sees one byte too far.
class Buffer {
 public:
  Buffer(DType dtype, std::vector<int64_t> shape) : dtype_(dtype), shape_(std::move(shape)) {
    int64_t count = 1;
    for (int64_t extent : shape_) count *= extent;
    size_ = count;
    bytes_ = static_cast<size_t>(count * item_size(dtype));
    // aligned_alloc would round the size up.
    if (posix_memalign(&block_.data, 64, bytes_ > 0 ? bytes_ : 1) != 0) block_.data = nullptr;
    block_.capacity = bytes_;
  }
  ~Buffer() { std::free(block_.data); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  template <class T>
  T* as() {
    return static_cast<T*>(block_.data);
  }
  int64_t size() const { return size_; }
  size_t bytes() const { return bytes_; }

  stream::Operand operand(stream::Role role) {
    stream::Operand o;
    o.data = block_.data;
    o.block = &block_;
    o.dtype = dtype_;
    o.role = role;
    o.rank = static_cast<uint8_t>(shape_.size());
    int64_t stride = 1;
    for (int i = o.rank - 1; i >= 0; --i) {
      o.shape[i] = shape_[static_cast<size_t>(i)];
      o.strides[i] = stride;
      stride *= o.shape[i];
    }
    return o;
  }
  stream::Operand in() { return operand(stream::Role::kIn); }
  stream::Operand out() { return operand(stream::Role::kOut); }
  stream::Operand updated() { return operand(stream::Role::kInOut); }

 private:
  DType dtype_;
  std::vector<int64_t> shape_;
  int64_t size_;
  size_t bytes_;
  Block block_;
};

struct ThreadScratch {
  struct Grown {
    void* memory = nullptr;
    size_t bytes = 0;
  };
  std::vector<Grown> blocks;
  explicit ThreadScratch(int threads) : blocks(static_cast<size_t>(threads)) {}
  ~ThreadScratch() {
    for (const Grown& block : blocks) std::free(block.memory);
  }
};

inline void run_tasks(void*, int count, int64_t tasks, stream::Threads::Body body, void* arg) {
  std::atomic<int64_t> next{0};
  auto work = [&](int thread) {
    for (int64_t task = next++; task < tasks; task = next++) body(arg, task, thread);
  };
  std::vector<std::thread> others;
  for (int i = 1; i < count; ++i) others.emplace_back(work, i);
  work(0);
  for (auto& other : others) other.join();
}

inline void* scratch_of(void* pool, int thread, size_t bytes) {
  auto& block = static_cast<ThreadScratch*>(pool)->blocks[static_cast<size_t>(thread)];
  if (block.memory == nullptr || bytes > block.bytes) {
    std::free(block.memory);
    const size_t whole = (bytes + 127) / 64 * 64;
    // NaN in every float type: a kernel that counts on what it has not written is found out.
    block = {std::memset(std::aligned_alloc(64, whole), 0xff, whole), bytes};
  }
  return block.memory;
}

#if defined(__x86_64__)
inline void* device_scratch(stream::DeviceContext& context, size_t bytes) {
  auto& memory = *static_cast<std::vector<char>*>(context.owner);
  CHECK(memory.empty());
  memory.assign(bytes, static_cast<char>(0xff));
  kernels::cuda::races::name(memory.data(), bytes, "scratch memory");
  return memory.data();
}

inline stream::Fault run_on_cuda(const stream::Command& command) {
  stream::DeviceFault seen;
  std::vector<char> scratch;
  kernels::cuda::emulator::Queue queue{*cuda_order()};
  stream::DeviceContext context{&queue, 2, &seen, 0, &device_scratch, &scratch};
  kernels::cuda::races::forget_names();
  kernels::cuda::races::name(&seen, sizeof seen, "the fault");
  for (int i = 0; i < command.operand_count; ++i) {
    if (const Block* block = command.operands[i].block; block != nullptr)
      kernels::cuda::races::name(block->data, block->capacity, "operand " + std::to_string(i));
  }
  CHECK(command.slot->cuda != nullptr);
  command.slot->cuda(command, context);
  CHECK_EQ(context.status, 0);
  if (seen.position == stream::kNoFault) return {};
  return {true, static_cast<int64_t>(seen.position), seen.value, seen.limit};
}
#endif

// Returns the fault the kernel reported, if any. Threads are those of the CPU.
template <class P>
stream::Fault run(const stream::Slot& slot, int threads, const std::vector<stream::Operand>& operands,
                  const P& params) {
  stream::Command command;
  command.slot = &slot;
  command.operand_count = static_cast<int>(operands.size());
  command.operands = operands.data();
  std::memcpy(command.params, &params, sizeof params);
#if defined(__x86_64__)
  if (cuda_order() != nullptr) return run_on_cuda(command);
#endif
  skip_without_cpu_kernels();
  ThreadScratch scratch(threads);
  stream::Context context({&scratch, threads, &run_tasks, &scratch_of});
  slot.cpu(command, context);
  return context.fault();
}

}  // namespace hebb::testing

// The submitting side of a stream: accepted layouts, the ring, waiting.
#include "stream/stream.h"

#include <chrono>
#include <string>
#include <utility>

#include "core/error.h"
#include "stream/recorder.h"

namespace hebb::stream {

namespace {

thread_local Stream* current_stream = nullptr;

bool is_contiguous(const Operand& operand) {
  int64_t expected = 1;
  for (int axis = operand.rank - 1; axis >= 0; --axis) {
    if (operand.shape[axis] == 0) return true;
    if (operand.shape[axis] != 1 && operand.strides[axis] != expected) return false;
    expected *= operand.shape[axis];
  }
  return true;
}

// A contiguous operand of the same shape and dtype in other memory.
Operand packed_like(const Operand& operand, Block* block) {
  Operand packed = operand;
  packed.block = block;
  packed.data = block->data;
  int64_t stride = 1;
  for (int axis = operand.rank - 1; axis >= 0; --axis) {
    packed.strides[axis] = stride;
    stride *= operand.shape[axis];
  }
  return packed;
}

bool writes_nothing(const Operand* operands, int count) {
  for (int i = 0; i < count; ++i) {
    if (operands[i].role != Role::kIn && operands[i].size() > 0) return false;
  }
  return true;
}

}  // namespace

Stream::Stream(Executor& executor, Allocator& allocator, const Slot& copy, uint64_t first)
    : executor_(executor),
      allocator_(allocator),
      copy_(copy),
      arena_(*this),
      ring_(new Entry[kQueueLength]),
      submitted_(first),
      completed_(first),
      settled_(first) {
  if (device() != Device::kCpu) later_.reserve(kMostLater);
  faults_.push_back(std::make_unique<Error>(ErrorKind::kMemory, "hebb", "the process is out of memory"));
  executor_.attach(this);
}

Stream::~Stream() {
  cancelled_.store(true);
  executor_.detach(this);
  if (current_stream == this) current_stream = nullptr;
}

Stream& Stream::current() {
  if (current_stream == nullptr) {
    throw Error(ErrorKind::kState, "stream", "this thread has no environment; load the addon here first");
  }
  return *current_stream;
}

void Stream::set_current(Stream* stream) { current_stream = stream; }

void Arena::drop() {
  if (block_ != nullptr) block_->owner->release(block_);
  block_ = nullptr;
  bytes_ = 0;
}

void Arena::remove(int64_t bytes) {
  sizes_.erase(sizes_.find(bytes));
  // Runs that wait were submitted before whatever gets this memory next.
  if (bytes_ > needed()) drop();
}

void* Arena::memory() {
  if (bytes_ < needed()) {
    drop();
    block_ = stream_.allocate(static_cast<size_t>(needed()));
    bytes_ = needed();
  }
  return block_ == nullptr ? nullptr : block_->data;
}

Recorder* Stream::set_recorder(Recorder* recorder) {
  State::set_cells(recorder);
  return std::exchange(recorder_, recorder);
}

Block* Stream::allocate(size_t bytes) {
  if (recorder_ != nullptr) return recorder_->allocate(bytes);
  Block* block = nullptr;
  try {
    block = allocator_.allocate(bytes);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kMemory) throw;
    // What is cached in pieces of the wrong size may do after a trim.
    drain();
    if (allocator_.trim() == 0) throw;
    block = allocator_.allocate(bytes);
  }
  block->fresh = true;
  return block;
}

Operand Stream::accepted(const Slot& slot, const Operand& operand, std::vector<Block*>& copies) {
  if (operand.role != Role::kIn) return operand;
  const bool fits = operand.is_constant() ? slot.traits.takes_constants
                                          : slot.traits.takes_strides || is_contiguous(operand);
  if (fits) return operand;
  copies.reserve(copies.size() + 1);
  Block* block = allocate(static_cast<size_t>(operand.size() * item_size(operand.dtype)));
  copies.push_back(block);
  Operand packed = packed_like(operand, block);
  Operand pair[2] = {packed, operand};
  pair[0].role = Role::kOut;
  push_command(copy_, pair, 2, nullptr, 0);
  return packed;
}

void Stream::submit(const Slot& slot, const Operand* operands, int count, const void* params,
                    size_t param_bytes) {
  if (!runtime().has_kernel(slot)) {
    const char* there = slot.cpu != nullptr ? "cpu" : slot.cuda != nullptr ? "cuda" : "none";
    throw Error(ErrorKind::kDevice, slot.name,
                text("no %s kernel; available: %s", device_name(device()), there));
  }
  if (writes_nothing(operands, count)) return clear_poison(operands, count);
  std::vector<Block*> copies;
  std::vector<Operand> list;
  list.reserve(static_cast<size_t>(count));
  try {
    for (int i = 0; i < count; ++i) list.push_back(accepted(slot, operands[i], copies));
    push_command(slot, list.data(), count, params, param_bytes);
  } catch (...) {
    for (Block* block : copies) block->owner->release(block);
    throw;
  }
  // Released before they are used: later commands that get this memory run after this one.
  for (Block* block : copies) block->owner->release(block);
}

// Results without elements: no command writes them, so none would clear what their memory's former contents
// have left. A replay does so for its own.
void Stream::clear_poison(const Operand* operands, int count) {
  for (int i = 0; i < count && recorder_ == nullptr; ++i) {
    Block* block = operands[i].block;
    if (operands[i].role == Role::kIn || !block->fresh) continue;
    write(block, DType::kU8, nullptr, 0);
    block->fresh = false;
  }
}

void Stream::push_command(const Slot& slot, const Operand* operands, int count, const void* params,
                          size_t param_bytes) {
  if (recorder_ != nullptr) return recorder_->push(slot, operands, count, params, param_bytes);
  Entry& entry = reserve();
  entry.command.slot = &slot;
  entry.command.operand_count = count;
  Operand* place = entry.inline_operands;
  if (count > kInlineOperands) {
    entry.more_operands.reset(new Operand[static_cast<size_t>(count)]);
    place = entry.more_operands.get();
  }
  for (int i = 0; i < count; ++i) {
    place[i] = operands[i];
    if (place[i].role == Role::kIn) continue;
    // The first write of a part clears the poison that the memory's former contents may have had.
    if (place[i].block->fresh) place[i].role = Role::kOut;
    place[i].block->fresh = false;
  }
  entry.command.operands = place;
  if (param_bytes > 0) std::memcpy(entry.command.params, params, param_bytes);
  entry.threads = threads();
  publish();
}

void Stream::then(Task task, const Block* block) {
  Entry& entry = reserve();
  entry.command.slot = nullptr;
  entry.task = std::move(task);
  entry.task_block = block;
  publish();
}

void Stream::write(Block* block, DType dtype, std::shared_ptr<char[]> from, size_t bytes) {
  Entry& entry = reserve();
  entry.command.slot = nullptr;
  entry.task_block = nullptr;
  const char* source = from.get();
  entry.copy = {block->data,     source, bytes,
                std::move(from), block,  dtype == DType::kI32 || dtype == DType::kI64};
  publish();
}

void Stream::read(const Block* block, const void* from, void* to, size_t bytes, Task done) {
  Entry& entry = reserve();
  entry.command.slot = nullptr;
  entry.task = std::move(done);
  entry.task_block = block;
  entry.copy = {to, from, bytes};
  publish();
}

void Stream::replay(std::shared_ptr<Replay> replay, Run run, Task done) {
  Entry& entry = reserve();
  entry.command.slot = nullptr;
  entry.task = std::move(done);
  entry.task_block = nullptr;
  entry.replay = std::move(replay);
  entry.replay_run = std::move(run);
  entry.threads = threads();
  publish();
}

Stream::Entry& Stream::reserve() {
  const uint64_t next = submitted_.load(std::memory_order_relaxed);
  if (next - completed_.load(std::memory_order_acquire) >= kQueueLength)
    wait_for(completed_, next - kQueueLength / 2);
  return ring_[next % kQueueLength];
}

void Stream::publish() {
  submitted_.fetch_add(1, std::memory_order_release);
  executor_.wake();
}

bool Stream::idle() const {
  return completed_.load(std::memory_order_acquire) == submitted_.load(std::memory_order_acquire);
}

void Stream::drain() {
  // A task waits for a device that queues.
  if (device() != Device::kCpu) then([](const Error*) {}, nullptr);
  wait_for(settled_, submitted_.load(std::memory_order_relaxed));
}

void Stream::wait_for(const std::atomic<uint64_t>& counter, uint64_t ticket) {
  const auto done = [&] { return counter.load(std::memory_order_acquire) >= ticket; };
  const auto start = std::chrono::steady_clock::now();
  while (!done()) {
    if (std::chrono::steady_clock::now() - start < std::chrono::microseconds(20)) continue;
    std::unique_lock lock(wait_mutex_);
    waiting_.store(true, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    wait_signal_.wait(lock, done);
    waiting_.store(false, std::memory_order_relaxed);
  }
}

}  // namespace hebb::stream

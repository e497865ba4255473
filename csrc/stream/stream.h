// Stream: the bounded queue of commands of one environment. submit() is the only way to compute.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <set>
#include <vector>

#include "core/error.h"
#include "core/storage.h"
#include "stream/command.h"
#include "stream/executor.h"
#include "stream/host_copies.h"
#include "stream/packs.h"
#include "stream/replay.h"

namespace hebb::stream {

class Recorder;
class Stream;

// The memory that all plans of a stream share: as much as the largest needs.
class Arena {
 public:
  explicit Arena(Stream& stream) : stream_(stream) {}
  ~Arena() { drop(); }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  void add(int64_t bytes) { sizes_.insert(bytes); }
  void remove(int64_t bytes);
  // Allocated when it is first used, null where no plan needs any.
  void* memory();
  int64_t bytes() const { return bytes_; }

 private:
  void drop();
  int64_t needed() const { return sizes_.empty() ? 0 : *sizes_.rbegin(); }

  Stream& stream_;
  std::multiset<int64_t> sizes_;
  Block* block_ = nullptr;
  int64_t bytes_ = 0;
};

// Tasks that may wait for a device before commands do.
inline constexpr size_t kMostLater = 256;

// Commands that may wait; a full queue blocks the submitting thread until half of it has run.
inline constexpr uint64_t kQueueLength = 1024;

class Stream {
 public:
  // `copy` fills an output from one input of any layout: for inputs that a slot does not take as they are.
  // Numbers of commands count from `first`.
  Stream(Executor& executor, Allocator& allocator, const Slot& copy, uint64_t first = 0);
  // Drops what has not started and waits for the command that has.
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // The stream of the calling thread; throws Error(kState) where there is none.
  static Stream& current();
  static void set_current(Stream* stream);

  Allocator& allocator() { return allocator_; }
  const Slot& copy_slot() const { return copy_; }
  // Memory whose contents, and any poison in them, are of the past.
  Block* allocate(size_t bytes);
  int threads() const { return threads_.load(std::memory_order_relaxed); }
  void set_threads(int count) { threads_.store(count, std::memory_order_relaxed); }

  Arena& arena() { return arena_; }
  PackStore& packs() { return packs_; }

  // Where memory and commands go while a step is recorded; null for the queue.
  Recorder* recorder() const { return recorder_; }
  Recorder* set_recorder(Recorder* recorder);

  // Appends a kernel call; operands are outputs first. Throws Error(kDevice) where the slot has no kernel.
  void submit(const Slot& slot, const Operand* operands, int count, const void* params, size_t param_bytes);

  // What a host task is told: the error that poisoned the block it reads, null for none; it lives as long as
  // the stream. A task must not throw.
  using Task = std::function<void(const Error* fault)>;
  // Runs on the executor after everything submitted so far has been done; a stream that ends drops it unrun.
  void then(Task task, const Block* block);

  // Fills `block` with `bytes` of the host's memory, of this dtype, which is kept until then; of integers,
  // which guards look at, a while longer.
  void write(Block* block, DType dtype, std::shared_ptr<char[]> from, size_t bytes);
  // Copies from `block`, unless it is poisoned, to the host's memory, which must be there until `done` is
  // called.
  void read(const Block* block, const void* from, void* to, size_t bytes, Task done);

  // The device, for tasks on the executor.
  Runtime& runtime() const { return executor_.runtime(); }
  Device device() const { return executor_.runtime().device(); }

  // Appends one run of a compiled step; everything in `run` is allocated by now. `done`, which may be empty,
  // is called on the executor after it; a stream that ends drops both.
  void replay(std::shared_ptr<Replay> replay, Run run, Task done = nullptr);

  // Blocks until everything submitted so far has run.
  void drain();
  bool idle() const;
  // How many commands have been submitted: the number of the last one.
  uint64_t submitted() const { return submitted_.load(std::memory_order_relaxed); }
  // How many of them have run; the faults they met are counted by then.
  uint64_t completed() const { return completed_.load(std::memory_order_acquire); }
  uint32_t fault_count() const { return fault_count_.load(std::memory_order_relaxed); }

  // The first fault nobody has been told of, if it is among the first `count`; it counts as told.
  std::optional<Error> take_fault(uint32_t count = ~uint32_t{0});
  bool has_fault() const { return untold_.load(std::memory_order_acquire) != 0; }
  // Called on the executor thread at each new fault.
  void on_fault(std::function<void()> listener) { fault_listener_ = std::move(listener); }
  // The fault of a block's contents; call after drain().
  std::optional<Error> fault_of(const Block& block);

 private:
  friend class Executor;

  // Between the host and the device.
  struct Copy {
    void* to = nullptr;
    const void* from = nullptr;
    size_t bytes = 0;
    std::shared_ptr<char[]> source;  // of a write
    Block* written = nullptr;
    bool keeps = false;
  };

  struct Entry {
    Command command;
    Operand inline_operands[kInlineOperands];
    std::unique_ptr<Operand[]> more_operands;
    int threads = 1;
    Task task;
    const Block* task_block = nullptr;
    Copy copy;
    std::shared_ptr<Replay> replay;
    Run replay_run;
  };

  Operand accepted(const Slot& slot, const Operand& operand, std::vector<Block*>& copies);
  void clear_poison(const Operand* operands, int count);
  void push_command(const Slot& slot, const Operand* operands, int count, const void* params,
                    size_t param_bytes);
  Entry& reserve();
  void publish();
  void wait_for(const std::atomic<uint64_t>& counter, uint64_t ticket);

  // A task behind what the device still does, and what it reads.
  struct Later {
    Runtime::Point point = 0;
    std::shared_ptr<const void> landing;
    void* to = nullptr;
    size_t bytes = 0;
    Task task;
    bool reads = false;  // it is told of faults
    uint32_t fault = 0;
    uint64_t ticket = 0;
  };

  // Executor side.
  bool run_some();
  bool has_later() const { return !later_.empty(); }
  bool settle();
  void finish_task(Later& later);
  void tell_counters();
  void note_written(Copy& copy, uint32_t failure);
  // What a guard sees in what the host has of its operand; nothing where it does not have it.
  std::optional<Fault> look_on_host(const Command& command);
  Fault run_guarded(const Command& command, int count);
  void run(Entry& entry, uint64_t ticket);
  void run_task(Entry& entry, uint64_t ticket);
  void run_kernel(const Command& command, int threads, uint64_t ticket);
  friend class Replay;
  // work(), which says what a guard saw; the fault where it or the device failed, else 0.
  template <class F>
  uint32_t attempt(const Slot& slot, uint64_t ticket, F&& work);
  uint32_t add_fault(const Slot& slot, const Fault& fault, uint64_t ticket);
  uint32_t add_memory_fault(const Slot& slot, uint64_t ticket);
  uint32_t keep_fault(Error error, uint64_t ticket);
  const Error* look_up(uint32_t fault);

  Executor& executor_;
  Allocator& allocator_;
  const Slot& copy_;
  Recorder* recorder_ = nullptr;
  Arena arena_;
  PackStore packs_;
  std::atomic<int> threads_{1};
  std::unique_ptr<Entry[]> ring_;
  alignas(64) std::atomic<uint64_t> submitted_{0};
  alignas(64) std::atomic<uint64_t> completed_{0};
  // As completed_, but for what waits behind a task that waits for the device.
  std::atomic<uint64_t> settled_{0};
  std::vector<Later> later_;  // of a device that queues; never grows
  HostCopies host_copies_;
  std::atomic<bool> cancelled_{false};
  std::mutex wait_mutex_;
  std::condition_variable wait_signal_;
  std::atomic<bool> waiting_{false};
  std::mutex fault_mutex_;
  // The first one is made in advance, for when there is no memory to make any.
  static constexpr uint32_t kNoMemoryFault = 1;
  std::vector<std::unique_ptr<Error>> faults_;
  std::atomic<uint32_t> untold_{0};
  std::atomic<uint32_t> fault_count_{0};
  std::function<void()> fault_listener_;
};

template <class F>
uint32_t Stream::attempt(const Slot& slot, uint64_t ticket, F&& work) {
  try {
    const Fault fault = work();
    return fault.set ? add_fault(slot, fault, ticket) : 0;
  } catch (const std::bad_alloc&) {
    return add_memory_fault(slot, ticket);
  } catch (const Error& error) {
    return keep_fault(error, ticket);
  }
}

}  // namespace hebb::stream

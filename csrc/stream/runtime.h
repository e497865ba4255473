// Runtime: what a device gives its executor. Everything but the constructor is called on the executor thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "core/storage.h"
#include "stream/command.h"
#include "stream/context.h"

namespace hebb::stream {

// Commands that a device keeps, to be launched as one.
class Graph {
 public:
  virtual ~Graph() = default;
};

class Runtime {
 public:
  explicit Runtime(Device device) : device_(device) {}
  virtual ~Runtime() = default;
  Device device() const { return device_; }

  // From any thread.
  virtual bool has_kernel(const Slot& slot) const = 0;
  // Called once, before anything else: floating-point environment, signal mask, name.
  virtual void start() {}
  // Runs a kernel, or queues it behind all that was run or copied before; says what a guard saw. These may
  // throw std::bad_alloc, and Error(kDevice) where the device has failed.
  virtual Fault run(const Command& command, int threads) = 0;
  // Where it is known that its guard would see nothing.
  virtual void run_unguarded(const Command& command, int threads) { run(command, threads); }
  // The same for the kernel that looks at a guard's data alone; nothing where the slot has none.
  virtual bool has_check(const Slot& slot) const = 0;
  virtual Fault check(const Command& command, int threads) = 0;
  // Within the device, in order with kernels, as are the next two.
  virtual void copy(void* to, const void* from, size_t bytes) = 0;
  // From memory of the host, which may be reused at once.
  virtual void upload(void* to, const void* from, size_t bytes) = 0;
  // To memory of the host: the bytes are there when a point behind is reached or, where memory is returned,
  // in that, for as long as it is held.
  virtual std::shared_ptr<const void> download(void* to, const void* from, size_t bytes) = 0;

  // A place behind all that was run or copied so far. Points are reached in order; 0 always is.
  using Point = uint64_t;
  virtual Point point() { return 0; }
  virtual bool reached(Point) { return true; }
  // Waits until all that was run or copied is there.
  virtual void finish() {}

  // Whether runs of the same commands on the same memory can be kept.
  virtual bool keeps_graphs() const { return false; }
  // What run() would queue while `work` is called. Throws Error(kDevice) where that is not possible; nothing
  // is left behind then.
  virtual std::unique_ptr<Graph> capture(const std::function<void()>& work);
  // False where the graph is out of date: it has to be captured anew.
  virtual bool launch(Graph& graph);

 private:
  Device device_;
};

// The CPU: kernels have run when run() returns.
class HostRuntime : public Runtime {
 public:
  // `start` may be null.
  explicit HostRuntime(Threads (*threads)(int count), void (*start)() = nullptr)
      : Runtime(Device::kCpu), threads_(threads), start_(start) {}

  bool has_kernel(const Slot& slot) const override { return slot.cpu != nullptr; }
  bool has_check(const Slot& slot) const override { return slot.check != nullptr; }
  void start() override;
  Fault run(const Command& command, int threads) override;
  Fault check(const Command& command, int threads) override;
  void copy(void* to, const void* from, size_t bytes) override;
  void upload(void* to, const void* from, size_t bytes) override { copy(to, from, bytes); }
  std::shared_ptr<const void> download(void* to, const void* from, size_t bytes) override {
    copy(to, from, bytes);
    return nullptr;
  }

 private:
  Threads (*threads_)(int count);
  void (*start_)();
};

}  // namespace hebb::stream

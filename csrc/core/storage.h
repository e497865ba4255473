// Storage: reference-counted memory of one device, or one constant that takes no memory until a kernel needs
// it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/dtype.h"

namespace hebb {

enum class Device : uint8_t { kCpu, kCuda };

class Allocator;

// A piece of memory as an allocator hands it out. Commands in flight hold plain pointers: memory and header
// are reused only by commands submitted later to the same queue. They may use `fault` of a header, its other
// fields are of now.
struct Block {
  void* data = nullptr;
  size_t capacity = 0;
  Allocator* owner = nullptr;
  // Written by the executor alone, in queue order: the fault that poisoned the contents, 0 for none.
  uint32_t fault = 0;
  // Written by the submitting thread alone: nothing has been submitted that writes it since it was allocated.
  bool fresh = true;
};

const char* device_name(Device device);

class Allocator {
 public:
  explicit Allocator(Device device) : device_(device) {}
  virtual ~Allocator() = default;
  Device device() const { return device_; }
  // Never null; throws Error(kMemory). 64-byte aligned.
  virtual Block* allocate(size_t bytes) = 0;
  virtual void release(Block* block) noexcept = 0;
  // Gives unused memory back to the system; returns the bytes. No command may be pending.
  virtual size_t trim() = 0;

 private:
  Device device_;
};

// Exactly one of block and constant holds the value. A state that is written moves a snapshot's storage to
// another block, so views share the Storage and reach the memory through it.
class Storage {
 public:
  explicit Storage(double constant) : constant_(constant) {}
  explicit Storage(Block* block, bool owned = true) : block_(block), owned_(owned) {}
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  bool is_constant() const { return block_ == nullptr; }
  double constant() const { return constant_; }
  Block* block() const { return block_; }
  // Moves to another block, which this storage then owns; the old one is released where it was owned.
  void move_to(Block* block) noexcept;
  // The block's owner is gone: it is this storage's now.
  void adopt() noexcept { owned_ = true; }
  // Leaves the block to someone else.
  void disown() noexcept { owned_ = false; }

 private:
  Block* block_ = nullptr;
  bool owned_ = true;
  double constant_ = 0;
};

}  // namespace hebb

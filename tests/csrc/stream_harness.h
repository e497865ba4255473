// A queue with its executor, and kernels that note, wait, look, copy and refuse.
#pragma once

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "device/cpu/allocator.h"
#include "device/cpu/pool.h"
#include "stream/stream.h"

namespace hebb::testing::streams {

using namespace stream;

struct NoteParams {
  int64_t number;
};

// What the kernels below have seen. Written by the executor, read after drain().
inline std::vector<int64_t> notes;
inline std::vector<Operand> seen;
inline std::atomic<bool> gate{true};

inline void note_kernel(const Command& command, Context&) {
  notes.push_back(command.param<NoteParams>().number);
}

inline void wait_kernel(const Command&, Context&) {
  while (!gate.load()) std::this_thread::yield();
}

inline void look_kernel(const Command& command, Context&) {
  seen.assign(command.operands, command.operands + command.operand_count);
}

inline double element(const Operand& x, const int64_t* index) {
  if (x.is_constant()) return x.constant;
  int64_t offset = 0;
  for (int axis = 0; axis < x.rank; ++axis) offset += index[axis] * x.strides[axis];
  return x.as<float>()[offset];
}

// out = in, any layout, up to rank 2.
inline void copy_kernel(const Command& command, Context&) {
  const Operand &out = command[0], &in = command[1];
  const int64_t rows = out.rank > 1 ? out.shape[0] : 1, columns = out.rank > 0 ? out.shape[out.rank - 1] : 1;
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) {
      const int64_t index[2] = {out.rank > 1 ? i : j, j};
      out.as<float>()[i * columns + j] = static_cast<float>(element(in, index));
    }
  }
}

inline void increment_kernel(const Command& command, Context& context) {
  context.parallel(command[0].size(),
                   [&](int64_t i, int) { command[0].as<float>()[i] = command[1].as<float>()[i] + 1; });
}

// Refuses negative elements.
inline void guard_kernel(const Command& command, Context& context) {
  for (int64_t i = command[1].size() - 1; i >= 0; --i) {
    const float value = command[1].as<float>()[i];
    if (value < 0) context.fail(i, static_cast<int64_t>(value), 9);
    command[0].as<float>()[i] = value;
  }
}

inline Slot make_slot(const char* name, Kernel kernel, Traits traits = {}, const char* fault_text = nullptr) {
  Slot slot{name, traits};
  slot.fault_text = fault_text;
  slot.cpu = kernel;
  return slot;
}

inline const Slot copy_slot =
    make_slot("copy", copy_kernel, Traits{.takes_constants = true, .takes_strides = true});
inline const Slot note_slot = make_slot("note", note_kernel);
inline const Slot wait_slot = make_slot("wait", wait_kernel);
inline const Slot look_slot = make_slot("look", look_kernel);
inline const Slot look_strided_slot = make_slot("look", look_kernel, Traits{.takes_strides = true});
inline const Slot look_constant_slot = make_slot("look", look_kernel, Traits{.takes_constants = true});
inline const Slot increment_slot = make_slot("increment", increment_kernel);
inline const Slot store_slot = make_slot("store", copy_kernel, Traits{.writes_state = true});
inline const Slot guard_slot = make_slot(
    "guard", guard_kernel, {}, "take: index {value} at position {position} is out of range; use 0..{limit}");

inline Threads pool_threads(int count) {
  static cpu::ThreadPool pool(2);
  return pool.threads(count);
}

struct Fixture {
  Executor executor{std::make_unique<HostRuntime>(&pool_threads)};
  cpu::CpuAllocator allocator;
  Stream stream{executor, allocator, copy_slot};

  ~Fixture() { gate = true; }

  Operand tensor(std::initializer_list<int64_t> shape, Role role = Role::kOut) {
    Operand operand;
    operand.role = role;
    operand.rank = static_cast<uint8_t>(shape.size());
    int axis = 0;
    for (int64_t extent : shape) operand.shape[axis++] = extent;
    int64_t stride = 1;
    for (axis = operand.rank - 1; axis >= 0; --axis) {
      operand.strides[axis] = stride;
      stride *= operand.shape[axis];
    }
    operand.block = stream.allocate(static_cast<size_t>(stride) * 4);
    operand.data = operand.block->data;
    return operand;
  }

  // A tensor with these elements, written by a command.
  Operand filled(std::vector<float> values) {
    Operand out = tensor({static_cast<int64_t>(values.size())});
    // The first write goes through the queue, as every write does.
    Operand zero = constant(0, out);
    send(copy_slot, {out, zero});
    stream.drain();
    for (size_t i = 0; i < values.size(); ++i) out.as<float>()[i] = values[i];
    return out;
  }

  static Operand constant(double value, const Operand& like) {
    Operand operand = like;
    operand.role = Role::kIn;
    operand.block = nullptr;
    operand.data = nullptr;
    operand.constant = value;
    for (int64_t& stride : operand.strides) stride = 0;
    return operand;
  }

  // The first operand is the output as it stands; the others are inputs.
  void send(const Slot& slot, std::vector<Operand> operands) {
    for (size_t i = 1; i < operands.size(); ++i) operands[i].role = Role::kIn;
    stream.submit(slot, operands.data(), static_cast<int>(operands.size()), nullptr, 0);
  }

  void note(int64_t number) {
    const NoteParams params{number};
    stream.submit(note_slot, &note_target, 1, &params, sizeof params);
  }
  Operand note_target = tensor({1});
};

}  // namespace hebb::testing::streams

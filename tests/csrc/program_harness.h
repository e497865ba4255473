// Programs built by hand, run on plain memory: what a pass must not change is the contents of all memory that
// outlives a run.
#pragma once

#include <cstring>
#include <random>
#include <vector>

#include "core/shape.h"
#include "kernel_cases.h"
#include "stream/program.h"

namespace hebb::testing {

using stream::Origin;
using stream::PlanOperand;
using stream::Role;

class TestProgram {
 public:
  stream::Program program;
  std::vector<DType> dtypes;  // of the buffers
  // What runs fused commands in place of their CPU kernel, if anything.
  void (*run_tiles)(const stream::Command& command) = nullptr;

  // A new buffer, as the operand that covers it. All but temporaries and outputs hold random numbers.
  PlanOperand buffer(Origin origin, DType dtype, const Shape& shape) {
    const int index = static_cast<int>(program.buffers.size());
    PlanOperand operand;
    operand.buffer = program.add_buffer(origin, index, shape.size() * item_size(dtype));
    operand.view = view_of(dtype, shape);
    Buffer contents(dtype, {shape.size()});
    fill_random(contents, dtype, static_cast<unsigned>(index) + 1);
    const char* bytes = contents.as<char>();
    initial_.emplace_back(bytes, bytes + contents.bytes());
    dtypes.push_back(dtype);
    return operand;
  }
  // Other contents than random numbers; from the beginning again where there are fewer.
  template <class T>
  void hold(const PlanOperand& operand, const std::vector<T>& values) {
    auto& bytes = initial_[static_cast<size_t>(operand.buffer)];
    for (size_t i = 0; (i + 1) * sizeof(T) <= bytes.size(); ++i)
      std::memcpy(bytes.data() + i * sizeof(T), &values[i % values.size()], sizeof(T));
  }
  PlanOperand argument(const Shape& shape, DType dtype = DType::kF32) {
    return buffer(Origin::kArgument, dtype, shape);
  }
  PlanOperand state(const Shape& shape, DType dtype = DType::kF32) {
    return buffer(Origin::kState, dtype, shape);
  }
  PlanOperand output(const Shape& shape, DType dtype = DType::kF32) {
    return buffer(Origin::kOutput, dtype, shape);
  }
  PlanOperand temporary(const Shape& shape, DType dtype = DType::kF32) {
    return buffer(Origin::kTemporary, dtype, shape);
  }

  static PlanOperand constant(double value, DType dtype = DType::kF32) {
    PlanOperand operand;
    operand.view.constant = value;
    operand.view.dtype = dtype;
    return operand;
  }

  static stream::Operand view_of(DType dtype, const Shape& shape) {
    stream::Operand view;
    view.dtype = dtype;
    view.rank = static_cast<uint8_t>(shape.rank());
    const Shape strides = contiguous_strides(shape);
    for (int axis = 0; axis < shape.rank(); ++axis) {
      view.shape[axis] = shape[axis];
      view.strides[axis] = strides[axis];
    }
    return view;
  }

  // The same elements in another shape; the operand is contiguous.
  static PlanOperand reshaped(PlanOperand operand, const Shape& shape) {
    const Role role = operand.view.role;
    operand.view = view_of(operand.view.dtype, shape);
    operand.view.role = role;
    return operand;
  }

  static PlanOperand transposed(PlanOperand operand) {
    const int last = operand.view.rank - 1;
    std::swap(operand.view.shape[last], operand.view.shape[last - 1]);
    std::swap(operand.view.strides[last], operand.view.strides[last - 1]);
    return operand;
  }

  // The first `count` of the outermost axis from `start` on.
  static PlanOperand part(PlanOperand operand, int64_t start, int64_t count) {
    operand.offset += start * operand.view.strides[0] * item_size(operand.view.dtype);
    operand.view.shape[0] = count;
    return operand;
  }

  void add(const stream::Slot& slot, PlanOperand out, std::vector<PlanOperand> inputs,
           Role role = Role::kOut) {
    stream::PlanCommand command;
    command.slot = &slot;
    out.view.role = role;
    command.operands.push_back(out);
    for (auto& input : inputs) {
      input.view.role = Role::kIn;
      command.operands.push_back(input);
    }
    program.commands.push_back(std::move(command));
  }

  // An element-wise command; returns what it writes.
  PlanOperand map(const stream::Slot& slot, const PlanOperand& out, std::vector<PlanOperand> inputs,
                  DType compute = DType::kF32, double scalar = 0) {
    add(slot, out, std::move(inputs));
    const stream::ElementwiseParams params{static_cast<int64_t>(compute), {scalar, 1, 0, 0}};
    std::memcpy(program.commands.back().params.data(), &params, sizeof params);
    return out;
  }

  // The contents of everything but temporaries, and what passes have added, after a run.
  std::vector<std::vector<char>> run(int threads) const {
    std::vector<std::unique_ptr<Buffer>> memory;
    for (size_t i = 0; i < program.buffers.size(); ++i) {
      memory.push_back(std::make_unique<Buffer>(DType::kU8, std::vector<int64_t>{program.buffers[i].bytes}));
      const Origin origin = program.buffers[i].origin;
      if (i >= initial_.size() || origin == Origin::kTemporary || origin == Origin::kOutput) {
        std::memset(memory[i]->as<char>(), 0xab, memory[i]->bytes());
      } else if (memory[i]->bytes() > 0) {
        std::memcpy(memory[i]->as<char>(), initial_[i].data(), memory[i]->bytes());
      }
    }
    for (const auto& command : program.commands) run_command(command, memory, threads);
    std::vector<std::vector<char>> result;
    for (size_t i = 0; i < initial_.size(); ++i) {
      if (program.is_temporary(static_cast<int>(i))) continue;
      result.emplace_back(memory[i]->as<char>(), memory[i]->as<char>() + memory[i]->bytes());
    }
    return result;
  }

 private:
  void run_command(const stream::PlanCommand& source, const std::vector<std::unique_ptr<Buffer>>& memory,
                   int threads) const {
    std::vector<stream::Operand> operands;
    for (const auto& operand : source.operands) {
      stream::Operand view = operand.view;
      if (operand.buffer != stream::kNoBuffer) {
        const auto whole = memory[static_cast<size_t>(operand.buffer)]->in();
        view.block = whole.block;
        view.data = whole.as<char>() + operand.offset;
      }
      operands.push_back(view);
    }
    stream::Command command;
    command.slot = source.slot;
    command.operand_count = static_cast<int>(operands.size());
    command.operands = operands.data();
    command.tiles = source.tiles.get();
    command.tile_operands = static_cast<int>(source.tile_operands);
    std::memcpy(command.params, source.params.data(), stream::kParamBytes);
    if (run_tiles != nullptr && command.tiles != nullptr && command.tile_operands == 0)
      return run_tiles(command);
#if defined(__x86_64__)
    if (on_emulator() && command.tiles == nullptr) {
      CHECK(!run_on_cuda(command).set);
      return;
    }
#endif
    ThreadScratch scratch(threads);
    stream::Context context({&scratch, threads, &run_tasks, &scratch_of});
    source.slot->cpu(command, context);
  }

  std::vector<std::vector<char>> initial_;
};

}  // namespace hebb::testing

// Recorder: takes the place of a stream's queue while a step is recorded. Memory is virtual, commands are
// kept.
#pragma once

#include <deque>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/state.h"
#include "stream/program.h"

namespace hebb::stream {

// What a recording has learnt of a state.
struct RecordedState {
  std::shared_ptr<State> state;
  Cell cell;
  bool required_grad = false;  // at entry
  bool had_grad = false;
  bool grad_seen = false;  // looked at before it was replaced
  bool grad_replaced = false;
  Tensor entry_grad;  // what .grad was made to be at entry
};

class Recorder : public Allocator, public CellSource {
 public:
  explicit Recorder(Device device = Device::kCpu);
  ~Recorder() override;

  // Virtual memory: blocks are only names here, kept until the recorder ends.
  Block* allocate(size_t bytes) override;
  void release(Block*) noexcept override {}
  size_t trim() override { return 0; }
  bool owns(const Block* block) const { return block != nullptr && block->owner == this; }

  Cell& cell_of(State& state) override;
  void note_grad(State& state, bool replaced) override;

  // A placeholder for the next argument: contiguous, not part of any tape.
  Tensor argument(DType dtype, const Shape& shape);
  // Keeps memory from outside that a command is about to use.
  void capture(const std::shared_ptr<Storage>& storage);
  void push(const Slot& slot, const Operand* operands, int count, const void* params, size_t param_bytes);
  // The draws of the step: the seed operand and the first counter, counted from the start of the step.
  Tensor seed();
  uint64_t advance(uint64_t blocks);
  uint64_t drawn() const { return drawn_; }
  void set_drawn(uint64_t blocks) { drawn_ = blocks; }
  // What is recorded from here on is not merged with equal commands of before: 0, or a number for each part
  // that is computed a second time on purpose.
  void set_repetition(uint32_t repetition) { repetition_ = repetition; }
  uint32_t new_repetition() { return ++repetitions_; }

  // The program so far.
  Program& program() { return program_; }
  size_t commands() const { return program_.commands.size(); }
  // Names the caller of the commands after `first`.
  void set_site(size_t first, uint64_t site);
  int buffer_of(const Block* block) const;
  std::vector<std::unique_ptr<RecordedState>>& states() { return states_; }
  const std::vector<std::shared_ptr<Storage>>& captured() const { return captured_; }
  const std::vector<std::pair<DType, Shape>>& arguments() const { return arguments_; }

 private:
  struct VirtualBlock : Block {
    int buffer = kNoBuffer;
  };

  VirtualBlock* new_block(Origin origin, int index, int64_t bytes);
  Tensor tensor_over(Block* block, DType dtype, const Shape& shape);
  RecordedState& recorded(State& state);

  Program program_;
  std::deque<VirtualBlock> blocks_;
  std::vector<std::unique_ptr<RecordedState>> states_;
  std::unordered_map<const State*, RecordedState*> by_state_;
  std::vector<std::pair<DType, Shape>> arguments_;
  std::vector<std::shared_ptr<Storage>> captured_;
  std::unordered_map<const Block*, int> captured_buffers_;
  Tensor seed_;
  uint64_t drawn_ = 0;
  uint32_t repetition_ = 0;
  uint32_t repetitions_ = 0;
};

}  // namespace hebb::stream

// Running the constant part of a program at once.
#include "stream/fold.h"

#include <utility>

#include "stream/operand.h"
#include "stream/passes/usage.h"
#include "stream/stream.h"

namespace hebb::stream {

namespace {

// A result of this size may be kept whatever it is made of; a larger one only where its inputs are as large.
constexpr int64_t kSmall = int64_t{1} << 20;

class Folder {
 public:
  Folder(Stream& stream, Program& program, std::vector<std::shared_ptr<Storage>>& captured)
      : stream_(stream),
        program_(program),
        captured_(captured),
        uses_(passes::uses_of(program)),
        known_(program.buffers.size()),
        folded_(program.commands.size()) {}

  bool run() {
    bool any = false;
    for (size_t i = 0; i < program_.commands.size(); ++i) {
      folded_[i] = folds(program_.commands[i]);
      if (folded_[i]) evaluate(program_.commands[i]);
      any = any || folded_[i];
    }
    if (any) capture();
    return any;
  }

 private:
  bool is_known(int buffer) const {
    const auto id = static_cast<size_t>(buffer);
    return program_.buffers[id].origin == Origin::kCaptured || known_[id] != nullptr;
  }

  bool folds(const PlanCommand& command) const {
    const Traits& traits = command.slot->traits;
    if (traits.guard || traits.random || traits.draws || traits.writes_state) return false;
    int64_t made = 0, read = 0;
    for (const auto& operand : command.operands) {
      if (operand.buffer == kNoBuffer) continue;
      const auto id = static_cast<size_t>(operand.buffer);
      if (operand.writes()) {
        if (operand.view.role != Role::kOut || !program_.is_temporary(operand.buffer)) return false;
        // Written again later, it is no constant.
        if (uses_[id].writers.size() != 1 || !passes::is_whole(program_, operand)) return false;
        made += program_.buffers[id].bytes;
      } else if (!is_known(operand.buffer)) {
        return false;
      } else {
        read += program_.buffers[id].bytes;
      }
    }
    return made <= kSmall || made <= read;
  }

  Block* block_of(const PlanOperand& operand) const {
    const auto id = static_cast<size_t>(operand.buffer);
    if (known_[id]) return known_[id]->block();
    return captured_[static_cast<size_t>(program_.buffers[id].index)]->block();
  }

  void evaluate(const PlanCommand& command) {
    std::vector<Operand> operands;
    for (const auto& operand : command.operands) {
      if (operand.writes()) {
        const auto id = static_cast<size_t>(operand.buffer);
        known_[id] = new_tensor(stream_, DType::kU8, Shape{program_.buffers[id].bytes}).storage();
      }
      Operand view = operand.view;
      if (operand.buffer != kNoBuffer) {
        view.block = block_of(operand);
        view.data = static_cast<char*>(view.block->data) + operand.offset;
      }
      operands.push_back(view);
    }
    stream_.submit(*command.slot, operands.data(), static_cast<int>(operands.size()), command.params.data(),
                   command.params.size());
  }

  // What others still read becomes a captured tensor; the rest was only on the way there.
  void capture() {
    for (size_t id = 0; id < known_.size(); ++id) {
      bool needed = false;
      for (const int reader : uses_[id].readers) needed = needed || !folded_[static_cast<size_t>(reader)];
      if (!known_[id] || !needed) continue;
      program_.buffers[id].origin = Origin::kCaptured;
      program_.buffers[id].index = static_cast<int>(captured_.size());
      captured_.push_back(std::move(known_[id]));
    }
    passes::erase_commands(program_, folded_);
  }

  Stream& stream_;
  Program& program_;
  std::vector<std::shared_ptr<Storage>>& captured_;
  const std::vector<passes::BufferUse> uses_;
  std::vector<std::shared_ptr<Storage>> known_;  // by buffer
  std::vector<bool> folded_;                     // by command
};

}  // namespace

bool fold_constants(Stream& stream, Program& program, std::vector<std::shared_ptr<Storage>>& captured) {
  return Folder(stream, program, captured).run();
}

}  // namespace hebb::stream

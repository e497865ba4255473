// Recording: virtual memory, cells of the step's own, commands as data.
#include "stream/recorder.h"

#include "core/error.h"

namespace hebb::stream {

namespace {

// Blocks all start here: offsets are told from it, and nothing reads through it.
void* const kNowhere = reinterpret_cast<void*>(uintptr_t{1} << 44);

}  // namespace

Recorder::Recorder(Device device) : Allocator(device) {}
Recorder::~Recorder() = default;

Recorder::VirtualBlock* Recorder::new_block(Origin origin, int index, int64_t bytes) {
  VirtualBlock& block = blocks_.emplace_back();
  block.data = kNowhere;
  block.capacity = static_cast<size_t>(bytes);
  block.owner = this;
  block.fresh = origin == Origin::kTemporary;
  block.buffer = program_.add_buffer(origin, index, bytes);
  return &block;
}

Block* Recorder::allocate(size_t bytes) {
  return new_block(Origin::kTemporary, 0, static_cast<int64_t>(bytes));
}

Tensor Recorder::tensor_over(Block* block, DType dtype, const Shape& shape) {
  return Tensor(std::make_shared<Storage>(block, false), dtype, shape, contiguous_strides(shape), 0);
}

RecordedState& Recorder::recorded(State& state) {
  const auto found = by_state_.find(&state);
  if (found != by_state_.end()) return *found->second;
  auto& entry = *states_.emplace_back(std::make_unique<RecordedState>());
  by_state_.emplace(&state, &entry);
  const int index = static_cast<int>(states_.size()) - 1;
  entry.state = state.shared_from_this();
  entry.required_grad = state.requires_grad();
  VirtualBlock* home = new_block(Origin::kState, index, state.nbytes());
  entry.cell.home = std::make_shared<Storage>(home, false);
  const Tensor& grad = state.own().grad;
  if (grad) {
    entry.had_grad = true;
    VirtualBlock* block = new_block(Origin::kGradient, index, grad.nbytes());
    entry.entry_grad = tensor_over(block, grad.dtype(), grad.shape());
    entry.cell.grad = entry.entry_grad;
  }
  return entry;
}

Cell& Recorder::cell_of(State& state) { return recorded(state).cell; }

void Recorder::note_grad(State& state, bool replaced) {
  RecordedState& entry = recorded(state);
  if (replaced) {
    entry.grad_replaced = true;
  } else if (!entry.grad_replaced) {
    entry.grad_seen = true;
  }
}

Tensor Recorder::argument(DType dtype, const Shape& shape) {
  const int index = static_cast<int>(arguments_.size());
  arguments_.emplace_back(dtype, shape);
  return tensor_over(new_block(Origin::kArgument, index, shape.size() * item_size(dtype)), dtype, shape);
}

void Recorder::capture(const std::shared_ptr<Storage>& storage) {
  const Block* block = storage->block();
  if (owns(block) || captured_buffers_.contains(block)) return;
  const int index = static_cast<int>(captured_.size());
  captured_.push_back(storage);
  captured_buffers_.emplace(
      block, program_.add_buffer(Origin::kCaptured, index, static_cast<int64_t>(block->capacity)));
}

int Recorder::buffer_of(const Block* block) const {
  if (owns(block)) return static_cast<const VirtualBlock*>(block)->buffer;
  const auto found = captured_buffers_.find(block);
  if (found == captured_buffers_.end()) {
    throw Error(ErrorKind::kInternal, "compile", "a command uses memory that the recording does not know");
  }
  return found->second;
}

void Recorder::push(const Slot& slot, const Operand* operands, int count, const void* params,
                    size_t param_bytes) {
  PlanCommand command;
  command.slot = &slot;
  command.repetition = repetition_;
  command.operands.reserve(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) {
    PlanOperand operand{operands[i]};
    if (Block* block = operand.view.block) {
      operand.buffer = buffer_of(block);
      operand.offset = static_cast<char*>(operand.view.data) - static_cast<char*>(block->data);
      if (operand.writes()) {
        if (block->fresh) operand.view.role = Role::kOut;
        block->fresh = false;
      }
    }
    operand.view.block = nullptr;
    operand.view.data = nullptr;
    command.operands.push_back(operand);
  }
  if (param_bytes > 0) std::memcpy(command.params.data(), params, param_bytes);
  program_.commands.push_back(std::move(command));
}

Tensor Recorder::seed() {
  if (!seed_) seed_ = tensor_over(new_block(Origin::kRandom, 0, 16), DType::kI64, Shape{2});
  return seed_;
}

uint64_t Recorder::advance(uint64_t blocks) {
  const uint64_t start = drawn_;
  drawn_ += blocks;
  return start;
}

void Recorder::set_site(size_t first, uint64_t site) {
  for (size_t i = first; i < program_.commands.size(); ++i) program_.commands[i].site = site;
}

}  // namespace hebb::stream

// From tensors to operands: how ops reach the stream.
#include "ops/op.h"

#include "kernels/copy.h"
#include "ops/environment.h"
#include "ops/transfer.h"
#include "stream/operand.h"
#include "stream/recorder.h"
#include "stream/stream.h"

namespace hebb::ops {

namespace {

using stream::Operand;
using stream::Role;

// Memory from outside is noted where a step is being recorded.
Operand recorded_operand(const Tensor& x, Role role) {
  auto* recorder = stream::Stream::current().recorder();
  if (recorder != nullptr && !x.is_constant()) recorder->capture(x.storage());
  return stream::operand_of(x, role);
}

void append(std::vector<Operand>& operands, const std::vector<Tensor>& tensors, Role role) {
  for (const auto& tensor : tensors) {
    if (tensor) operands.push_back(recorded_operand(tensor, role));
  }
}

void send(const stream::Slot& slot, const std::vector<Tensor>& updates, const std::vector<Tensor>& outputs,
          const std::vector<Tensor>& inputs, ParamView params) {
  std::vector<Operand> operands;
  operands.reserve(updates.size() + outputs.size() + inputs.size());
  append(operands, updates, Role::kInOut);
  append(operands, outputs, Role::kOut);
  append(operands, inputs, Role::kIn);
  const Device device = stream::Stream::current().device();
  for (const Operand& operand : operands) {
    if (operand.is_constant() || operand.block->owner->device() == device) continue;
    throw Error(ErrorKind::kDevice, slot.name,
                text("operands are on cpu and on cuda; move them to one device with to()"));
  }
  stream::Stream::current().submit(slot, operands.data(), static_cast<int>(operands.size()), params.data,
                                   params.size);
}

}  // namespace

Tensor empty(DType dtype, const Shape& shape) {
  // The one place all results pass: a product of extents that wraps would be memory too small for its kernel.
  check_extents("shape", shape);
  return stream::new_tensor(stream::Stream::current(), dtype, shape);
}

void submit(const stream::Slot& slot, const std::vector<Tensor>& outputs, const std::vector<Tensor>& inputs,
            ParamView params) {
  send(slot, {}, outputs, inputs, params);
}

void submit_into(const stream::Slot& slot, const Tensor& target, const std::vector<Tensor>& inputs,
                 ParamView params) {
  send(slot, {target}, {}, inputs, params);
}

void submit_update(const stream::Slot& slot, const std::vector<Tensor>& updates,
                   const std::vector<Tensor>& inputs, ParamView params) {
  send(slot, updates, {}, inputs, params);
}

void submit_update(const stream::Slot& slot, const std::vector<Tensor>& updates,
                   const std::vector<Tensor>& outputs, const std::vector<Tensor>& inputs, ParamView params) {
  send(slot, updates, outputs, inputs, params);
}

Tensor writable(State& state) {
  if (auto snapshot = state.live_snapshot()) {
    Tensor copy = empty(state.dtype(), state.shape());
    submit(kernels::copy, {copy}, {state.snapshot()});
    Block* block = copy.storage()->block();
    copy.storage()->disown();
    snapshot->move_to(block);
  }
  return state.writable();
}

std::shared_ptr<State> make_state(const Tensor& x) {
  if (is_recorded(x)) {
    throw Error(ErrorKind::kState, "state",
                "the initial value is computed by the step being recorded; make the state before, or from "
                "constants");
  }
  // Made for real, once: its initial value is no part of the step.
  const NotRecorded pause;
  auto state = std::make_shared<State>(empty(x.dtype(), x.shape()).storage(), x.dtype(), x.shape());
  submit(kernels::copy, {state->writable()}, {x});
  return state;
}

void assign(State& state, const Tensor& value) {
  const Tensor x = to_device(value, state.device());
  if (broadcast_shapes("assign", x.shape(), state.shape()) != state.shape()) {
    shape_error("assign", "a value of shape " + x.shape().text() + " does not fit a state of shape " +
                              state.shape().text());
  }
  Shape strides = state.shape();
  const int lead = state.shape().rank() - x.rank();
  for (int axis = 0; axis < strides.rank(); ++axis) {
    const bool repeated = axis < lead || x.shape()[axis - lead] == 1;
    strides[axis] = repeated ? 0 : x.strides()[axis - lead];
  }
  // Held through the write, so that a value that is a view of the cell is a snapshot and is moved away first.
  const Tensor fitted = x.view(state.shape(), strides, x.offset());
  submit_update(kernels::assign, {writable(state)}, {fitted}, {});
}

bool is_recorded(const Tensor& x) {
  const auto* recorder = stream::Stream::current().recorder();
  return recorder != nullptr && !x.is_constant() && recorder->owns(x.storage()->block());
}

NotRecorded::NotRecorded() : recorder_(stream::Stream::current().set_recorder(nullptr)) {}
NotRecorded::~NotRecorded() { stream::Stream::current().set_recorder(recorder_); }

Draw draw(int64_t count) {
  Environment& environment = Environment::current();
  const uint64_t blocks = (static_cast<uint64_t>(count) + 3) / 4;
  if (auto* recorder = environment.stream().recorder()) {
    const Tensor seed = recorder->seed();
    return {seed, static_cast<int64_t>(recorder->advance(blocks))};
  }
  const uint64_t counter = environment.advance(blocks);
  return {environment.seed_cell()->snapshot(), static_cast<int64_t>(counter)};
}

Tensor contiguous(const Tensor& x) {
  if (x.is_contiguous()) return x;
  Tensor y = empty(x.dtype(), x.shape());
  submit(kernels::copy, {y}, {x});
  return record(y, {x}, [](const Tensor& dy) { return Grads{dy}; });
}

void shape_error(const char* op, const std::string& detail) { throw Error(ErrorKind::kShape, op, detail); }
void dtype_error(const char* op, const std::string& detail) { throw Error(ErrorKind::kDType, op, detail); }
void value_error(const char* op, const std::string& detail) { throw Error(ErrorKind::kValue, op, detail); }

}  // namespace hebb::ops

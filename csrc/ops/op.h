// What an op is written with: new tensors, submitting a kernel call, recording its gradient.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "autograd/node.h"
#include "core/error.h"
#include "core/state.h"
#include "core/tensor.h"
#include "stream/command.h"

namespace hebb::stream {
class Recorder;
}

namespace hebb::ops {

using autograd::Grads;
using autograd::record;
using autograd::record_many;
using autograd::wants;

// A tensor or a JavaScript number, as arithmetic takes them.
struct Value {
  Tensor tensor;      // defined, or
  double number = 0;  // this
};

// The axes of a reduction: none given means all of them.
struct Axes {
  std::optional<std::vector<int64_t>> list;
};

// Memory for a result of the current stream's device; contents undefined until a command writes them.
Tensor empty(DType dtype, const Shape& shape);

// Plain parameter values go in a trivially copyable struct with a stream::Layout.
struct ParamView {
  const void* data = nullptr;
  size_t size = 0;
};

// Appends one kernel call to the current stream: outputs first. Undefined tensors are left out.
void submit(const stream::Slot& slot, const std::vector<Tensor>& outputs, const std::vector<Tensor>& inputs,
            ParamView params = {});

template <class P>
void submit(const stream::Slot& slot, const std::vector<Tensor>& outputs, const std::vector<Tensor>& inputs,
            const P& params) {
  submit(slot, outputs, inputs, ParamView{&params, sizeof params});
}

// The memory of a state, to be given to submit as an output or, with kInOut semantics, as `updates`. A
// snapshot that is alive is first moved to a memory of its own.
Tensor writable(State& state);

// A new cell with the value of x.
std::shared_ptr<State> make_state(const Tensor& x);

// Writes x, cast and broadcast to the cell's dtype and shape, into it.
void assign(State& state, const Tensor& x);

// Submits a kernel that writes a part of `target`: the rest keeps its contents.
void submit_into(const stream::Slot& slot, const Tensor& target, const std::vector<Tensor>& inputs,
                 ParamView params = {});

// As submit, for kernels that read and write their first operands: `updates` come first, then outputs, then
// inputs.
void submit_update(const stream::Slot& slot, const std::vector<Tensor>& updates,
                   const std::vector<Tensor>& inputs, ParamView params);
void submit_update(const stream::Slot& slot, const std::vector<Tensor>& updates,
                   const std::vector<Tensor>& outputs, const std::vector<Tensor>& inputs, ParamView params);

// The seed cell of the current stream's generator (i64 [2]: seed, base) and the counter where a draw of
// `count` elements starts: taken at the call, in program order. A block of four words serves four elements.
struct Draw {
  Tensor seed;
  int64_t counter;
};
Draw draw(int64_t count);

// Whether x is a value of the step being recorded, which is not there yet.
bool is_recorded(const Tensor& x);

// What is submitted while one lives runs at once, though a step is being recorded.
class NotRecorded {
 public:
  NotRecorded();
  ~NotRecorded();
  NotRecorded(const NotRecorded&) = delete;
  NotRecorded& operator=(const NotRecorded&) = delete;

 private:
  stream::Recorder* recorder_;
};

// x itself where it is contiguous memory, else a copy.
Tensor contiguous(const Tensor& x);

[[noreturn]] void shape_error(const char* op, const std::string& detail);
[[noreturn]] void dtype_error(const char* op, const std::string& detail);
[[noreturn]] void value_error(const char* op, const std::string& detail);

}  // namespace hebb::ops

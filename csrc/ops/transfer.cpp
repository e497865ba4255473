// Moving values between devices.
#include "ops/transfer.h"

#include <memory>
#include <optional>

#include "autograd/grad_mode.h"
#include "ops/environment.h"

namespace hebb::ops {

namespace {

// What is computed while one lives is computed on `device`.
class Using {
 public:
  explicit Using(Device device) : environment_(Environment::current()), before_(environment_.device()) {
    environment_.use(device);
  }
  ~Using() { environment_.use(before_); }
  Using(const Using&) = delete;
  Using& operator=(const Using&) = delete;

 private:
  Environment& environment_;
  Device before_;
};

struct HostCopy {
  std::shared_ptr<char[]> bytes;
  size_t size = 0;
};

HostCopy fetch(const Tensor& x) {
  const Using there(x.device());
  const Tensor from = contiguous(x);
  HostCopy copy{std::shared_ptr<char[]>(new char[static_cast<size_t>(from.nbytes())]),
                static_cast<size_t>(from.nbytes())};
  Block* block = from.storage()->block();
  const char* data = static_cast<const char*>(block->data) + from.offset() * item_size(from.dtype());
  std::optional<Error> failure;
  stream::Stream& source = Environment::current().stream();
  source.read(block, data, copy.bytes.get(), copy.size, [&failure](const Error* fault) {
    if (fault != nullptr) failure = *fault;
  });
  source.drain();
  if (failure) throw *failure;
  return copy;
}

Tensor place(const HostCopy& copy, DType dtype, const Shape& shape, Device device) {
  const Using there(device);
  const Tensor y = empty(dtype, shape);
  Block* block = y.storage()->block();
  block->fresh = false;
  Environment::current().stream().write(block, dtype, copy.bytes, copy.size);
  return y;
}

}  // namespace

Tensor to_device(const Tensor& x, Device device) {
  Environment& environment = Environment::current();
  if (x.is_constant() || x.device() == device) return x;
  if (is_recorded(x)) {
    throw Error(ErrorKind::kState, "to",
                text("a step runs on one device, and its values are not there yet; move what it takes to %s "
                     "before it is called",
                     device_name(device)));
  }
  environment.use(device);
  const NotRecorded now;
  Tensor y;
  {
    const autograd::GradMode off(false);
    y = place(fetch(x.detached()), x.dtype(), x.shape(), device);
  }
  return record(y, {x}, [from = x.device()](const Tensor& dy) { return Grads{to_device(dy, from)}; });
}

void move_state(State& state, Device device) {
  if (state.device() == device) return;
  if (Environment::current().is_recording())
    throw Error(ErrorKind::kState, "to", "a step is being recorded; move states before it is called");
  const autograd::GradMode off(false);
  const Tensor value = to_device(state.snapshot(), device);
  const Tensor grad = state.grad() ? to_device(state.grad(), device) : Tensor{};
  state.move_to(value.storage());
  state.set_grad(grad);
}

}  // namespace hebb::ops

// State: what changes. A cell with identity, a fixed address and a version; reading it gives a snapshot that
// never does.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/tensor.h"

namespace hebb {

class State : public std::enable_shared_from_this<State> {
 public:
  // `home` owns contiguous memory that nothing else uses.
  State(std::shared_ptr<Storage> home, DType dtype, const Shape& shape);
  ~State();
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  int64_t nbytes() const { return shape_.size() * item_size(dtype_); }
  uint64_t version() const { return version_; }

  // The value as it is now, without a place in the tape. Snapshots of one version share one storage.
  Tensor snapshot();
  // The snapshot storage that a write must first move away, null where none is alive.
  std::shared_ptr<Storage> live_snapshot() const { return snapshot_.lock(); }
  // The cell's own memory, for commands that write it. Call after the live snapshot has moved; counts a
  // version.
  Tensor writable();

  bool requires_grad() const { return requires_grad_; }
  void set_requires_grad(bool value) { requires_grad_ = value; }
  const Tensor& grad() const { return grad_; }
  void set_grad(Tensor grad) { grad_ = std::move(grad); }

  // The tape's leaf for this state, kept by the tensors that use it.
  std::weak_ptr<autograd::Node> leaf;

 private:
  Tensor view(std::shared_ptr<Storage> storage) const;

  std::shared_ptr<Storage> home_;
  std::weak_ptr<Storage> snapshot_;
  DType dtype_;
  Shape shape_;
  uint64_t version_ = 0;
  bool requires_grad_ = false;
  Tensor grad_;
};

}  // namespace hebb

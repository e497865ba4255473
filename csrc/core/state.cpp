// Snapshots and writes of a state cell.
#include "core/state.h"

#include <utility>

namespace hebb {

State::State(std::shared_ptr<Storage> home, DType dtype, const Shape& shape)
    : home_(std::move(home)), dtype_(dtype), shape_(shape) {}

State::~State() {
  if (auto snapshot = snapshot_.lock()) {
    // The cell is gone, its last value is not: the snapshot keeps the memory.
    home_->disown();
    snapshot->adopt();
  }
}

Tensor State::view(std::shared_ptr<Storage> storage) const {
  return Tensor(std::move(storage), dtype_, shape_, contiguous_strides(shape_), 0);
}

Tensor State::snapshot() {
  auto storage = snapshot_.lock();
  if (!storage) {
    storage = std::make_shared<Storage>(home_->block(), false);
    snapshot_ = storage;
  }
  return view(std::move(storage));
}

Tensor State::writable() {
  snapshot_.reset();
  ++version_;
  return view(home_);
}

}  // namespace hebb

// State: what changes. A cell with identity, a fixed address and a version; reading it gives a snapshot that
// never does.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/tensor.h"

namespace hebb {

class State;

// What a state holds. While a step is being recorded, the recording has cells of its own: nothing that is
// recorded shows outside.
struct Cell {
  std::shared_ptr<Storage> home;
  std::weak_ptr<Storage> snapshot;
  uint64_t version = 0;
  Tensor grad;
  // The tape's leaf, kept by the tensors that use it.
  std::weak_ptr<autograd::Node> leaf;
};

class CellSource {
 public:
  virtual ~CellSource() = default;
  virtual Cell& cell_of(State& state) = 0;
  // The gradient of `state` is about to be looked at, or replaced.
  virtual void note_grad(State& state, bool replaced) = 0;
};

class State : public std::enable_shared_from_this<State> {
 public:
  // `home` owns contiguous memory that nothing else uses.
  State(std::shared_ptr<Storage> home, DType dtype, const Shape& shape);
  ~State();
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  // Where the states of the calling thread have their cells; null for their own.
  static void set_cells(CellSource* source);

  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  int64_t nbytes() const { return shape_.size() * item_size(dtype_); }
  Device device() const { return own_.home->block()->owner->device(); }
  // Gives it memory elsewhere, with the same value in it; snapshots keep the old. The gradient is dropped.
  void move_to(std::shared_ptr<Storage> home);
  uint64_t version() { return cell().version; }

  // The value as it is now, without a place in the tape. Snapshots of one version share one storage.
  Tensor snapshot();
  // The snapshot storage that a write must first move away, null where none is alive.
  std::shared_ptr<Storage> live_snapshot() { return cell().snapshot.lock(); }
  // The cell's own memory, for commands that write it. Call after the live snapshot has moved; counts a
  // version.
  Tensor writable();

  bool requires_grad() const { return requires_grad_; }
  void set_requires_grad(bool value) { requires_grad_ = value; }
  const Tensor& grad();
  void set_grad(Tensor grad);
  std::weak_ptr<autograd::Node>& leaf() { return cell().leaf; }

  // The state's own cell, whatever is being recorded.
  Cell& own() { return own_; }

 private:
  Cell& cell();
  void leave_home();
  Tensor view(std::shared_ptr<Storage> storage) const;

  Cell own_;
  DType dtype_;
  Shape shape_;
  bool requires_grad_ = false;
};

}  // namespace hebb

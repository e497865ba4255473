// Snapshots and writes of a state cell.
#include "core/state.h"

#include <utility>

namespace hebb {

namespace {

thread_local CellSource* cells = nullptr;

}  // namespace

State::State(std::shared_ptr<Storage> home, DType dtype, const Shape& shape) : dtype_(dtype), shape_(shape) {
  own_.home = std::move(home);
}

State::~State() { leave_home(); }

// Its last value stays where a snapshot lives: that keeps the memory.
void State::leave_home() {
  if (auto snapshot = own_.snapshot.lock()) {
    own_.home->disown();
    snapshot->adopt();
  }
  own_.snapshot.reset();
}

void State::move_to(std::shared_ptr<Storage> home) {
  leave_home();
  own_.home = std::move(home);
  own_.grad = {};
  own_.leaf.reset();
  ++own_.version;
}

void State::set_cells(CellSource* source) { cells = source; }

Cell& State::cell() { return cells == nullptr ? own_ : cells->cell_of(*this); }

Tensor State::view(std::shared_ptr<Storage> storage) const {
  return Tensor(std::move(storage), dtype_, shape_, contiguous_strides(shape_), 0);
}

Tensor State::snapshot() {
  Cell& here = cell();
  auto storage = here.snapshot.lock();
  if (!storage) {
    storage = std::make_shared<Storage>(here.home->block(), false);
    here.snapshot = storage;
  }
  return view(std::move(storage));
}

Tensor State::writable() {
  Cell& here = cell();
  here.snapshot.reset();
  ++here.version;
  return view(here.home);
}

const Tensor& State::grad() {
  if (cells != nullptr) cells->note_grad(*this, false);
  return cell().grad;
}

void State::set_grad(Tensor grad) {
  if (cells != nullptr) cells->note_grad(*this, true);
  cell().grad = std::move(grad);
}

}  // namespace hebb

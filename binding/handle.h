// Handle: what a JavaScript tensor or state holds of the core, and the scopes that free handles.
#pragma once

#include <napi.h>

#include <functional>
#include <memory>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/state.h"
#include "core/tensor.h"

namespace hebb::binding {

class Environment;

struct Handle;

// The handles of one environment: what JavaScript passes is looked up before it is read, since an external
// may be anyone's. Shared with the handles, which may outlive the environment.
using HandleTable = std::unordered_set<const Handle*>;

struct Link {
  Link* previous = this;
  Link* next = this;

  void unlink() {
    previous->next = next;
    next->previous = previous;
    previous = next = this;
  }
  void append(Link* link) {
    link->unlink();
    link->previous = previous;
    link->next = this;
    previous->next = link;
    previous = link;
  }
};

// Owned by its JavaScript external. Disposing empties it; the shell goes with the garbage collector.
struct Handle : Link {
  explicit Handle(std::shared_ptr<HandleTable> home) : table(std::move(home)) { table->insert(this); }
  ~Handle() {
    unlink();
    table->erase(this);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  std::shared_ptr<HandleTable> table;
  Tensor tensor;
  std::shared_ptr<State> state;

  bool disposed() const { return !tensor && !state; }
  void dispose() {
    tensor = {};
    state = nullptr;
  }
  // It was a value of a step that was recorded, and died with the recording.
  bool recorded = false;
  // The value to compute with: a state's snapshot is a leaf of the tape.
  Tensor value() const;
};

// All live handles of an environment, in the list of the scope they were made in.
class HandleLists {
 public:
  HandleLists() { scopes_.push_back(std::make_unique<Link>()); }

  const std::shared_ptr<HandleTable>& table() const { return table_; }
  void add_tensor(Handle* handle) { scopes_.back()->append(handle); }
  // What no scope frees.
  void add_lasting(Handle* handle) { scopes_.front()->append(handle); }
  void open() { scopes_.push_back(std::make_unique<Link>()); }
  // Frees the tensors made since open(), but for `kept`, which belong to the scope around it.
  void close(const std::vector<Handle*>& kept);
  // Closes the scope of a recording: what `died` says of is emptied for good, the rest belongs to the scope
  // around.
  void close_recorded(const std::function<bool(const Tensor&)>& died);
  // Empties every handle.
  void clear();
  int64_t live() const;

 private:
  std::shared_ptr<HandleTable> table_ = std::make_shared<HandleTable>();
  std::vector<std::unique_ptr<Link>> scopes_;
};

Napi::Value wrap(Environment& environment, Tensor tensor);
Napi::Value wrap(Environment& environment, std::shared_ptr<State> state);
Napi::Value wrap_lasting(Environment& environment, Tensor tensor);
Napi::Array wrap_all(Environment& environment, std::vector<Tensor> tensors);
// A handle of nothing yet. Making a few at a time, ahead of need, costs a fraction of making each when the
// caches are cold; fill() then makes it the handle of a tensor, in the scope that is open.
Napi::Value wrap_nothing(Environment& environment);
// Throws Error(kValue) where `value` is no such handle.
Handle& empty_handle(const char* op, const Napi::Value& value);
void fill(Environment& environment, Handle& handle, Tensor tensor);

// Null where the value is no handle of its environment.
Handle* unwrap(const Napi::Value& value);

// Throws Error(kState) for a disposed one, Error(kValue) for anything else.
Handle& tensor_handle(const char* op, const char* name, const Napi::Value& value);
Handle& state_handle(const char* op, const char* name, const Napi::Value& value);

// How a JavaScript value looks in an error message: 'text', 3, an array, null.
std::string printed(const Napi::Value& value);

}  // namespace hebb::binding

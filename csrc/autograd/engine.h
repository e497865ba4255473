// The walk back over the tape.
#pragma once

#include <vector>

#include "autograd/node.h"
#include "core/state.h"

namespace hebb::autograd {

// What the walk computes with; ops fills it in, since autograd knows no op.
struct Arithmetic {
  Tensor (*add)(const Tensor&, const Tensor&) = nullptr;
  Tensor (*cast)(const Tensor&, DType) = nullptr;
  // What follows computes where x is.
  void (*follow)(const Tensor& x) = nullptr;
};
void set_arithmetic(Arithmetic arithmetic);

// The snapshot of a state as a leaf of the tape, where the state requires a gradient and recording is on.
Tensor read_state(State& state);

// The same value as a new leaf: the target of a gradient.
Tensor leaf(const Tensor& x);

// A leaf whose gradient `backward` puts into `slot`.
Tensor leaf_into(const Tensor& x, std::shared_ptr<Tensor> slot);

struct Walk {
  // Gradients are recorded themselves, so that they can be differentiated again; implies keep_graph.
  bool create_graph = false;
  // The tape may be walked again; else closures and saved values are freed on the way.
  bool keep_graph = false;
};

// Accumulates d root / d state into the .grad of every state the root depends on. `seed` is d/d root:
// undefined means 1 for a root of one element.
void backward(const Tensor& root, const Tensor& seed, Walk walk);

// d root / d target for each target (undefined where the root does not depend on it); states are left alone.
Grads gradients(const Tensor& root, const Tensor& seed, const std::vector<Tensor>& targets, Walk walk);

}  // namespace hebb::autograd

// Node: one recorded operation of the gradient tape; record() makes them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <type_traits>
#include <vector>

#include "autograd/grad_mode.h"
#include "core/tensor.h"

namespace hebb::autograd {

// One gradient per recorded input, in order; an undefined tensor where none is wanted.
using Grads = std::vector<Tensor>;

// Gets the gradients of the outputs (undefined where none arrived) and the outputs that it asked to keep.
using Backward = std::function<Grads(const Grads& dys, const std::vector<Tensor>& ys)>;

class Node {
 public:
  struct Output {
    DType dtype;
    Shape shape;
    // Kept as a bare view: a tensor with its edge would own this node and never be freed.
    Tensor kept;
  };

  Node(std::vector<Edge> inputs, Backward backward, std::vector<Output> outputs);
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  uint64_t order() const { return order_; }
  const std::vector<Edge>& inputs() const { return inputs_; }
  const std::vector<Output>& outputs() const { return outputs_; }
  const Backward& backward() const { return backward_; }
  bool released() const { return released_; }
  // Drops closure, inputs and kept outputs; further walks through this node throw.
  void release();

 private:
  uint64_t order_;  // creation order in this thread
  std::vector<Edge> inputs_;
  Backward backward_;
  std::vector<Output> outputs_;
  bool released_ = false;
};

// True where a gradient for x would be used: closures skip the work for the others.
inline bool wants(const Tensor& x) { return x.defined() && x.requires_grad(); }

bool any_requires_grad(const std::vector<Tensor>& inputs);

// Puts node `n` behind the float outputs `ys`. `keep[i]` says whether the closure reads output i.
void attach(std::vector<Tensor>& ys, const std::vector<Tensor>& inputs, bool keep, Backward backward);

// Records y = f(inputs). The closure is (dy) -> Grads or (dy, y) -> Grads and must not capture y: it is
// given, so that the node does not own itself; with the first form y is not kept alive. dy is always defined.
template <class F>
Tensor record(Tensor y, std::vector<Tensor> inputs, F closure) {
  if (!grad_enabled() || !any_requires_grad(inputs)) return y;
  std::vector<Tensor> ys{std::move(y)};
  if constexpr (std::is_invocable_v<F, const Tensor&>) {
    attach(ys, inputs, false,
           [f = std::move(closure)](const Grads& dys, const std::vector<Tensor>&) { return f(dys[0]); });
  } else {
    attach(ys, inputs, true, [f = std::move(closure)](const Grads& dys, const std::vector<Tensor>& kept) {
      return f(dys[0], kept[0]);
    });
  }
  return ys[0];
}

// Several outputs: the closure is (dys) -> Grads or (dys, ys) -> Grads, and only the second form keeps the
// outputs alive; a dy is undefined where nothing downstream used that output.
template <class F>
std::vector<Tensor> record_many(std::vector<Tensor> ys, std::vector<Tensor> inputs, F closure) {
  if (!grad_enabled() || !any_requires_grad(inputs)) return ys;
  if constexpr (std::is_invocable_v<F, const Grads&>) {
    attach(ys, inputs, false,
           [f = std::move(closure)](const Grads& dys, const std::vector<Tensor>&) { return f(dys); });
  } else {
    attach(ys, inputs, true, Backward(std::move(closure)));
  }
  return ys;
}

}  // namespace hebb::autograd

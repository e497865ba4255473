// The life of tape nodes: creation order, recording, and freeing without recursion.
#include "autograd/node.h"

#include <new>
#include <utility>

#include "core/error.h"

namespace hebb::autograd {

namespace {

thread_local bool enabled = true;
thread_local uint64_t next_order = 1;

// What dying nodes held. A tape may be a million nodes deep: each destructor hands its parts to one loop
// instead of destroying them itself, so the stack stays flat.
struct Remains {
  std::vector<Edge> inputs;
  Backward backward;
};
thread_local std::vector<Remains>* draining = nullptr;

// Called by destructors: without memory for the list, the parts die here, one call deeper.
void bury(Remains remains) noexcept {
  std::vector<Remains> pending;
  const bool outermost = draining == nullptr;
  if (outermost) draining = &pending;
  try {
    draining->push_back(std::move(remains));
  } catch (const std::bad_alloc&) {
    remains = {};
  }
  if (!outermost) return;
  while (!pending.empty()) {
    Remains next = std::move(pending.back());
    pending.pop_back();
  }
  draining = nullptr;
}

}  // namespace

bool grad_enabled() { return enabled; }

bool set_grad_enabled(bool value) { return std::exchange(enabled, value); }

Node::Node(std::vector<Edge> inputs, Backward backward, std::vector<Output> outputs)
    : order_(next_order++),
      inputs_(std::move(inputs)),
      backward_(std::move(backward)),
      outputs_(std::move(outputs)) {}

Node::~Node() {
  if (!released_) release();
}

void Node::release() {
  released_ = true;
  // Shapes and dtypes stay, for messages of walks that come too late.
  for (auto& output : outputs_) output.kept = {};
  bury({std::exchange(inputs_, {}), std::exchange(backward_, nullptr)});
}

bool any_requires_grad(const std::vector<Tensor>& inputs) {
  for (const auto& input : inputs) {
    if (wants(input)) return true;
  }
  return false;
}

void attach(std::vector<Tensor>& ys, const std::vector<Tensor>& inputs, bool keep, Backward backward) {
  std::vector<Edge> edges;
  edges.reserve(inputs.size());
  for (const auto& input : inputs) edges.push_back(input.defined() ? input.edge() : Edge{});
  std::vector<Node::Output> outputs;
  for (auto& y : ys) {
    // A result that already has a place in the tape (an op returning its input) gets a place of its own.
    if (y.requires_grad()) y = y.detached();
    outputs.push_back({y.dtype(), y.shape(), keep ? y.detached() : Tensor{}});
  }
  auto node = std::make_shared<Node>(std::move(edges), std::move(backward), std::move(outputs));
  for (size_t i = 0; i < ys.size(); ++i) {
    if (is_float(ys[i].dtype())) ys[i].set_edge({node, static_cast<int>(i)});
  }
}

}  // namespace hebb::autograd

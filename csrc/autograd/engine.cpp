// Reverse mode: nodes in decreasing creation order, contributions to a node summed in creation order of their
// makers.
#include "autograd/engine.h"

#include <algorithm>
#include <queue>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "core/error.h"

namespace hebb::autograd {

namespace {

Arithmetic arithmetic;

// A walk to given targets is under way: states get no gradient, also not from walks inside it.
thread_local bool to_targets = false;

class TargetWalk {
 public:
  explicit TargetWalk(bool begins) : before_(std::exchange(to_targets, to_targets || begins)) {}
  ~TargetWalk() { to_targets = before_; }
  TargetWalk(const TargetWalk&) = delete;
  TargetWalk& operator=(const TargetWalk&) = delete;

 private:
  bool before_;
};

struct Contribution {
  uint64_t maker;
  size_t input;
  Tensor grad;
};

// The gradients that have arrived at each output of a node.
struct Pending {
  std::shared_ptr<Node> node;
  std::vector<std::vector<Contribution>> outputs;
};

Tensor total(std::vector<Contribution>& list) {
  if (list.empty()) return {};
  std::sort(list.begin(), list.end(), [](const Contribution& a, const Contribution& b) {
    return a.maker != b.maker ? a.maker < b.maker : a.input < b.input;
  });
  Tensor sum = list[0].grad;
  for (size_t i = 1; i < list.size(); ++i) sum = arithmetic.add(sum, list[i].grad);
  return sum;
}

Tensor checked_seed(const Tensor& root, const Tensor& seed) {
  if (!root.requires_grad()) {
    throw Error(
        ErrorKind::kState, "backward",
        "the loss does not depend on anything that requires a gradient; use parameters or valueAndGrad");
  }
  if (!seed) {
    if (root.size() != 1) {
      throw Error(ErrorKind::kShape, "backward",
                  "the loss has shape " + root.shape().text() + "; reduce it to one element or pass a seed");
    }
    return Tensor::constant(root.dtype(), 1, root.shape());
  }
  if (seed.shape() != root.shape()) {
    throw Error(ErrorKind::kShape, "backward",
                "the seed has shape " + seed.shape().text() + ", the loss " + root.shape().text() +
                    "; they must be equal");
  }
  return seed;
}

class Walker {
 public:
  Walker(Walk walk, const std::vector<Tensor>* targets) : walk_(walk), targets_(targets) {
    if (targets_ != nullptr) found_.resize(targets_->size());
  }

  Grads run(const Tensor& root, const Tensor& seed) {
    if (targets_ != nullptr) find_paths(root.edge().node.get());
    send(root.edge(), {~uint64_t{0}, 0, seed});
    while (!order_.empty()) {
      Node* node = order_.top().second;
      order_.pop();
      auto found = pending_.extract(node);
      step(found.mapped());
    }
    return std::move(found_);
  }

 private:
  // With targets given, only nodes between the root and a target are worth visiting.
  void find_paths(Node* root) {
    std::unordered_set<Node*> wanted;
    for (const auto& target : *targets_) {
      if (target.edge()) wanted.insert(target.edge().node.get());
    }
    // Creation order is a topological order: visiting makers last to first settles inputs before their users.
    std::vector<Node*> seen;
    std::unordered_set<Node*> known{root};
    std::vector<Node*> open{root};
    while (!open.empty()) {
      Node* node = open.back();
      open.pop_back();
      seen.push_back(node);
      for (const auto& edge : node->inputs()) {
        if (edge && known.insert(edge.node.get()).second) open.push_back(edge.node.get());
      }
    }
    std::sort(seen.begin(), seen.end(), [](Node* a, Node* b) { return a->order() < b->order(); });
    for (Node* node : seen) {
      bool useful = wanted.count(node) > 0;
      for (const auto& edge : node->inputs()) useful = useful || (edge && useful_.count(edge.node.get()) > 0);
      if (useful) useful_.insert(node);
    }
  }

  void send(const Edge& edge, Contribution contribution) {
    Node* node = edge.node.get();
    if (targets_ != nullptr && useful_.count(node) == 0) return;
    auto [place, fresh] = pending_.try_emplace(node);
    if (fresh) {
      place->second = {edge.node, std::vector<std::vector<Contribution>>(node->outputs().size())};
      order_.emplace(node->order(), node);
    }
    place->second.outputs[static_cast<size_t>(edge.output)].push_back(std::move(contribution));
  }

  void step(Pending& pending) {
    Node& node = *pending.node;
    if (node.released()) {
      throw Error(
          ErrorKind::kState, "backward",
          "the graph was freed by an earlier backward; pass keepGraph: true to that call to walk it twice");
    }
    follow(pending);
    Grads dys;
    for (auto& list : pending.outputs) dys.push_back(total(list));
    collect(pending.node, dys);
    if (targets_ != nullptr && node.inputs().empty()) return;
    Grads grads = node.backward()(dys, outputs_of(pending.node));
    if (node.inputs().empty()) return;
    for (size_t i = 0; i < node.inputs().size() && i < grads.size(); ++i) {
      const Edge& edge = node.inputs()[i];
      if (edge && grads[i]) send(edge, {node.order(), i, fitted(edge, grads[i])});
    }
    if (!walk_.keep_graph && !walk_.create_graph) node.release();
  }

  // The gradient is computed where it is.
  static void follow(const Pending& pending) {
    for (const auto& list : pending.outputs) {
      for (const auto& contribution : list) {
        if (!contribution.grad || contribution.grad.is_constant()) continue;
        if (arithmetic.follow != nullptr) arithmetic.follow(contribution.grad);
        return;
      }
    }
  }

  void collect(const std::shared_ptr<Node>& node, const Grads& dys) {
    if (targets_ == nullptr) return;
    for (size_t i = 0; i < targets_->size(); ++i) {
      const Edge& edge = (*targets_)[i].edge();
      if (edge.node == node) found_[i] = dys[static_cast<size_t>(edge.output)];
    }
  }

  // The kept outputs with their place in the tape again, so that a gradient written with y can be
  // differentiated.
  static std::vector<Tensor> outputs_of(const std::shared_ptr<Node>& node) {
    std::vector<Tensor> ys;
    for (size_t i = 0; i < node->outputs().size(); ++i) {
      const auto& output = node->outputs()[i];
      if (!output.kept) {
        ys.emplace_back();
        continue;
      }
      Tensor y = output.kept.detached();
      if (is_float(y.dtype())) y.set_edge({node, static_cast<int>(i)});
      ys.push_back(std::move(y));
    }
    return ys;
  }

  static Tensor fitted(const Edge& edge, const Tensor& grad) {
    const auto& output = edge.node->outputs()[static_cast<size_t>(edge.output)];
    if (grad.shape() != output.shape) {
      throw Error(
          ErrorKind::kInternal, "backward",
          "a gradient of shape " + grad.shape().text() + " for a value of shape " + output.shape.text());
    }
    return grad.dtype() == output.dtype ? grad : arithmetic.cast(grad, output.dtype);
  }

  Walk walk_;
  const std::vector<Tensor>* targets_;
  Grads found_;
  std::unordered_set<Node*> useful_;
  std::unordered_map<Node*, Pending> pending_;
  std::priority_queue<std::pair<uint64_t, Node*>> order_;
};

Grads walk_back(const Tensor& root, const Tensor& seed, const std::vector<Tensor>* targets, Walk walk) {
  const Tensor start = checked_seed(root, seed);
  const GradMode mode(walk.create_graph);
  const TargetWalk within(targets != nullptr);
  return Walker(walk, targets).run(root, start);
}

std::shared_ptr<Node> leaf_node(DType dtype, const Shape& shape, Backward backward) {
  return std::make_shared<Node>(std::vector<Edge>{}, std::move(backward),
                                std::vector<Node::Output>{{dtype, shape, {}}});
}

}  // namespace

void set_arithmetic(Arithmetic given) { arithmetic = given; }

Tensor read_state(State& state) {
  Tensor value = state.snapshot();
  if (!state.requires_grad() || !grad_enabled()) return value;
  auto node = state.leaf().lock();
  if (!node) {
    std::weak_ptr<State> cell = state.weak_from_this();
    node = leaf_node(state.dtype(), state.shape(),
                     [cell](const Grads& dys, const std::vector<Tensor>&) -> Grads {
                       if (auto target = to_targets ? nullptr : cell.lock()) {
                         target->set_grad(target->grad() ? arithmetic.add(target->grad(), dys[0]) : dys[0]);
                       }
                       return {};
                     });
    state.leaf() = node;
  }
  value.set_edge({node, 0});
  return value;
}

Tensor leaf(const Tensor& x) {
  if (!is_float(x.dtype())) {
    throw Error(ErrorKind::kDType, "grad", std::string("needs a float dtype, got ") + dtype_name(x.dtype()));
  }
  Tensor result = x.detached();
  result.set_edge(
      {leaf_node(x.dtype(), x.shape(), [](const Grads&, const std::vector<Tensor>&) { return Grads{}; }), 0});
  return result;
}

Tensor leaf_into(const Tensor& x, std::shared_ptr<Tensor> slot) {
  Tensor result = x.detached();
  result.set_edge({leaf_node(x.dtype(), x.shape(),
                             [slot = std::move(slot)](const Grads& dys, const std::vector<Tensor>&) {
                               *slot = *slot ? arithmetic.add(*slot, dys[0]) : dys[0];
                               return Grads{};
                             }),
                   0});
  return result;
}

void backward(const Tensor& root, const Tensor& seed, Walk walk) { walk_back(root, seed, nullptr, walk); }

Grads gradients(const Tensor& root, const Tensor& seed, const std::vector<Tensor>& targets, Walk walk) {
  return walk_back(root, seed, &targets, walk);
}

}  // namespace hebb::autograd

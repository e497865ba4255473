// Tensor: an immutable strided view of a storage, with the place it has in the gradient tape.
#pragma once

#include <memory>

#include "core/dtype.h"
#include "core/shape.h"
#include "core/storage.h"

namespace hebb {

namespace autograd {
class Node;
}

// Where a tensor came from: output number `output` of `node`. Empty for a value that needs no gradient.
struct Edge {
  std::shared_ptr<autograd::Node> node;
  int output = 0;
  explicit operator bool() const { return node != nullptr; }
};

class Tensor {
 public:
  Tensor() = default;
  Tensor(std::shared_ptr<Storage> storage, DType dtype, Shape shape, Shape strides, int64_t offset);

  // A value that takes no memory: every element of `shape` is `value`.
  static Tensor constant(DType dtype, double value, const Shape& shape = {});

  bool defined() const { return body_ != nullptr; }
  explicit operator bool() const { return defined(); }

  DType dtype() const { return body_->dtype; }
  const Shape& shape() const { return body_->shape; }
  const Shape& strides() const { return body_->strides; }
  int64_t offset() const { return body_->offset; }
  int rank() const { return body_->shape.rank(); }
  int64_t size() const { return body_->shape.size(); }
  int64_t nbytes() const { return size() * item_size(dtype()); }
  const std::shared_ptr<Storage>& storage() const { return body_->storage; }
  bool is_constant() const { return body_->storage->is_constant(); }
  bool is_contiguous() const;
  // Where its memory is; a constant is wherever it is needed.
  Device device() const { return is_constant() ? Device::kCpu : storage()->block()->owner->device(); }

  const Edge& edge() const { return body_->edge; }
  bool requires_grad() const { return static_cast<bool>(body_->edge); }
  void set_edge(Edge edge) { body_->edge = std::move(edge); }
  // The same memory seen through another geometry, without a place in the tape.
  Tensor view(const Shape& shape, const Shape& strides, int64_t offset) const;
  Tensor detached() const { return view(shape(), strides(), offset()); }

  std::weak_ptr<const void> weak() const { return body_; }

 private:
  struct Body {
    std::shared_ptr<Storage> storage;
    DType dtype;
    Shape shape;
    Shape strides;
    int64_t offset;
    Edge edge;
  };
  std::shared_ptr<Body> body_;
};

}  // namespace hebb

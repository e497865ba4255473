// How element-wise ops reach their kernels: numbers beside tensors, result dtypes, gradients of broadcast
// operands.
#pragma once

#include <functional>
#include <utility>

#include "kernels/elementwise.h"
#include "ops/op.h"
#include "ops/reduce.h"
#include "ops/registry.h"

namespace hebb::ops {

// Two operands and the dtype of their result. A number has become a constant that takes no memory.
struct Pair {
  Tensor a, b;
  DType dtype;
};

// Throws DTypeError where a number is fractional or too large for an integer tensor.
void check_number(const char* op, double number, DType beside);

Pair pair_of(const char* op, const Value& a, const Value& b);
inline Pair pair_of(const char* op, const Tensor& a, const Tensor& b) {
  return pair_of(op, Value{a}, Value{b});
}
inline Pair pair_of(const char* op, const Tensor& a, double b) { return pair_of(op, Value{a}, Value{{}, b}); }
inline Pair pair_of(const char* op, double a, const Tensor& b) { return pair_of(op, Value{{}, a}, Value{b}); }

struct Scalars {
  double values[4] = {};
};

// The kernel alone, without a place in the tape. The result has the dtype and shape of x.
Tensor map(const stream::Slot& slot, const Tensor& x, Scalars scalars = {});
// The result has the broadcast shape; bool where the slot is a predicate.
Tensor map(const char* op, const stream::Slot& slot, const Pair& pair, Scalars scalars = {});
// The gradient kernels: dy and b (x or y) have one shape.
Tensor map_grad(const stream::Slot& slot, const Tensor& dy, const Tensor& b, Scalars scalars = {});

// A gradient by its kernel, or, where it may be differentiated again, by the ops of `plain`.
template <class F>
Tensor fused_grad(const stream::Slot& slot, const Tensor& dy, const Tensor& b, Scalars scalars, F plain) {
  if (autograd::grad_enabled() && (wants(dy) || wants(b))) return plain();
  return map_grad(slot, dy, b, scalars);
}

// Records y = f(a, b): each closure makes its operand's gradient from dy, before the sum that undoes
// broadcasting.
template <class A, class B>
Tensor record_pair(Tensor y, const Pair& pair, A grad_a, B grad_b) {
  if (!autograd::grad_enabled() || !(wants(pair.a) || wants(pair.b))) return y;
  // What an unwanted gradient would need is not kept.
  using Pull = std::function<Tensor(const Tensor&)>;
  const Pull for_a = wants(pair.a) ? Pull(std::move(grad_a)) : Pull();
  const Pull for_b = wants(pair.b) ? Pull(std::move(grad_b)) : Pull();
  return record(
      std::move(y), {pair.a, pair.b},
      [for_a, for_b, a = pair.a.shape(), b = pair.b.shape()](const Tensor& dy) {
        return Grads{for_a ? sum_to(for_a(dy), a) : Tensor(), for_b ? sum_to(for_b(dy), b) : Tensor()};
      });
}

// Records y = f(x) for an f that is constant almost everywhere.
Tensor record_flat(Tensor y, const Tensor& x);

// Registry lines, next to their ops.
std::vector<OpSpec> arithmetic_ops();
std::vector<OpSpec> comparison_ops();
std::vector<OpSpec> function_ops();
std::vector<OpSpec> activation_ops();

}  // namespace hebb::ops

// matmul and linear: one GEMM command each, their gradients again matrix products.
#include "ops/matmul.h"

#include "kernels/gemm.h"
#include "ops/elementwise.h"
#include "ops/environment.h"
#include "ops/families.h"
#include "ops/reduce.h"
#include "ops/shape.h"

namespace hebb::ops {

namespace {

// `shape` with its last two extents replaced by those of a matrix.
Shape with_matrix(const Shape& batch, int64_t rows, int64_t columns) {
  Shape shape = batch;
  shape.push_back(rows);
  shape.push_back(columns);
  return shape;
}

Shape batch_of(const Tensor& x) { return Shape(x.shape().data(), x.rank() - 2); }

// x [.., R, C] seen with the batch axes `batch`: repeated ones have stride 0. Not recorded.
Tensor spread(const Tensor& x, const Shape& batch) {
  const int rank = x.rank(), lead = batch.rank() + 2 - rank;
  Shape strides = with_matrix(batch, x.strides()[rank - 2], x.strides()[rank - 1]);
  for (int i = 0; i < batch.rank(); ++i) {
    strides[i] = i < lead || x.shape()[i - lead] == 1 ? 0 : x.strides()[i - lead];
  }
  return x.view(with_matrix(batch, x.shape()[rank - 2], x.shape()[rank - 1]), strides, x.offset());
}

// activation(a b + bias) of matrices with rank >= 2 and one dtype. Not recorded.
Tensor product(const char* op, const Tensor& a, const Tensor& b, const Tensor& bias, int64_t activation) {
  const Shape batch = broadcast_shapes(op, batch_of(a), batch_of(b));
  const Shape shape = with_matrix(batch, a.shape()[a.rank() - 2], b.shape()[b.rank() - 1]);
  check_extents(op, shape);
  Tensor y = empty(a.dtype(), shape);
  const kernels::GemmParams params{activation, bias.defined(), Environment::current().precision()};
  std::vector<Tensor> inputs{spread(a, batch), spread(b, batch)};
  if (bias.defined()) inputs.push_back(contiguous(bias));
  submit(kernels::gemm, {y}, inputs, params);
  return y;
}

Tensor transposed(const Tensor& x) { return swap_axes(x, -1, -2); }

// All leading axes of x as one.
Tensor rows_of(const Tensor& x) {
  const int64_t columns = x.shape()[x.rank() - 1];
  int64_t rows = 1;
  for (int i = 0; i + 1 < x.rank(); ++i) rows *= x.shape()[i];
  return reshape(x, Shape{rows, columns});
}

// The gradient of b in a b: a^T dy, summed over the axes b was repeated along. For one matrix b that sum is
// part of the product: all rows of a and dy are one axis k.
Tensor right_gradient(const Tensor& a, const Tensor& dy, const Tensor& b) {
  if (b.rank() == 2 && a.rank() > 2) return matmul(transposed(rows_of(a)), rows_of(dy));
  return sum_to(matmul(transposed(a), dy), b.shape());
}

int64_t activation_code(const std::string& name) {
  if (name == "relu") return kernels::kActivationRelu;
  if (name == "sigmoid") return kernels::kActivationSigmoid;
  if (name == "tanh") return kernels::kActivationTanh;
  if (name != "none") {
    value_error("linear", text("activation is '%s'; use 'none', 'relu', 'sigmoid' or 'tanh'", name.c_str()));
  }
  return kernels::kActivationNone;
}

// dy f'(z) for y = f(z), written with y: relu' = [y > 0], sigmoid' = y (1 - y), tanh' = (1 - y)(1 + y).
Tensor before_activation(const Tensor& dy, const Tensor& y, int64_t activation) {
  const Tensor one = Tensor::constant(y.dtype(), 1);
  switch (activation) {
    case kernels::kActivationRelu:
      return mul(dy, cast(greater(y, Tensor::constant(y.dtype(), 0)), y.dtype()));
    case kernels::kActivationSigmoid:
      return mul(dy, mul(y, sub(one, y)));
    case kernels::kActivationTanh:
      return mul(dy, mul(sub(one, y), add(one, y)));
    default:
      return dy;
  }
}

Tensor as_dtype(const Tensor& x, DType dtype) { return x.dtype() == dtype ? x : cast(x, dtype); }

void check_matmul(const Tensor& a, const Tensor& b) {
  const std::string shapes = a.shape().text() + " x " + b.shape().text();
  if (a.rank() == 0 || b.rank() == 0) shape_error("matmul", "a scalar operand: " + shapes + "; use mul");
  const int64_t inner_a = a.shape()[a.rank() - 1], inner_b = b.shape()[b.rank() == 1 ? 0 : b.rank() - 2];
  if (inner_a != inner_b) {
    shape_error("matmul", text("inner sizes differ: %s (%lld vs %lld)", shapes.c_str(),
                               static_cast<long long>(inner_a), static_cast<long long>(inner_b)));
  }
}

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b) {
  check_matmul(a, b);
  const DType dtype = promote(a.dtype(), b.dtype());
  if (a.dtype() != dtype || b.dtype() != dtype) return matmul(as_dtype(a, dtype), as_dtype(b, dtype));
  if (a.rank() == 1) {
    const Tensor y = matmul(reshape(a, Shape{1, a.shape()[0]}), b);
    Shape shape = y.shape();
    shape.erase(b.rank() == 1 ? shape.rank() - 1 : shape.rank() - 2);
    return reshape(y, shape);
  }
  if (b.rank() == 1) {
    const Tensor y = matmul(a, reshape(b, Shape{b.shape()[0], 1}));
    Shape shape = y.shape();
    shape.erase(shape.rank() - 1);
    return reshape(y, shape);
  }
  Tensor y = product("matmul", a, b, {}, kernels::kActivationNone);
  return record(y, {a, b}, [a, b](const Tensor& dy) {
    return Grads{wants(a) ? sum_to(matmul(dy, transposed(b)), a.shape()) : Tensor(),
                 wants(b) ? right_gradient(a, dy, b) : Tensor()};
  });
}

Tensor linear(const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias,
              const std::string& activation) {
  const int64_t code = activation_code(activation);
  if (weight.rank() != 2)
    shape_error("linear", "weight is " + weight.shape().text() + "; it must be [out, in]");
  if (x.rank() == 0 || x.shape()[x.rank() - 1] != weight.shape()[1]) {
    shape_error("linear", "x " + x.shape().text() + " does not fit weight " + weight.shape().text() +
                              "; its last axis must be " + std::to_string(weight.shape()[1]));
  }
  if (bias && (bias->rank() != 1 || bias->shape()[0] != weight.shape()[0])) {
    shape_error("linear", "bias is " + bias->shape().text() + "; with weight " + weight.shape().text() +
                              " it must be [" + std::to_string(weight.shape()[0]) + "]");
  }
  DType dtype = promote(x.dtype(), weight.dtype());
  if (bias) dtype = promote(dtype, bias->dtype());
  if (x.rank() == 1) {
    return reshape(linear(reshape(x, Shape{1, x.shape()[0]}), weight, bias, activation),
                   Shape{weight.shape()[0]});
  }
  const Tensor in = as_dtype(x, dtype), w = as_dtype(weight, dtype),
               b = bias ? as_dtype(*bias, dtype) : Tensor();
  Tensor y =
      product("linear", in,
              w.view({w.shape()[1], w.shape()[0]}, {w.strides()[1], w.strides()[0]}, w.offset()), b, code);
  std::vector<Tensor> inputs{in, w};
  if (b.defined()) inputs.push_back(b);
  const auto backward = [in, w, b](const Tensor& dz) {
    Grads grads{wants(in) ? matmul(dz, w) : Tensor(),
                wants(w) ? matmul(transposed(rows_of(dz)), rows_of(in)) : Tensor()};
    if (b.defined()) grads.push_back(wants(b) ? sum_to(dz, b.shape()) : Tensor());
    return grads;
  };
  if (code == kernels::kActivationNone) return record(y, inputs, backward);
  return record(y, inputs, [backward, code](const Tensor& dy, const Tensor& out) {
    return backward(before_activation(dy, out, code));
  });
}

std::vector<OpSpec> matmul_ops() {
  return {
      op("matmul", &matmul, DTypes::kFloats, Result::kPromote, kPlain,
         "sum over k of a[.., m, k] b[.., k, n], batch axes broadcast; a vector is a row on the left, a "
         "column on the "
         "right.",
         arg("a"), arg("b")),
      op("linear", &linear, DTypes::kFloats, Result::kPromote, kPlain,
         "activation(x W^T + bias) for x [.., in], weight W [out, in] and bias [out].", arg("x"),
         arg("weight"), optional("bias"),
         arg("activation", "'none'").among({"none", "relu", "sigmoid", "tanh"})),
  };
}

}  // namespace hebb::ops

// Activations: functions of one operand with a gradient kernel beside the plain form.
#include "ops/elementwise.h"
#include "ops/map.h"

namespace hebb::ops {

Tensor tanh(const Tensor& x) {
  return record(map(kernels::tanh, x), {x}, [](const Tensor& dy, const Tensor& y) {
    return Grads{fused_grad(kernels::tanh_grad, dy, y, {}, [&] { return mul(dy, sub(1, square(y))); })};
  });
}

Tensor sigmoid(const Tensor& x) {
  return record(map(kernels::sigmoid, x), {x}, [](const Tensor& dy, const Tensor& y) {
    return Grads{fused_grad(kernels::sigmoid_grad, dy, y, {}, [&] { return mul(dy, mul(y, sub(1, y))); })};
  });
}

// y, not x, is kept: it is positive exactly where x is, and is often kept by the next op as well.
Tensor relu(const Tensor& x) {
  return record(map(kernels::relu, x), {x}, [](const Tensor& dy, const Tensor& y) {
    return Grads{fused_grad(kernels::relu_grad, dy, y, {}, [&] { return where(greater(y, 0), dy, 0); })};
  });
}

Tensor leaky_relu(const Tensor& x, double slope) {
  return record(map(kernels::leaky_relu, x, {{slope}}), {x}, [x, slope](const Tensor& dy) {
    return Grads{fused_grad(kernels::leaky_relu_grad, dy, x, {{slope}},
                            [&] { return where(greater(x, 0), dy, mul(dy, slope)); })};
  });
}

// scale alpha (e^x - 1) below 0, scale x above.
static Tensor scaled_elu(const Tensor& x, double scale, double alpha) {
  const Scalars scalars{{scale * alpha, scale}};
  return record(map(kernels::elu, x, scalars), {x}, [x, scalars](const Tensor& dy) {
    return Grads{fused_grad(kernels::elu_grad, dy, x, scalars, [&] {
      const Tensor below = mul(exp(minimum(x, 0)), scalars.values[0]);
      return mul(dy, where(greater(x, 0), scalars.values[1], below));
    })};
  });
}

Tensor elu(const Tensor& x, double alpha) { return scaled_elu(x, 1, alpha); }

// The factors keep mean 0 and variance 1 from layer to layer (Klambauer, Unterthiner, Mayr, Hochreiter 2017).
Tensor selu(const Tensor& x) { return scaled_elu(x, 1.0507009873554805, 1.6732632423543772); }

static Tensor gelu_exact(const Tensor& x) {
  return record(map(kernels::gelu, x), {x}, [x](const Tensor& dy) {
    return Grads{fused_grad(kernels::gelu_grad, dy, x, {}, [&] {
      constexpr double kRootHalf = 0.7071067811865476, kDensity = 0.3989422804014327;
      const Tensor share = mul(add(erf(mul(x, kRootHalf)), 1), 0.5);
      return mul(dy, add(share, mul(x, mul(exp(mul(square(x), -0.5)), kDensity))));
    })};
  });
}

static Tensor gelu_by_tanh(const Tensor& x) {
  return record(map(kernels::gelu_tanh, x), {x}, [x](const Tensor& dy) {
    return Grads{fused_grad(kernels::gelu_tanh_grad, dy, x, {}, [&] {
      constexpr double kFactor = 0.7978845608028654, kCubic = 0.044715;
      const Tensor squared = square(x);
      const Tensor t = tanh(mul(mul(x, kFactor), add(mul(squared, kCubic), 1)));
      const Tensor slope = mul(add(mul(squared, 3 * kCubic), 1), kFactor);
      return mul(dy, mul(add(add(t, 1), mul(mul(x, sub(1, square(t))), slope)), 0.5));
    })};
  });
}

Tensor gelu(const Tensor& x, bool tanh_form) { return tanh_form ? gelu_by_tanh(x) : gelu_exact(x); }

Tensor silu(const Tensor& x) {
  return record(map(kernels::silu, x), {x}, [x](const Tensor& dy) {
    return Grads{fused_grad(kernels::silu_grad, dy, x, {}, [&] {
      const Tensor s = sigmoid(x);
      return mul(dy, mul(s, add(mul(x, sub(1, s)), 1)));
    })};
  });
}

Tensor softplus(const Tensor& x) {
  return record(map(kernels::softplus, x), {x}, [x](const Tensor& dy) { return Grads{mul(dy, sigmoid(x))}; });
}

std::vector<OpSpec> activation_ops() {
  const auto x = [](const char* name, Tensor (*function)(const Tensor&), const char* doc) {
    return op(name, function, DTypes::kFloats, Result::kSame, kPlain, doc, arg("x"));
  };
  return {
      x("tanh", &tanh, "The hyperbolic tangent of x."),
      x("sigmoid", &sigmoid, "1 / (1 + e^-x)."),
      x("relu", &relu, "max(x, 0); the gradient at 0 is 0."),
      op("leaky_relu", &leaky_relu, DTypes::kFloats, Result::kSame, kPlain, "x where x > 0, else slope x.",
         arg("x"), arg("slope", 0.01)),
      op("elu", &elu, DTypes::kFloats, Result::kSame, kPlain, "x where x > 0, else alpha (e^x - 1).",
         arg("x"), arg("alpha", 1.0)),
      x("selu", &selu, "1.0507 x where x > 0, else 1.7581 (e^x - 1): the self-normalising elu."),
      op("gelu", &gelu, DTypes::kFloats, Result::kSame, kPlain,
         "x Phi(x), Phi the standard normal distribution; with tanh, its approximation "
         "x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2.",
         arg("x"), arg("tanh", false)),
      x("silu", &silu, "x sigmoid(x)."),
      x("softplus", &softplus, "log(1 + e^x), without overflow for large x."),
  };
}

}  // namespace hebb::ops

// What an optimizer does to one element: the same roundings on every device, without FMA.
#pragma once

#include "core/inline.h"
#include "kernels/optimizer.h"
#include "kernels/root.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

// base to a whole power, by squaring: the same bits everywhere, which pow() does not promise.
HEBB_INLINE double power(double base, int64_t exponent) {
  double result = 1;
  for (; exponent > 0; exponent >>= 1, base *= base) {
    if (exponent & 1) result *= base;
  }
  return result;
}

// What depends on the step count, which differs between parameters that were skipped.
struct StepScalars {
  double a;
  double b;
};

// a: what the old momentum counts, b: what the gradient adds; the first step takes the gradient as it is.
HEBB_INLINE StepScalars sgd_scalars(const SgdParams& params, int32_t step) {
  if (step == 0) return {0, 1};
  return {params.momentum, 1 - params.dampening};
}

template <class T>
struct SgdStep {
  T lr, decay, sign, momentum, old, add;
  bool decays, nesterov;

  HEBB_INLINE SgdStep(const SgdParams& params, const StepScalars& scalars, double rate)
      : lr(static_cast<T>(rate)),
        decay(static_cast<T>(params.weight_decay)),
        sign(params.maximize ? T(-1) : T(1)),
        momentum(static_cast<T>(params.momentum)),
        old(static_cast<T>(scalars.a)),
        add(static_cast<T>(scalars.b)),
        decays(params.weight_decay != 0),
        nesterov(params.nesterov) {}

  HEBB_INLINE void plain(T& p, T grad) const {
    const T g = sign * grad;
    p = p - lr * (decays ? g + decay * p : g);
  }
  HEBB_INLINE void with_momentum(T& p, T& buffer, T grad) const {
    const T plain = sign * grad;
    const T g = decays ? plain + decay * p : plain;
    const T b = old * buffer + add * g;
    buffer = b;
    p = p - lr * (nesterov ? g + momentum * b : b);
  }
};

// a: lr / (1 - beta1^t), b: 1 / sqrt(1 - beta2^t), the bias corrections of step t = step + 1.
HEBB_INLINE StepScalars adam_scalars(const AdamParams& params, double rate, int32_t step) {
  const int64_t t = int64_t{step} + 1;
  return {rate / (1 - power(params.beta1, t)), 1 / root(1 - power(params.beta2, t))};
}

template <class T>
struct AdamStep {
  T size, correction, eps, take1, take2, keep2, shrink, decay;
  bool adds;

  // Decoupled decay (AdamW) shrinks the parameter, the other kind adds to the gradient.
  HEBB_INLINE AdamStep(const AdamParams& params, const StepScalars& scalars, double rate)
      : size(static_cast<T>(scalars.a)),
        correction(static_cast<T>(scalars.b)),
        eps(static_cast<T>(params.eps)),
        take1(static_cast<T>(1 - params.beta1)),
        take2(static_cast<T>(1 - params.beta2)),
        keep2(static_cast<T>(params.beta2)),
        shrink(params.decoupled ? static_cast<T>(1 - rate * params.weight_decay) : T(1)),
        decay(static_cast<T>(params.weight_decay)),
        adds(!params.decoupled && params.weight_decay != 0) {}

  HEBB_INLINE void moments(T p, T& m, T& v, T grad) const {
    const T g = adds ? grad + decay * p : grad;
    m = m + take1 * (g - m);
    v = keep2 * v + take2 * g * g;
  }
  HEBB_INLINE void plain(T& p, T& m, T& v, T grad) const {
    moments(p, m, v, grad);
    p = shrink * p - size * (m / (root(v) * correction + eps));
  }
  HEBB_INLINE void with_most(T& p, T& m, T& v, T& most, T grad) const {
    moments(p, m, v, grad);
    // Written so that a NaN in v stays one.
    most = v <= most ? most : v;
    p = shrink * p - size * (m / (root(most) * correction + eps));
  }
};

}  // namespace
}  // namespace hebb::kernels::HEBB_ISA

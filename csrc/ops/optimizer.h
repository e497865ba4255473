// Fused optimizer steps over lists of states.
#pragma once

#include <memory>
#include <vector>

#include "core/state.h"

namespace hebb::ops {

using States = std::vector<std::shared_ptr<State>>;

// `momenta` and `steps` are empty where momentum is 0; they start as zeros.
void sgd_step(const States& params, const States& momenta, const States& steps,
              const std::vector<Tensor>& grads, const Tensor& lr, double momentum, double dampening,
              bool nesterov, double weight_decay, bool maximize);

// `vmax` is empty unless amsgrad; all moments and steps start as zeros. Decoupled decay is AdamW's.
void adam_step(const States& params, const States& m, const States& v, const States& vmax,
               const States& steps, const std::vector<Tensor>& grads, const Tensor& lr, double beta1,
               double beta2, double eps, double weight_decay, bool decoupled, bool amsgrad);

}  // namespace hebb::ops

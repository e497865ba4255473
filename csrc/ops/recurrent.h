// Recurrent layers over whole sequences, batch first.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ops/op.h"

namespace hebb::ops {

// x [batch, time, features], h0 [batch, hidden], weight_ih [G hidden, features], weight_hh [G hidden,
// hidden], biases [G hidden] with G gates; gives y [batch, time, hidden] and the last h.
std::vector<Tensor> rnn(const Tensor& x, const Tensor& h0, const Tensor& weight_ih, const Tensor& weight_hh,
                        const std::optional<Tensor>& bias_ih, const std::optional<Tensor>& bias_hh,
                        const std::string& nonlinearity, bool reverse);
// And c0 [batch, hidden]; gives the last c as well. Gates i, f, g, o.
std::vector<Tensor> lstm(const Tensor& x, const Tensor& h0, const Tensor& c0, const Tensor& weight_ih,
                         const Tensor& weight_hh, const std::optional<Tensor>& bias_ih,
                         const std::optional<Tensor>& bias_hh, bool reverse);
// Gates r, z, n.
std::vector<Tensor> gru(const Tensor& x, const Tensor& h0, const Tensor& weight_ih, const Tensor& weight_hh,
                        const std::optional<Tensor>& bias_ih, const std::optional<Tensor>& bias_hh,
                        bool reverse);

}  // namespace hebb::ops

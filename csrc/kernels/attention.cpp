// The slots of attention: names, traits and the parameter layout.
#include "kernels/attention.h"

#include <cstddef>

namespace hebb::kernels {

namespace {

using stream::Field;
using stream::FieldType;
using stream::Layout;

constexpr Field kAttentionFields[] = {
    {"scale", FieldType::kFloat, offsetof(AttentionParams, scale), 1},
    {"causal", FieldType::kBool, offsetof(AttentionParams, causal), 1},
    {"precision", FieldType::kInt, offsetof(AttentionParams, precision), 1},
};
constexpr Layout kAttentionLayout{"attention", sizeof(AttentionParams), 3, kAttentionFields};

// Q K^T and P V; the gradient makes the scores again and has four more products. Causal ones do half.
double products(const stream::Command& command, int q, double share) {
  const auto extent = [&](int operand, int back) {
    return static_cast<double>(command[operand].shape[command[operand].rank - back]);
  };
  const double pairs = static_cast<double>(command[q].size()) / extent(q, 1) * extent(q + 1, 2);
  const double one = 2 * pairs * (extent(q, 1) + extent(q + 2, 1)) * share;
  return command.param<AttentionParams>().causal ? one / 2 : one;
}
double attention_flops(const stream::Command& command) { return products(command, 2, 1); }
double attention_grad_flops(const stream::Command& command) { return products(command, 3, 2.5); }

}  // namespace

stream::Slot attention{.name = "attention",
                       .traits = {.min_inputs = 3, .takes_strides = true},
                       .params = &kAttentionLayout,
                       .flops = &attention_flops};
stream::Slot attention_grad{.name = "attention_grad",
                            .traits = {.min_inputs = 6, .takes_strides = true},
                            .params = &kAttentionLayout,
                            .flops = &attention_grad_flops};

}  // namespace hebb::kernels

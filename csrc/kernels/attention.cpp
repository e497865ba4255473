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
};
constexpr Layout kAttentionLayout{"attention", sizeof(AttentionParams), 2, kAttentionFields};

}  // namespace

stream::Slot attention{"attention", {.min_inputs = 3, .takes_strides = true}, &kAttentionLayout};
stream::Slot attention_grad{"attention_grad", {.min_inputs = 6, .takes_strides = true}, &kAttentionLayout};

}  // namespace hebb::kernels

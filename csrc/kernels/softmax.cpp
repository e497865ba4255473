// The slots of softmax and cross-entropy: names, traits and parameter layouts.
#include "kernels/softmax.h"

#include <cstddef>

namespace hebb::kernels {

namespace {

using stream::Field;
using stream::FieldType;
using stream::Layout;

constexpr Field kCrossEntropyFields[] = {
    {"ignore_index", FieldType::kInt, offsetof(CrossEntropyParams, ignore_index), 1},
    {"label_smoothing", FieldType::kFloat, offsetof(CrossEntropyParams, label_smoothing), 1},
};
constexpr Layout kCrossEntropyLayout{"cross_entropy", sizeof(CrossEntropyParams), 2, kCrossEntropyFields};

}  // namespace

stream::Slot softmax{"softmax", {.min_inputs = 1}};
stream::Slot log_softmax{"log_softmax", {.min_inputs = 1}};
stream::Slot softmax_grad{"softmax_grad", {.min_inputs = 2}};
stream::Slot log_softmax_grad{"log_softmax_grad", {.min_inputs = 2}};
stream::Slot cross_entropy{
    .name = "cross_entropy",
    .traits = {.min_inputs = 2, .guard = true},
    .params = &kCrossEntropyLayout,
    .fault_text = "cross_entropy: target {value} at row {position} is out of range; use 0..{limit}",
    .checked = 4};
stream::Slot cross_entropy_grad{"cross_entropy_grad", {.min_inputs = 4}, &kCrossEntropyLayout};

}  // namespace hebb::kernels

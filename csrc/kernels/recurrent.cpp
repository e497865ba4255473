// The slots of the recurrent layers.
#include "kernels/recurrent.h"

#include <cstddef>

namespace hebb::kernels {

namespace {

using stream::FieldType;

constexpr stream::Field kRecurrentFields[] = {
    {"reverse", FieldType::kBool, offsetof(RecurrentParams, reverse), 1},
    {"relu", FieldType::kBool, offsetof(RecurrentParams, relu), 1},
    {"has_bias", FieldType::kBool, offsetof(RecurrentParams, has_bias), 1},
    {"saves", FieldType::kBool, offsetof(RecurrentParams, saves), 1},
    {"has_dy", FieldType::kBool, offsetof(RecurrentParams, has_dy), 1},
    {"has_dh", FieldType::kBool, offsetof(RecurrentParams, has_dh), 1},
    {"has_dc", FieldType::kBool, offsetof(RecurrentParams, has_dc), 1},
    {"precision", FieldType::kInt, offsetof(RecurrentParams, precision), 1},
};
constexpr stream::Layout kRecurrentLayout{"recurrent", sizeof(RecurrentParams), 8, kRecurrentFields};

// The product with the weight of h at every step; the gradient has as much.
double step_flops(const stream::Operand& all, const stream::Operand& weight) {
  const double steps = static_cast<double>(all.shape[0] * all.shape[1]);
  return 2 * steps * static_cast<double>(weight.size());
}
template <bool kForward>
double flops(const stream::Command& command) {
  return step_flops(command[0], command[sequence_weight(command, kForward)]);
}

}  // namespace

stream::Slot rnn_sequence{
    .name = "rnn_sequence", .traits = {.min_inputs = 3}, .params = &kRecurrentLayout, .flops = &flops<true>};
stream::Slot lstm_sequence{
    .name = "lstm_sequence", .traits = {.min_inputs = 3}, .params = &kRecurrentLayout, .flops = &flops<true>};
stream::Slot gru_sequence{
    .name = "gru_sequence", .traits = {.min_inputs = 2}, .params = &kRecurrentLayout, .flops = &flops<true>};
// The weight has been packed and the first states copied before d is written, and what else a step reads it
// reads before it writes the same elements of d.
stream::Slot rnn_sequence_grad{.name = "rnn_sequence_grad",
                               .traits = {.min_inputs = 2, .in_place = true},
                               .params = &kRecurrentLayout,
                               .flops = &flops<false>};
stream::Slot lstm_sequence_grad{.name = "lstm_sequence_grad",
                                .traits = {.min_inputs = 4, .in_place = true},
                                .params = &kRecurrentLayout,
                                .flops = &flops<false>};
stream::Slot gru_sequence_grad{.name = "gru_sequence_grad",
                               .traits = {.min_inputs = 5, .in_place = true},
                               .params = &kRecurrentLayout,
                               .flops = &flops<false>};

}  // namespace hebb::kernels

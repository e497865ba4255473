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
};
constexpr stream::Layout kRecurrentLayout{"recurrent", sizeof(RecurrentParams), 7, kRecurrentFields};

// The product with the weight of h at every step; the gradient has as much.
double step_flops(const stream::Operand& all, const stream::Operand& weight) {
  const double steps = static_cast<double>(all.shape[0] * all.shape[1]);
  return 2 * steps * static_cast<double>(weight.size());
}
double of_y(const stream::Command& command, int weight) { return step_flops(command[0], command[weight]); }
// Behind the results, of which some are there only where they are asked for.
int first_input(const stream::Command& command) {
  int at = 0;
  while (command[at].role != stream::Role::kIn) ++at;
  return at;
}
double forward_flops(const stream::Command& command) { return of_y(command, first_input(command) + 1); }
double gradient_flops(const stream::Command& command) { return of_y(command, first_input(command)); }

}  // namespace

stream::Slot rnn_sequence{.name = "rnn_sequence",
                          .traits = {.min_inputs = 3},
                          .params = &kRecurrentLayout,
                          .flops = &forward_flops};
stream::Slot lstm_sequence{.name = "lstm_sequence",
                           .traits = {.min_inputs = 4},
                           .params = &kRecurrentLayout,
                           .flops = &forward_flops};
stream::Slot gru_sequence{.name = "gru_sequence",
                          .traits = {.min_inputs = 3},
                          .params = &kRecurrentLayout,
                          .flops = &forward_flops};
stream::Slot rnn_sequence_grad{.name = "rnn_sequence_grad",
                               .traits = {.min_inputs = 2},
                               .params = &kRecurrentLayout,
                               .flops = &gradient_flops};
stream::Slot lstm_sequence_grad{.name = "lstm_sequence_grad",
                                .traits = {.min_inputs = 3},
                                .params = &kRecurrentLayout,
                                .flops = &gradient_flops};
stream::Slot gru_sequence_grad{.name = "gru_sequence_grad",
                               .traits = {.min_inputs = 4},
                               .params = &kRecurrentLayout,
                               .flops = &gradient_flops};

}  // namespace hebb::kernels

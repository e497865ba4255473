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

}  // namespace

stream::Slot rnn_sequence{"rnn_sequence", {.min_inputs = 3}, &kRecurrentLayout};
stream::Slot lstm_sequence{"lstm_sequence", {.min_inputs = 4}, &kRecurrentLayout};
stream::Slot gru_sequence{"gru_sequence", {.min_inputs = 3}, &kRecurrentLayout};
stream::Slot rnn_sequence_grad{"rnn_sequence_grad", {.min_inputs = 2}, &kRecurrentLayout};
stream::Slot lstm_sequence_grad{"lstm_sequence_grad", {.min_inputs = 3}, &kRecurrentLayout};
stream::Slot gru_sequence_grad{"gru_sequence_grad", {.min_inputs = 4}, &kRecurrentLayout};

}  // namespace hebb::kernels

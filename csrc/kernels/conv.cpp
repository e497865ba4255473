// Defines the convolution slots.
#include "kernels/conv.h"

#include <cstddef>

namespace hebb::kernels {

namespace {

using stream::FieldType;

constexpr stream::Field kConvFields[] = {
    {"stride", FieldType::kInt, offsetof(ConvParams, stride), 2},
    {"dilation", FieldType::kInt, offsetof(ConvParams, dilation), 2},
    {"before", FieldType::kInt, offsetof(ConvParams, before), 2},
    {"groups", FieldType::kInt, offsetof(ConvParams, groups), 1},
    {"activation", FieldType::kInt, offsetof(ConvParams, activation), 1},
    {"has_bias", FieldType::kBool, offsetof(ConvParams, has_bias), 1},
};
constexpr stream::Layout kConvLayout{"conv", sizeof(ConvParams), 6, kConvFields};

}  // namespace

stream::Slot conv2d{.name = "conv2d", .traits = {.min_inputs = 2}, .params = &kConvLayout};
stream::Slot conv2d_input_grad{
    .name = "conv2d_input_grad", .traits = {.min_inputs = 2}, .params = &kConvLayout};
stream::Slot conv2d_weight_grad{
    .name = "conv2d_weight_grad", .traits = {.min_inputs = 2}, .params = &kConvLayout};

}  // namespace hebb::kernels

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
    {"method", FieldType::kInt, offsetof(ConvParams, method), 1},
    {"precision", FieldType::kInt, offsetof(ConvParams, precision), 1},
};
constexpr stream::Layout kConvLayout{"conv", sizeof(ConvParams), 8, kConvFields};

// By ConvMethod.
constexpr const char* kMethodNames[] = {"by shape", "direct", "winograd", "tiles"};
constexpr stream::Methods kConvMethods{offsetof(ConvParams, method), 4, kMethodNames};

// A product and a sum for each output element and each weight of its channel; padding counts like the rest.
double work(const stream::Operand& y, const stream::Operand& weight) {
  return 2.0 * static_cast<double>(y.size()) *
         static_cast<double>(weight.shape[1] * weight.shape[2] * weight.shape[3]);
}
double conv_flops(const stream::Command& command) { return work(command[0], command[2]); }
double input_grad_flops(const stream::Command& command) { return work(command[1], command[2]); }
double weight_grad_flops(const stream::Command& command) { return work(command[2], command[0]); }

}  // namespace

stream::Slot conv2d{.name = "conv2d",
                    .traits = {.min_inputs = 2, .epilogue = true},
                    .params = &kConvLayout,
                    .flops = &conv_flops,
                    .methods = &kConvMethods};
stream::Slot conv2d_input_grad{.name = "conv2d_input_grad",
                               .traits = {.min_inputs = 2, .epilogue = true},
                               .params = &kConvLayout,
                               .flops = &input_grad_flops,
                               .methods = &kConvMethods};
stream::Slot conv2d_weight_grad{.name = "conv2d_weight_grad",
                                .traits = {.min_inputs = 2},
                                .params = &kConvLayout,
                                .flops = &weight_grad_flops,
                                .methods = &kConvMethods};

}  // namespace hebb::kernels

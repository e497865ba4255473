// The slots of the normalisations: names, traits and parameter layouts.
#include "kernels/norm.h"

#include <cstddef>

namespace hebb::kernels {

namespace {

using stream::Field;
using stream::FieldType;
using stream::Layout;

constexpr Field kNormFields[] = {
    {"eps", FieldType::kFloat, offsetof(NormParams, eps), 1},
    {"weight", FieldType::kBool, offsetof(NormParams, weight), 1},
    {"bias", FieldType::kBool, offsetof(NormParams, bias), 1},
};
constexpr Layout kNormLayout{"norm", sizeof(NormParams), 3, kNormFields};

constexpr Field kLayerNormGradFields[] = {
    {"weight", FieldType::kBool, offsetof(LayerNormGradParams, weight), 1},
    {"sums", FieldType::kBool, offsetof(LayerNormGradParams, sums), 1},
};
constexpr Layout kLayerNormGradLayout{"layer_norm_grad", sizeof(LayerNormGradParams), 2,
                                      kLayerNormGradFields};

constexpr Field kBatchNormUpdateFields[] = {
    {"momentum", FieldType::kFloat, offsetof(BatchNormUpdateParams, momentum), 1},
    {"correction", FieldType::kFloat, offsetof(BatchNormUpdateParams, correction), 1},
    {"cumulative", FieldType::kBool, offsetof(BatchNormUpdateParams, cumulative), 1},
};
constexpr Layout kBatchNormUpdateLayout{"batch_norm_update", sizeof(BatchNormUpdateParams), 3,
                                        kBatchNormUpdateFields};

}  // namespace

stream::Slot layer_norm{"layer_norm", {.min_inputs = 1, .epilogue = true}, &kNormLayout};
stream::Slot layer_norm_grad{"layer_norm_grad", {.min_inputs = 3, .epilogue = true}, &kLayerNormGradLayout};
stream::Slot batch_norm{.name = "batch_norm",
                        .traits = {.min_inputs = 1, .epilogue = true},
                        .params = &kNormLayout,
                        .again = &batch_norm_eval};
stream::Slot batch_norm_eval{"batch_norm_eval", {.min_inputs = 3, .epilogue = true}, &kNormLayout};
stream::Slot batch_norm_grad{"batch_norm_grad", {.min_inputs = 4, .epilogue = true}, &kNormLayout};
stream::Slot batch_norm_update{"batch_norm_update", {.writes_state = true}, &kBatchNormUpdateLayout};

}  // namespace hebb::kernels

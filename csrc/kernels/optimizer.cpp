// The optimizer slots: traits and the named fields of their parameters.
#include "kernels/optimizer.h"

namespace hebb::kernels {

namespace {

using stream::Field;
using stream::FieldType;
using stream::Layout;

constexpr Field kSgdFields[] = {{"count", FieldType::kInt, offsetof(SgdParams, count), 1},
                                {"momentum", FieldType::kFloat, offsetof(SgdParams, momentum), 1},
                                {"dampening", FieldType::kFloat, offsetof(SgdParams, dampening), 1},
                                {"weightDecay", FieldType::kFloat, offsetof(SgdParams, weight_decay), 1},
                                {"nesterov", FieldType::kBool, offsetof(SgdParams, nesterov), 1},
                                {"maximize", FieldType::kBool, offsetof(SgdParams, maximize), 1}};
constexpr Field kAdamFields[] = {{"count", FieldType::kInt, offsetof(AdamParams, count), 1},
                                 {"beta1", FieldType::kFloat, offsetof(AdamParams, beta1), 1},
                                 {"beta2", FieldType::kFloat, offsetof(AdamParams, beta2), 1},
                                 {"eps", FieldType::kFloat, offsetof(AdamParams, eps), 1},
                                 {"weightDecay", FieldType::kFloat, offsetof(AdamParams, weight_decay), 1},
                                 {"decoupled", FieldType::kBool, offsetof(AdamParams, decoupled), 1},
                                 {"amsgrad", FieldType::kBool, offsetof(AdamParams, amsgrad), 1}};

constexpr Layout kSgdLayout{"SgdParams", sizeof(SgdParams), 6, kSgdFields};
constexpr Layout kAdamLayout{"AdamParams", sizeof(AdamParams), 7, kAdamFields};

}  // namespace

stream::Slot sgd_step{.name = "sgd_step",
                      .traits = {.min_inputs = 2, .writes_state = true, .lists = true},
                      .params = &kSgdLayout};
stream::Slot adam_step{.name = "adam_step",
                       .traits = {.min_inputs = 2, .writes_state = true, .lists = true},
                       .params = &kAdamLayout};

}  // namespace hebb::kernels

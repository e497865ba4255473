// Defines the pooling slots.
#include "kernels/pool.h"

#include <cstddef>

namespace hebb::kernels {

namespace {

using stream::FieldType;

constexpr stream::Field kPoolFields[] = {
    {"size", FieldType::kInt, offsetof(PoolParams, size), 2},
    {"stride", FieldType::kInt, offsetof(PoolParams, stride), 2},
    {"dilation", FieldType::kInt, offsetof(PoolParams, dilation), 2},
    {"before", FieldType::kInt, offsetof(PoolParams, before), 2},
    {"after", FieldType::kInt, offsetof(PoolParams, after), 2},
    {"count_pads", FieldType::kBool, offsetof(PoolParams, count_pads), 1},
};
constexpr stream::Layout kPoolLayout{"pool", sizeof(PoolParams), 6, kPoolFields};

}  // namespace

stream::Slot max_pool2d{
    .name = "max_pool2d", .traits = {.min_inputs = 1, .epilogue = true}, .params = &kPoolLayout};
stream::Slot max_pool2d_grad{
    .name = "max_pool2d_grad", .traits = {.min_inputs = 2, .epilogue = true}, .params = &kPoolLayout};
stream::Slot max_pool2d_pick{
    .name = "max_pool2d_pick", .traits = {.min_inputs = 2, .epilogue = true}, .params = &kPoolLayout};
stream::Slot avg_pool2d{
    .name = "avg_pool2d", .traits = {.min_inputs = 1, .epilogue = true}, .params = &kPoolLayout};
stream::Slot avg_pool2d_grad{
    .name = "avg_pool2d_grad", .traits = {.min_inputs = 1, .epilogue = true}, .params = &kPoolLayout};

}  // namespace hebb::kernels

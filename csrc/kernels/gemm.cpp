// Defines the gemm slot.
#include "kernels/gemm.h"

#include <cstddef>

namespace hebb::kernels {

namespace {

constexpr stream::Field kGemmFields[] = {
    {"activation", stream::FieldType::kInt, offsetof(GemmParams, activation), 1},
    {"has_bias", stream::FieldType::kBool, offsetof(GemmParams, has_bias), 1},
};
constexpr stream::Layout kGemmLayout{"gemm", sizeof(GemmParams), 2, kGemmFields};

}  // namespace

stream::Slot gemm{"gemm", {.min_inputs = 2, .takes_strides = true}, &kGemmLayout};

}  // namespace hebb::kernels

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

// A product and a sum for each element of C and each k.
double gemm_flops(const stream::Command& command) {
  const stream::Operand &c = command[0], &a = command[1];
  return 2.0 * static_cast<double>(c.size()) * static_cast<double>(a.shape[a.rank - 1]);
}

}  // namespace

stream::Slot gemm{.name = "gemm",
                  .traits = {.min_inputs = 2, .takes_strides = true, .epilogue = true},
                  .params = &kGemmLayout,
                  .flops = &gemm_flops};

}  // namespace hebb::kernels

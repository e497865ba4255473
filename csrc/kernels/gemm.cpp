// Defines the slots of matrix products.
#include "kernels/gemm.h"

#include <cstddef>

namespace hebb::kernels {

namespace {

constexpr stream::Field kGemmFields[] = {
    {"activation", stream::FieldType::kInt, offsetof(GemmParams, activation), 1},
    {"has_bias", stream::FieldType::kBool, offsetof(GemmParams, has_bias), 1},
    {"precision", stream::FieldType::kInt, offsetof(GemmParams, precision), 1},
    {"method", stream::FieldType::kInt, offsetof(GemmParams, method), 1},
};
constexpr stream::Layout kGemmLayout{"gemm", sizeof(GemmParams), 4, kGemmFields};

// By GemmMethod.
constexpr const char* kMethodNames[] = {"by shape", "fma", "tiles"};
constexpr stream::Methods kGemmMethods{offsetof(GemmParams, method), 3, kMethodNames};

// A product and a sum for each element of C and each k.
double gemm_flops(const stream::Command& command) {
  const stream::Operand &c = command[0], &a = command[1];
  return 2.0 * static_cast<double>(c.size()) * static_cast<double>(a.shape[a.rank - 1]);
}

constexpr stream::Field kTotalFields[] = {
    {"count", stream::FieldType::kInt, offsetof(GemmTotalParams, count), 1},
};
constexpr stream::Layout kTotalLayout{"gemm_total", sizeof(GemmTotalParams), 1, kTotalFields};

double total_flops(const stream::Command& command) {
  double depth = 0;
  for (int i = 1; i < command.own_operands(); i += 2)
    depth += static_cast<double>(command[i].shape[command[i].rank - 1]);
  return 2.0 * static_cast<double>(command[0].size()) * depth;
}

}  // namespace

stream::Slot gemm_total{.name = "gemm_total",
                        .traits = {.min_inputs = 2, .takes_strides = true},
                        .params = &kTotalLayout,
                        .flops = &total_flops};

stream::Slot gemm{.name = "gemm",
                  .traits = {.min_inputs = 2, .takes_strides = true, .epilogue = true},
                  .params = &kGemmLayout,
                  .flops = &gemm_flops,
                  .total = &gemm_total,
                  .methods = &kGemmMethods};

}  // namespace hebb::kernels

// Kernels with an epilogue against the single commands, on every instruction set and number of threads.
#include "epilogue_harness.h"
#include "kernels/gemm.h"

namespace hebb::testing {
namespace {

const DType kFloats[] = {DType::kF32, DType::kF64, DType::kF16, DType::kBF16};

std::string case_name(const char* slot, DType dtype, int index) {
  return std::string(slot) + " " + dtype_name(dtype) + " case " + std::to_string(index);
}

struct Matrices {
  int64_t batch, m, n, k;
  bool turned = false;  // B is read along its columns
  int64_t activation = kernels::kActivationNone;
};

// Whole matrices, thin ones, several blocks along each axis, columns shared by threads, nothing at all.
const Matrices kMatrices[] = {{1, 5, 7, 3},
                              {1, 70, 33, 20, true},
                              {1, 2, 300, 90},
                              {1, 6, 41, 130, true},
                              {1, 900, 3, 70, true},
                              {1, 150, 140, 600, false, kernels::kActivationRelu},
                              {1, 64, 64, 300, true},
                              {1, 20, 1100, 40},
                              {1, 600, 520, 60, true, kernels::kActivationTanh},
                              {7, 9, 12, 5},
                              {3, 130, 150, 70, true},
                              {2, 2, 40, 80},
                              {1, 4, 6, 0},
                              {1, 0, 6, 4},
                              {0, 3, 3, 3}};

PlanOperand add_gemm(TestProgram& made, const Matrices& size, DType dtype) {
  const bool batched = size.batch != 1;
  const auto shaped = [&](int64_t rows, int64_t columns) {
    return batched ? Shape{size.batch, rows, columns} : Shape{rows, columns};
  };
  const auto c = made.temporary(shaped(size.m, size.n), dtype);
  const auto a = made.argument(shaped(size.m, size.k), dtype);
  const auto b = size.turned ? TestProgram::transposed(made.argument(shaped(size.n, size.k), dtype))
                             : made.argument(shaped(size.k, size.n), dtype);
  const bool bias = size.activation != kernels::kActivationNone;
  std::vector<PlanOperand> operands{c, a, b};
  if (bias) operands.push_back(made.argument({size.n}, dtype));
  add_command(made, kernels::gemm, operands, 1, kernels::GemmParams{size.activation, bias});
  return c;
}

TEST(epilogue_of_gemm) {
  for_each_isa([] {
    for (const DType dtype : kFloats) {
      int index = 0;
      for (const Matrices& size : kMatrices) {
        check_epilogues([&](TestProgram& made) { return add_gemm(made, size, dtype); },
                        case_name("gemm", dtype, index++));
      }
    }
  });
}

}  // namespace
}  // namespace hebb::testing

// Kernels with an epilogue against the single commands, on every instruction set and number of threads.
#include "epilogue_harness.h"
#include "kernels/conv.h"
#include "kernels/gemm.h"
#include "kernels/norm.h"
#include "kernels/pool.h"

namespace hebb::testing {
namespace {

const DType kFloats[] = {DType::kF32, DType::kF64, DType::kF16, DType::kBF16};

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

// The slot on every instruction set, in every dtype, for all cases.
template <class Cases, class Case>
void check_cases(const char* slot, const Cases& cases,
                 PlanOperand (*add)(TestProgram& made, const Case& size, DType dtype)) {
  for_each_isa([&] {
    for (const DType dtype : kFloats) {
      int index = 0;
      for (const Case& size : cases)
        check_epilogues([&](TestProgram& made) { return add(made, size, dtype); }, dtype, slot, index++);
    }
  });
}

TEST(epilogue_of_gemm) { check_cases("gemm", kMatrices, add_gemm); }

struct Convolution {
  int64_t batch, height, width, channels;
  int64_t outs, kernel, stride, before, groups, dilation;
  bool bias = false;

  int64_t extent(int64_t size) const {
    return (size + 2 * before - dilation * (kernel - 1) - 1) / stride + 1;
  }
  Shape image() const { return {batch, height, width, channels}; }
  Shape weight() const { return {outs, kernel, kernel, channels / groups}; }
  Shape result() const { return {batch, extent(height), extent(width), outs}; }
  kernels::ConvParams params() const {
    return {{stride, stride},
            {dilation, dilation},
            {before, before},
            groups,
            bias ? kernels::kActivationRelu : kernels::kActivationNone,
            bias};
  }
};

// Blocks of rows and of images, panels shared by tasks, pixels as rows of a product, phases, groups,
// depthwise ones, few channels, Winograd's tiles in both of their orders.
const Convolution kConvolutions[] = {
    {2, 9, 11, 3, 20, 3, 1, 1, 1, 1, true},   {3, 20, 20, 16, 140, 3, 1, 1, 1, 1},
    {1, 6, 6, 8, 300, 3, 1, 1, 1, 1},         {4, 10, 10, 150, 40, 1, 1, 0, 1, 1, true},
    {2, 12, 13, 130, 7, 3, 2, 1, 1, 1},       {2, 12, 12, 6, 10, 3, 2, 1, 2, 1},
    {1, 24, 24, 12, 12, 3, 1, 1, 12, 1},      {1, 9, 9, 5, 5, 3, 2, 1, 5, 1, true},
    {2, 30, 31, 1, 9, 5, 2, 2, 1, 1},         {2, 14, 14, 4, 260, 3, 1, 2, 2, 2},
    {70, 3, 3, 8, 9, 3, 1, 1, 1, 1},          {3, 15, 14, 37, 50, 3, 1, 1, 1, 1, true},
    {9, 4, 4, 270, 256, 3, 1, 1, 1, 1, true}, {5, 28, 27, 1, 6, 5, 1, 2, 1, 1, true}};

PlanOperand add_conv(TestProgram& made, const Convolution& size, DType dtype) {
  const auto y = made.temporary(size.result(), dtype);
  std::vector<PlanOperand> operands{y, made.argument(size.image(), dtype),
                                    made.argument(size.weight(), dtype)};
  if (size.bias) operands.push_back(made.argument({size.outs}, dtype));
  add_command(made, kernels::conv2d, operands, 1, size.params());
  return y;
}

PlanOperand add_input_grad(TestProgram& made, const Convolution& size, DType dtype) {
  const auto dx = made.temporary(size.image(), dtype);
  auto params = size.params();
  params.activation = kernels::kActivationNone;
  params.has_bias = false;
  add_command(made, kernels::conv2d_input_grad,
              {dx, made.argument(size.result(), dtype), made.argument(size.weight(), dtype)}, 1, params);
  return dx;
}

TEST(epilogue_of_convolution) {
  check_cases("conv2d", kConvolutions, add_conv);
  check_cases("conv2d_input_grad", kConvolutions, add_input_grad);
}

struct Pooling {
  int64_t batch, height, width, channels, size, stride, before;

  int64_t extent(int64_t length) const { return (length + 2 * before - size) / stride + 1; }
  Shape image() const { return {batch, height, width, channels}; }
  Shape pooled() const { return {batch, extent(height), extent(width), channels}; }
  kernels::PoolParams params() const {
    return {{size, size}, {stride, stride}, {1, 1}, {before, before}, {before, before}, true};
  }
};

// Windows side by side, with rows and columns left over, overlapping ones, and none at all.
const Pooling kPoolings[] = {{3, 28, 28, 6, 2, 2, 0}, {2, 11, 13, 17, 3, 3, 0}, {2, 9, 9, 33, 3, 2, 1},
                             {70, 4, 4, 3, 2, 2, 0},  {1, 6, 70, 64, 2, 2, 0},  {1, 40, 60, 4, 2, 3, 1},
                             {0, 4, 4, 3, 2, 2, 0}};

PlanOperand add_max_pool(TestProgram& made, const Pooling& size, DType dtype) {
  const auto y = made.temporary(size.pooled(), dtype);
  add_command(made, kernels::max_pool2d,
              {y, made.output(size.pooled(), DType::kU8), made.argument(size.image(), dtype)}, 2,
              size.params());
  return y;
}

PlanOperand add_avg_pool(TestProgram& made, const Pooling& size, DType dtype) {
  const auto y = made.temporary(size.pooled(), dtype);
  add_command(made, kernels::avg_pool2d, {y, made.argument(size.image(), dtype)}, 1, size.params());
  return y;
}

// Where the elements that the windows of some images chose lie.
PlanOperand add_taps(TestProgram& made, const Pooling& size, DType dtype) {
  const auto taps = made.output(size.pooled(), DType::kU8);
  add_command(made, kernels::max_pool2d,
              {made.output(size.pooled(), dtype), taps, made.argument(size.image(), dtype)}, 2,
              size.params());
  return taps;
}

PlanOperand add_max_pool_grad(TestProgram& made, const Pooling& size, DType dtype) {
  const auto taps = add_taps(made, size, dtype), dx = made.temporary(size.image(), dtype);
  add_command(made, kernels::max_pool2d_grad, {dx, made.argument(size.pooled(), dtype), taps}, 1,
              size.params());
  return dx;
}

PlanOperand add_max_pool_pick(TestProgram& made, const Pooling& size, DType dtype) {
  const auto taps = add_taps(made, size, dtype), y = made.temporary(size.pooled(), dtype);
  add_command(made, kernels::max_pool2d_pick, {y, made.argument(size.image(), dtype), taps}, 1,
              size.params());
  return y;
}

PlanOperand add_avg_pool_grad(TestProgram& made, const Pooling& size, DType dtype) {
  const auto dx = made.temporary(size.image(), dtype);
  add_command(made, kernels::avg_pool2d_grad, {dx, made.argument(size.pooled(), dtype)}, 1, size.params());
  return dx;
}

TEST(epilogue_of_pooling) {
  check_cases("max_pool2d", kPoolings, add_max_pool);
  check_cases("max_pool2d_grad", kPoolings, add_max_pool_grad);
  check_cases("max_pool2d_pick", kPoolings, add_max_pool_pick);
  check_cases("avg_pool2d", kPoolings, add_avg_pool);
  check_cases("avg_pool2d_grad", kPoolings, add_avg_pool_grad);
}

const Shape kRows[] = {{1, 5}, {300, 7}, {70, 64}, {33, 300}, {1000, 3}, {3, 5000}, {0, 4}};

PlanOperand add_layer_norm(TestProgram& made, const Shape& shape, DType dtype) {
  const DType c = compute_type(dtype);
  const auto y = made.temporary(shape, dtype);
  add_command(made, kernels::layer_norm,
              {y, made.temporary({shape[0], 2}, c), made.argument(shape, dtype), made.argument({shape[1]}, c),
               made.argument({shape[1]}, c)},
              2, kernels::NormParams{1e-5, true, true});
  return y;
}

PlanOperand add_layer_norm_grad(TestProgram& made, const Shape& shape, DType dtype) {
  const DType c = compute_type(dtype);
  const auto dx = made.temporary(shape, dtype);
  add_command(made, kernels::layer_norm_grad,
              {dx, made.output({shape[1]}, c), made.output({shape[1]}, c), made.argument(shape, dtype),
               made.argument(shape, dtype), made.argument({shape[0], 2}, c), made.argument({shape[1]}, c)},
              3, kernels::LayerNormGradParams{true, true});
  return dx;
}

PlanOperand add_batch_norm(TestProgram& made, const Shape& shape, DType dtype) {
  const DType c = compute_type(dtype);
  const auto y = made.temporary(shape, dtype);
  add_command(made, kernels::batch_norm,
              {y, made.output({shape[1]}, c), made.output({shape[1]}, c), made.argument(shape, dtype),
               made.argument({shape[1]}, c), made.argument({shape[1]}, c)},
              3, kernels::NormParams{1e-5, true, true});
  return y;
}

PlanOperand add_batch_norm_eval(TestProgram& made, const Shape& shape, DType dtype) {
  const DType c = compute_type(dtype);
  const auto y = made.temporary(shape, dtype);
  const auto variance =
      made.map(kernels::square, made.output({shape[1]}, c), {made.argument({shape[1]}, c)}, c);
  add_command(made, kernels::batch_norm_eval,
              {y, made.argument(shape, dtype), made.argument({shape[1]}, c), variance}, 1,
              kernels::NormParams{1e-5, false, false});
  return y;
}

PlanOperand add_batch_norm_grad(TestProgram& made, const Shape& shape, DType dtype) {
  const DType c = compute_type(dtype);
  const auto dx = made.temporary(shape, dtype);
  const auto variance =
      made.map(kernels::square, made.output({shape[1]}, c), {made.argument({shape[1]}, c)}, c);
  add_command(made, kernels::batch_norm_grad,
              {dx, made.output({shape[1]}, c), made.output({shape[1]}, c), made.argument(shape, dtype),
               made.argument(shape, dtype), made.argument({shape[1]}, c), variance},
              3, kernels::NormParams{1e-5, false, false});
  return dx;
}

TEST(epilogue_of_norms) {
  check_cases("layer_norm", kRows, add_layer_norm);
  check_cases("layer_norm_grad", kRows, add_layer_norm_grad);
  check_cases("batch_norm", kRows, add_batch_norm);
  check_cases("batch_norm_eval", kRows, add_batch_norm_eval);
  check_cases("batch_norm_grad", kRows, add_batch_norm_grad);
}

}  // namespace
}  // namespace hebb::testing

// The convolution kernels against naive double loops, for every instruction set, dtype and number of threads.
#include "conv_problem.h"

using namespace hebb;
using namespace hebb::testing;

namespace {

constexpr ConvCase kCases[] = {
    {2, 7, 9, 3, 5, 3, 3, {1, 1}, {1, 1}, {1, 1, 1, 1}, 1},
    {3, 12, 12, 1, 6, 5, 5, {1, 1}, {1, 1}, {2, 2, 2, 2}, 1},
    {2, 14, 14, 6, 16, 5, 5, {1, 1}, {1, 1}, {0, 0, 0, 0}, 1},
    {2, 9, 11, 1, 8, 3, 3, {1, 1}, {1, 1}, {0, 0, 0, 0}, 1},
    {1, 5, 61, 1, 5, 3, 5, {1, 1}, {1, 1}, {1, 1, 0, 2}, 1},
    {2, 8, 9, 1, 1, 3, 2, {2, 1}, {2, 1}, {1, 0, 0, 0}, 1},
    {2, 7, 7, 1, 7, 1, 1, {1, 1}, {1, 1}, {0, 0, 0, 0}, 1},
    {2, 6, 7, 1, 6, 3, 3, {1, 1}, {1, 1}, {5, 0, 0, 4}, 1},
    {2, 13, 12, 1, 9, 7, 7, {2, 2}, {1, 1}, {3, 3, 3, 3}, 1},
    {3, 10, 9, 2, 5, 4, 3, {1, 2}, {1, 1}, {0, 1, 1, 0}, 1},
    {2, 11, 12, 4, 3, 2, 2, {1, 1}, {3, 1}, {1, 1, 0, 0}, 1},
    {2, 12, 9, 3, 16, 5, 5, {1, 2}, {1, 1}, {2, 2, 2, 2}, 1},
    {2, 9, 10, 6, 17, 3, 5, {2, 1}, {1, 1}, {1, 1, 4, 3}, 1},
    {2, 6, 7, 4, 8, 3, 3, {1, 1}, {1, 1}, {0, 0, 0, 0}, 4},
    {1, 8, 9, 10, 4, 3, 3, {1, 1}, {1, 1}, {1, 1, 1, 1}, 2},
    {5, 4, 4, 32, 37, 3, 3, {1, 1}, {1, 1}, {1, 1, 1, 1}, 1},
    {2, 11, 8, 17, 33, 3, 2, {2, 3}, {1, 1}, {1, 0, 2, 1}, 1},
    {1, 9, 10, 4, 70, 3, 3, {1, 2}, {2, 3}, {2, 1, 3, 0}, 1},
    {2, 9, 9, 8, 12, 3, 3, {2, 2}, {2, 2}, {0, 0, 0, 0}, 4},
    {2, 6, 5, 32, 64, 1, 1, {1, 1}, {1, 1}, {0, 0, 0, 0}, 1},
    {1, 40, 50, 5, 7, 1, 1, {1, 1}, {1, 1}, {0, 0, 0, 0}, 1},
    {2, 8, 7, 19, 21, 1, 1, {2, 2}, {1, 1}, {0, 0, 0, 0}, 1},
    {2, 6, 6, 3, 4, 2, 2, {3, 3}, {1, 1}, {0, 0, 0, 0}, 1},
    {2, 5, 5, 2, 3, 3, 3, {1, 1}, {1, 1}, {4, 3, 3, 4}, 1},
    {2, 9, 12, 67, 67, 3, 3, {1, 1}, {1, 1}, {1, 1, 1, 1}, 67},
    {1, 9, 8, 16, 16, 3, 5, {2, 2}, {1, 2}, {1, 1, 2, 2}, 16},
    {2, 5, 5, 4, 8, 3, 3, {1, 1}, {1, 1}, {1, 1, 1, 1}, 4},
    {2, 5, 6, 20, 131, 3, 3, {1, 1}, {1, 1}, {1, 1, 1, 1}, 1},
    {2, 10, 11, 4, 6, 4, 4, {2, 2}, {1, 1}, {1, 1, 1, 1}, 2},
    {1, 9, 10, 3, 5, 3, 3, {2, 3}, {3, 1}, {2, 0, 1, 2}, 1},
    {1, 70, 64, 16, 16, 3, 3, {1, 1}, {1, 1}, {1, 1, 1, 1}, 1},
    {0, 5, 5, 4, 8, 3, 3, {1, 1}, {1, 1}, {1, 1, 1, 1}, 1},
};

void check_case(const ConvCase& s, DType dtype) {
  const Problem p(s);
  std::vector<double> y(p.dy.size()), dx(p.x.size()), dw(p.w.size());
  p.products([&](int64_t yi, int64_t xi, int64_t wi) {
    y[static_cast<size_t>(yi)] += p.x[static_cast<size_t>(xi)] * p.w[static_cast<size_t>(wi)];
    dx[static_cast<size_t>(xi)] += p.dy[static_cast<size_t>(yi)] * p.w[static_cast<size_t>(wi)];
    dw[static_cast<size_t>(wi)] += p.dy[static_cast<size_t>(yi)] * p.x[static_cast<size_t>(xi)];
  });
  const std::vector<int64_t> x_shape{s.n, s.h, s.w, s.c}, w_shape{s.o, s.kh, s.kw, p.depth},
      y_shape{s.n, p.oh, p.ow, s.o};
  Buffer x(dtype, x_shape), w(dtype, w_shape), bias(dtype, {s.o}), dy(dtype, y_shape);
  set_values(x, dtype, p.x);
  set_values(w, dtype, p.w);
  set_values(bias, dtype, p.bias);
  set_values(dy, dtype, p.dy);
  compare(kernels::conv2d_weight_grad, {{dtype, w_shape, dw}}, {x.in(), dy.in()}, p.params(false, false));
  if (s.n == 0) return;
  compare(kernels::conv2d_input_grad, {{dtype, x_shape, dx}}, {dy.in(), w.in()}, p.params(false, false));
  compare(kernels::conv2d, {{dtype, y_shape, y}}, {x.in(), w.in()}, p.params(false, false));
  for (size_t i = 0; i < y.size(); ++i) y[i] = std::max(0.0, y[i] + p.bias[i % static_cast<size_t>(s.o)]);
  compare(kernels::conv2d, {{dtype, y_shape, y}}, {x.in(), w.in(), bias.in()}, p.params(true, true));
}

}  // namespace

TEST(conv_matches_naive_loops) {
  for_each_isa([] {
    for (const auto& s : kCases) check_case(s, DType::kF32);
  });
}

TEST(conv_matches_naive_loops_in_other_dtypes) {
  for_each_isa([] {
    for (const auto& s : kCases) {
      if (s.h > 30) continue;
      for (DType dtype : {DType::kF64, DType::kF16, DType::kBF16}) check_case(s, dtype);
    }
  });
}

// A gradient over many images: sums are in parts, and no part may be lost.
TEST(conv_weight_grad_sums_all_images) {
  for_each_isa([] {
    check_case({40, 8, 8, 3, 8, 3, 3, {1, 1}, {1, 1}, {1, 1, 1, 1}, 1}, DType::kF32);
    check_case({33, 6, 6, 8, 8, 3, 3, {1, 1}, {1, 1}, {1, 1, 1, 1}, 8}, DType::kF32);
  });
}

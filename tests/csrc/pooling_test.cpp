// The pooling kernels against naive double loops, for every instruction set, dtype and number of threads.
#include "kernels/pool.h"

#include "image_check.h"

using namespace hebb;
using namespace hebb::testing;

namespace {

struct PoolCase {
  int64_t n, h, w, c;
  kernels::PoolParams p;  // size, stride, dilation, before, after, count_pads
};

constexpr PoolCase kCases[] = {
    {2, 8, 6, 6, {{2, 2}, {2, 2}, {1, 1}, {0, 0}, {0, 0}, true}},
    {3, 7, 9, 17, {{3, 3}, {2, 2}, {1, 1}, {1, 1}, {1, 1}, false}},
    {1, 9, 8, 33, {{3, 2}, {1, 2}, {2, 3}, {1, 0}, {0, 1}, true}},
    {2, 5, 11, 1, {{2, 3}, {3, 4}, {1, 1}, {0, 1}, {1, 0}, true}},
    {1, 20, 20, 3, {{20, 20}, {20, 20}, {1, 1}, {0, 0}, {0, 0}, false}},
    {2, 7, 9, 6, {{2, 2}, {2, 2}, {1, 1}, {0, 0}, {0, 0}, true}},
    {1, 5, 13, 1, {{2, 2}, {2, 2}, {1, 1}, {0, 0}, {0, 0}, true}},
    {2, 6, 40, 3, {{2, 2}, {2, 2}, {1, 1}, {0, 0}, {0, 0}, true}},
    {2, 4, 6, 16, {{2, 2}, {2, 2}, {1, 1}, {0, 0}, {0, 0}, true}},
    {1, 5, 7, 17, {{2, 2}, {2, 2}, {1, 1}, {0, 0}, {0, 0}, true}},
    {2, 10, 11, 5, {{3, 2}, {3, 2}, {1, 1}, {0, 0}, {0, 0}, true}},
    {1, 8, 25, 20, {{2, 4}, {2, 4}, {1, 1}, {0, 0}, {0, 0}, true}},
    {2, 5, 5, 6, {{2, 2}, {2, 2}, {1, 1}, {0, 0}, {1, 1}, true}},
    {2, 6, 6, 16, {{1, 1}, {2, 2}, {1, 1}, {0, 0}, {0, 0}, true}},
};

struct Pooled {
  std::vector<int64_t> x_shape, y_shape;
  std::vector<double> x, dy, max, taps, dx, mean, mean_dx, picked;

  explicit Pooled(const PoolCase& s)
      : x_shape{s.n, s.h, s.w, s.c}, x(draw_eighths(s.n * s.h * s.w * s.c, 5, 1)) {
    int64_t out[2];
    for (int a = 0; a < 2; ++a) {
      const int64_t span = s.p.dilation[a] * (s.p.size[a] - 1) + 1;
      out[a] =
          (x_shape[static_cast<size_t>(a) + 1] + s.p.before[a] + s.p.after[a] - span) / s.p.stride[a] + 1;
    }
    y_shape = {s.n, out[0], out[1], s.c};
    dy = draw_eighths(s.n * out[0] * out[1] * s.c, 6, 1);
    // At different places of their windows, two of them in one window.
    for (const size_t i : {size_t{37}, size_t{90}, size_t{91}, size_t{91} + static_cast<size_t>(s.c)}) {
      if (i < x.size()) x[i] = NAN;
    }
    dx.resize(x.size());
    mean_dx.resize(x.size());
    for (int64_t n = 0, at = 0; n < s.n; ++n)
      for (int64_t i = 0; i < out[0]; ++i)
        for (int64_t j = 0; j < out[1]; ++j)
          for (int64_t c = 0; c < s.c; ++c, ++at) window(s, n, i, j, c, dy[static_cast<size_t>(at)]);
  }

  void window(const PoolCase& s, int64_t n, int64_t i, int64_t j, int64_t c, double d) {
    std::vector<size_t> inside;
    double best = 0, sum = 0, tap = -1;
    size_t best_at = 0;
    int64_t padded = 0;
    for (int64_t u = 0; u < s.p.size[0]; ++u)
      for (int64_t v = 0; v < s.p.size[1]; ++v) {
        const int64_t y = i * s.p.stride[0] - s.p.before[0] + u * s.p.dilation[0];
        const int64_t z = j * s.p.stride[1] - s.p.before[1] + v * s.p.dilation[1];
        padded += y < s.h + s.p.after[0] && z < s.w + s.p.after[1];
        if (y < 0 || y >= s.h || z < 0 || z >= s.w) continue;
        const auto at = static_cast<size_t>(((n * s.h + y) * s.w + z) * s.c + c);
        inside.push_back(at);
        sum += x[at];
        if (tap < 0 || x[at] > best || (std::isnan(x[at]) && !std::isnan(best))) {
          best = x[at];
          best_at = at;
          tap = static_cast<double>(u * s.p.size[1] + v);
        }
      }
    max.push_back(best);
    taps.push_back(tap);
    picked.push_back(x[best_at]);
    dx[best_at] += d;
    const double count = s.p.count_pads ? static_cast<double>(padded) : static_cast<double>(inside.size());
    mean.push_back(sum / count);
    for (size_t at : inside) mean_dx[at] += d / count;
  }
};

void check_case(const PoolCase& s, DType dtype) {
  const Pooled p(s);
  const DType tap_dtype = s.p.size[0] * s.p.size[1] <= 256 ? DType::kU8 : DType::kI32;
  Buffer x(dtype, p.x_shape), dy(dtype, p.y_shape), taps(tap_dtype, p.y_shape);
  set_values(x, dtype, p.x);
  set_values(dy, dtype, p.dy);
  for (size_t i = 0; i < p.taps.size(); ++i) {
    if (tap_dtype == DType::kU8) taps.as<uint8_t>()[i] = static_cast<uint8_t>(p.taps[i]);
    if (tap_dtype == DType::kI32) taps.as<int32_t>()[i] = static_cast<int32_t>(p.taps[i]);
  }
  compare(kernels::max_pool2d, {{dtype, p.y_shape, p.max}, {tap_dtype, p.y_shape, p.taps}}, {x.in()}, s.p);
  compare(kernels::max_pool2d_grad, {{dtype, p.x_shape, p.dx}}, {dy.in(), taps.in()}, s.p);
  compare(kernels::max_pool2d_pick, {{dtype, p.y_shape, p.picked}}, {x.in(), taps.in()}, s.p);
  if (s.p.dilation[0] > 1) return;
  compare(kernels::avg_pool2d, {{dtype, p.y_shape, p.mean}}, {x.in()}, s.p);
  compare(kernels::avg_pool2d_grad, {{dtype, p.x_shape, p.mean_dx}}, {dy.in()}, s.p);
}

}  // namespace

TEST(pooling_matches_naive_loops) {
  for_each_isa([] {
    for (DType dtype : {DType::kF32, DType::kF64, DType::kF16, DType::kBF16}) {
      for (const auto& s : kCases) check_case(s, dtype);
    }
  });
}

// All elements equal to -infinity: the first tap inside the image, not one of the padding.
TEST(pooling_of_minus_infinity_names_an_element) {
  for_each_isa([] {
    Buffer x(DType::kF32, {1, 2, 2, 3});
    set_values(x, DType::kF32, std::vector<double>(12, -INFINITY));
    const kernels::PoolParams p{{3, 3}, {2, 2}, {1, 1}, {1, 1}, {1, 1}, false};
    const std::vector<int64_t> shape{1, 1, 1, 3};
    compare(kernels::max_pool2d,
            {{DType::kF32, shape, {-INFINITY, -INFINITY, -INFINITY}}, {DType::kU8, shape, {4, 4, 4}}},
            {x.in()}, p);
  });
}

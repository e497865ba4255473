// Convolution by Winograd's tiles against naive loops in doubles and against the direct kernels, for every
// instruction set and number of threads.
#include <algorithm>
#include <limits>

#include "conv_problem.h"

using namespace hebb;
using namespace hebb::testing;

namespace {

// Sizes that fill no tile, no vector and no panel; one image; no padding, little, much and uneven padding;
// all orders of the work: few tiles and many, few channels and many.
constexpr ConvCase kCases[] = {
    {2, 7, 9, 35, 40, 3, 3, {1, 1}, {1, 1}, {1, 1, 1, 1}, 1},
    {1, 8, 8, 16, 32, 3, 3, {1, 1}, {1, 1}, {1, 1, 1, 1}, 1},
    {1, 9, 12, 33, 17, 3, 3, {1, 1}, {1, 1}, {0, 0, 0, 0}, 1},
    {3, 5, 6, 3, 5, 3, 3, {1, 1}, {1, 1}, {2, 0, 1, 2}, 1},
    {1, 3, 3, 7, 1, 3, 3, {1, 1}, {1, 1}, {0, 0, 0, 0}, 1},
    {1, 1, 1, 1, 3, 3, 3, {1, 1}, {1, 1}, {1, 1, 1, 1}, 1},
    {2, 4, 5, 2, 9, 3, 3, {1, 1}, {1, 1}, {4, 3, 3, 4}, 1},
    {5, 4, 4, 264, 70, 3, 3, {1, 1}, {1, 1}, {1, 1, 1, 1}, 1},
    {140, 4, 3, 257, 8, 3, 3, {1, 1}, {1, 1}, {1, 1, 1, 1}, 1},
    {65, 5, 5, 66, 65, 3, 3, {1, 1}, {1, 1}, {1, 1, 1, 1}, 1},
};

// How far an error in one line may be blown up, next to that of plain products: the sum of |A| |G| |B| over
// the points of the worst output, 21.4 for 3 products, squared because there are two dimensions.
constexpr double kAmplification = 51;

// An error of half a unit in the last place at each of so many steps, which do not all point the same way.
double bound(double largest, int64_t terms) {
  constexpr int64_t kTransforms = 20;
  return kAmplification * std::ldexp(1, -24) * std::sqrt(static_cast<double>(terms + kTransforms)) * largest;
}

// What the three commands give, and the largest sum of the magnitudes of products behind one value.
struct Exact {
  std::vector<double> y, dx, dw;
  double y_size = 0, dx_size = 0, dw_size = 0;

  explicit Exact(const Problem& p) : y(p.dy.size()), dx(p.x.size()), dw(p.w.size()) {
    std::vector<double> sizes[3] = {y, dx, dw};
    p.products([&](int64_t yi, int64_t xi, int64_t wi) {
      const auto at = [](const std::vector<double>& values, int64_t i) {
        return values[static_cast<size_t>(i)];
      };
      const auto add = [](std::vector<double>& sums, std::vector<double>& magnitudes, int64_t i,
                          double product) {
        sums[static_cast<size_t>(i)] += product;
        magnitudes[static_cast<size_t>(i)] += std::fabs(product);
      };
      add(y, sizes[0], yi, at(p.x, xi) * at(p.w, wi));
      add(dx, sizes[1], xi, at(p.dy, yi) * at(p.w, wi));
      add(dw, sizes[2], wi, at(p.dy, yi) * at(p.x, xi));
    });
    double* largest[] = {&y_size, &dx_size, &dw_size};
    for (int i = 0; i < 3; ++i) *largest[i] = *std::max_element(sizes[i].begin(), sizes[i].end());
  }
};

// The f32 buffers of a problem.
struct Buffers {
  std::vector<int64_t> x_shape, w_shape, y_shape;
  Buffer x, w, bias, dy;

  explicit Buffers(const Problem& p)
      : x_shape{p.s.n, p.s.h, p.s.w, p.s.c},
        w_shape{p.s.o, p.s.kh, p.s.kw, p.depth},
        y_shape{p.s.n, p.oh, p.ow, p.s.o},
        x(DType::kF32, x_shape),
        w(DType::kF32, w_shape),
        bias(DType::kF32, {p.s.o}),
        dy(DType::kF32, y_shape) {
    set_values(x, DType::kF32, p.x);
    set_values(w, DType::kF32, p.w);
    set_values(bias, DType::kF32, p.bias);
    set_values(dy, DType::kF32, p.dy);
  }
};

void check_case(const Problem& p, const Exact& exact) {
  constexpr int64_t kMethod = kernels::kConvWinograd;
  const int64_t tiles = p.s.n * ((p.oh + 3) / 4) * ((p.ow + 3) / 4);
  Buffers b(p);
  std::vector<double> activated = exact.y;
  for (size_t i = 0; i < activated.size(); ++i)
    activated[i] = std::max(0.0, activated[i] + p.bias[i % static_cast<size_t>(p.s.o)]);
  const double y_bound = bound(exact.y_size + 1, p.s.c);
  compare(kernels::conv2d, {{DType::kF32, b.y_shape, exact.y, y_bound}}, {b.x.in(), b.w.in()},
          p.params(false, false, kMethod));
  compare(kernels::conv2d, {{DType::kF32, b.y_shape, activated, y_bound}}, {b.x.in(), b.w.in(), b.bias.in()},
          p.params(true, true, kMethod));
  compare(kernels::conv2d_input_grad, {{DType::kF32, b.x_shape, exact.dx, bound(exact.dx_size, p.s.o)}},
          {b.dy.in(), b.w.in()}, p.params(false, false, kMethod));
  compare(kernels::conv2d_weight_grad, {{DType::kF32, b.w_shape, exact.dw, bound(exact.dw_size, tiles)}},
          {b.x.in(), b.dy.in()}, p.params(false, false, kMethod));
}

// The results of the three commands, one behind the other.
std::vector<float> results(const ConvCase& s, int64_t method) {
  const Problem p(s);
  Buffers b(p);
  std::vector<float> all;
  const auto add = [&](const stream::Slot& slot, const std::vector<int64_t>& shape, Buffer& left,
                       Buffer& right) {
    Buffer result(DType::kF32, shape);
    run(slot, 2, {result.out(), left.in(), right.in()}, p.params(false, false, method));
    all.insert(all.end(), result.as<float>(), result.as<float>() + result.size());
  };
  add(kernels::conv2d, b.y_shape, b.x, b.w);
  add(kernels::conv2d_input_grad, b.x_shape, b.dy, b.w);
  add(kernels::conv2d_weight_grad, b.w_shape, b.x, b.dy);
  return all;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

// The forward pass over an image of ones with `value` at one pixel and channel.
std::vector<float> over_image(const ConvCase& s, int64_t method, int64_t pixel, float value) {
  const Problem p(s);
  Buffers b(p);
  for (int64_t i = 0; i < b.x.size(); ++i) b.x.as<float>()[i] = 1;
  b.x.as<float>()[pixel * s.c + 1] = value;
  Buffer y(DType::kF32, b.y_shape);
  run(kernels::conv2d, 1, {y.out(), b.x.in(), b.w.in()}, p.params(false, false, method));
  return {y.as<float>(), y.as<float>() + y.size()};
}

}  // namespace

TEST(winograd_matches_naive_loops) {
  for (const auto& s : kCases) {
    const Problem p(s);
    const Exact exact(p);
    for_each_isa([&] { check_case(p, exact); });
  }
}

TEST(winograd_takes_the_shapes_where_it_is_faster) {
  const ConvCase taken[] = {{8, 4, 4, 32, 33, 3, 3, {1, 1}, {1, 1}, {1, 1, 1, 1}, 1},
                            {1, 14, 14, 40, 32, 3, 3, {1, 1}, {1, 1}, {1, 1, 1, 1}, 1}};
  const ConvCase left[] = {{7, 4, 4, 32, 33, 3, 3, {1, 1}, {1, 1}, {1, 1, 1, 1}, 1},
                           {8, 4, 4, 31, 33, 3, 3, {1, 1}, {1, 1}, {1, 1, 1, 1}, 1},
                           {8, 4, 4, 32, 31, 3, 3, {1, 1}, {1, 1}, {1, 1, 1, 1}, 1},
                           {8, 5, 5, 32, 32, 3, 3, {1, 1}, {1, 1}, {1, 1, 1, 1}, 1}};
  for_each_isa([&] {
    for (const auto& s : taken) {
      const auto by_shape = results(s, kernels::kConvByShape);
      CHECK(same_bits(by_shape, results(s, kernels::kConvWinograd)));
      CHECK(!same_bits(by_shape, results(s, kernels::kConvDirect)));
    }
    for (const auto& s : left) {
      const auto by_shape = results(s, kernels::kConvByShape);
      CHECK(same_bits(by_shape, results(s, kernels::kConvDirect)));
      CHECK(!same_bits(by_shape, results(s, kernels::kConvWinograd)));
    }
  });
}

TEST(winograd_is_for_plain_windows_alone) {
  const ConvCase other[] = {{4, 8, 8, 32, 32, 3, 3, {2, 1}, {1, 1}, {1, 1, 1, 1}, 1},
                            {4, 8, 8, 32, 32, 3, 3, {1, 1}, {1, 2}, {1, 1, 1, 1}, 1},
                            {4, 8, 8, 32, 32, 3, 3, {1, 1}, {1, 1}, {1, 1, 1, 1}, 2},
                            {4, 8, 8, 32, 32, 3, 1, {1, 1}, {1, 1}, {1, 1, 0, 0}, 1},
                            {4, 8, 8, 32, 32, 5, 5, {1, 1}, {1, 1}, {2, 2, 2, 2}, 1}};
  for_each_isa([&] {
    for (const auto& s : other)
      CHECK(same_bits(results(s, kernels::kConvWinograd), results(s, kernels::kConvDirect)));
  });
}

// Infinity and NaN reach at least the outputs that the direct kernel gives them to, at most those of the
// tiles that read them, and nothing else changes.
TEST(winograd_keeps_what_is_not_finite_in_its_tiles) {
  const ConvCase s{2, 12, 12, 6, 5, 3, 3, {1, 1}, {1, 1}, {1, 1, 1, 1}, 1};
  const int64_t pixel =
      12 * 12 + 5 * 12 + 6;  // image 1, row 5, column 6: read by the tile of rows 4-7, columns 4-7 alone
  for_each_isa([&] {
    const auto finite = over_image(s, kernels::kConvWinograd, pixel, 1);
    for (const float value :
         {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
      const auto tiled = over_image(s, kernels::kConvWinograd, pixel, value);
      const auto direct = over_image(s, kernels::kConvDirect, pixel, value);
      for (size_t i = 0; i < tiled.size(); ++i) {
        const size_t column = i / 5 % 12, row = i / 60 % 12, image = i / 720;
        const bool reads = image == 1 && row / 4 == 1 && column / 4 == 1;
        if (!std::isfinite(direct[i])) CHECK(!std::isfinite(tiled[i]));
        if (!reads) CHECK(std::memcmp(&tiled[i], &finite[i], sizeof(float)) == 0);
      }
    }
  });
}

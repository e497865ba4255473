// The kernels of layer and batch normalisation against double loops.
#include "kernels/norm.h"

#include <algorithm>
#include <cmath>

#include "check.h"
#include "kernel_cases.h"

using namespace hebb;
using namespace hebb::testing;
using kernels::LayerNormGradParams;
using kernels::NormParams;

namespace {

constexpr DType kFloats[] = {DType::kF32, DType::kF64, DType::kF16, DType::kBF16};
// Rows and columns: single ones, short and long ones, several parts and blocks, narrow and odd widths.
constexpr int64_t kShapes[][2] = {{1, 1},    {5, 3},    {7, 16},   {70, 33},  {3, 130},
                                  {200, 65}, {5000, 7}, {2, 9001}, {9000, 1}, {131, 257}};
constexpr double kEps = 1e-3;

double bound(DType dtype, double size) { return 8 * relative_bound(dtype) * (1e-1 + size); }

struct Moments {
  double mean = 0, variance = 0;
  double scale() const { return 1 / std::sqrt(variance + kEps); }
};

// Of `count` elements from `first`, `stride` apart.
Moments moments(const std::vector<double>& x, int64_t first, int64_t stride, int64_t count) {
  Moments m;
  for (int64_t i = 0; i < count; ++i) m.mean += x[size_t(first + i * stride)] / double(count);
  for (int64_t i = 0; i < count; ++i) {
    m.variance += std::pow(x[size_t(first + i * stride)] - m.mean, 2) / double(count);
  }
  return m;
}

// The same bits from one thread and from two; `outputs` are written by the second run.
template <class P>
void run_twice(const stream::Slot& slot, const std::vector<Buffer*>& outputs, std::vector<Buffer*> inputs,
               const P& params) {
  std::vector<std::vector<char>> before;
  for (int threads : {1, 2}) {
    std::vector<stream::Operand> operands;
    for (Buffer* output : outputs) operands.push_back(output->out());
    for (Buffer* input : inputs) operands.push_back(input->in());
    run(slot, threads, operands, params);
    for (Buffer* output : outputs) {
      if (threads == 1) before.emplace_back(output->as<char>(), output->as<char>() + output->bytes());
    }
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    CHECK(std::equal(before[i].begin(), before[i].end(), outputs[i]->as<char>()));
  }
}

// x, dy [rows, n] and weight, bias [n] in the compute type.
struct Inputs {
  DType dtype, compute;
  int64_t rows, n;
  bool affine;
  Buffer x, dy, weight, bias;

  Inputs(DType type, int64_t row_count, int64_t extent, bool is_affine, double mean = 0)
      : dtype(type),
        compute(compute_type(type)),
        rows(row_count),
        n(extent),
        affine(is_affine),
        x(type, {rows, n}),
        dy(type, {rows, n}),
        weight(compute, {n}),
        bias(compute, {n}) {
    fill_random(x, dtype, 1, mean);
    fill_random(dy, dtype, 2);
    fill_random(weight, compute, 3);
    fill_random(bias, compute, 4);
  }
  double weight_at(int64_t i) { return affine ? element(weight, compute, i) : 1; }
  double bias_at(int64_t i) { return affine ? element(bias, compute, i) : 0; }
  NormParams params() const { return {kEps, affine, affine}; }
  std::vector<Buffer*> with(std::vector<Buffer*> list, bool with_bias) {
    if (affine) list.push_back(&weight);
    if (affine && with_bias) list.push_back(&bias);
    return list;
  }
};

template <class F>
void for_inputs(F&& f) {
  for_each_isa([&] {
    for (const auto& [rows, n] : kShapes) {
      for (DType dtype : kFloats) {
        for (bool affine : {false, true}) {
          Inputs in(dtype, rows, n, affine);
          f(in);
        }
      }
    }
  });
}

void check_layer_norm(Inputs& in) {
  const int64_t n = in.n;
  Buffer y(in.dtype, {in.rows, n}), stats(in.compute, {in.rows, 2}), dx(in.dtype, {in.rows, n});
  Buffer dweight(in.compute, {n}), dbias(in.compute, {n});
  run_twice(kernels::layer_norm, {&y, &stats}, in.with({&in.x}, true), in.params());
  run_twice(kernels::layer_norm_grad, {&dx, &dweight, &dbias}, in.with({&in.dy, &in.x, &stats}, false),
            LayerNormGradParams{in.affine, true});
  const auto x = elements(in.x, in.dtype), dy = elements(in.dy, in.dtype);
  std::vector<double> scales(size_t(n), 0.0), shifts(size_t(n), 0.0);
  for (int64_t row = 0; row < in.rows; ++row) {
    const Moments m = moments(x, row * n, 1, n);
    double pull = 0, turn = 0;
    for (int64_t i = 0; i < n; ++i) {
      const double hat = (x[size_t(row * n + i)] - m.mean) * m.scale(), d = dy[size_t(row * n + i)];
      pull += d * in.weight_at(i) / double(n);
      turn += d * in.weight_at(i) * hat / double(n);
      scales[size_t(i)] += d * hat;
      shifts[size_t(i)] += d;
    }
    for (int64_t i = 0; i < n; ++i) {
      const double hat = (x[size_t(row * n + i)] - m.mean) * m.scale(), d = dy[size_t(row * n + i)];
      const double want = hat * in.weight_at(i) + in.bias_at(i);
      CHECK_NEAR(element(y, in.dtype, row * n + i), want, bound(in.dtype, std::fabs(want) + 2));
      const double slope = m.scale() * (d * in.weight_at(i) - pull - hat * turn);
      CHECK_NEAR(element(dx, in.dtype, row * n + i), slope,
                 bound(in.dtype, std::fabs(slope)) + bound(in.compute, 8 * m.scale()));
    }
  }
  const double size = std::sqrt(double(in.rows)) * 4;
  for (int64_t i = 0; i < n; ++i) {
    CHECK_NEAR(element(dweight, in.compute, i), scales[size_t(i)], bound(in.compute, size));
    CHECK_NEAR(element(dbias, in.compute, i), shifts[size_t(i)], bound(in.compute, size));
  }
}

void check_batch_norm(Inputs& in) {
  const int64_t n = in.n, rows = in.rows;
  Buffer y(in.dtype, {rows, n}), again(in.dtype, {rows, n}), dx(in.dtype, {rows, n});
  Buffer mean(in.compute, {n}), variance(in.compute, {n}), dweight(in.compute, {n}), dbias(in.compute, {n});
  run_twice(kernels::batch_norm, {&y, &mean, &variance}, in.with({&in.x}, true), in.params());
  run_twice(kernels::batch_norm_eval, {&again}, in.with({&in.x, &mean, &variance}, true), in.params());
  CHECK(same_bits(y, again));
  run_twice(kernels::batch_norm_grad, {&dx, &dweight, &dbias},
            in.with({&in.dy, &in.x, &mean, &variance}, false), NormParams{kEps, in.affine, false});
  const auto x = elements(in.x, in.dtype), dy = elements(in.dy, in.dtype);
  for (int64_t c = 0; c < n; ++c) {
    const Moments m = moments(x, c, n, rows);
    CHECK_NEAR(element(mean, in.compute, c), m.mean, bound(in.compute, std::fabs(m.mean)));
    CHECK_NEAR(element(variance, in.compute, c), m.variance, bound(in.compute, m.variance));
    double pull = 0, turn = 0;
    for (int64_t row = 0; row < rows; ++row) {
      pull += dy[size_t(row * n + c)];
      turn += dy[size_t(row * n + c)] * (x[size_t(row * n + c)] - m.mean) * m.scale();
    }
    const double size = std::sqrt(double(rows)) * 4;
    CHECK_NEAR(element(dbias, in.compute, c), pull, bound(in.compute, size));
    CHECK_NEAR(element(dweight, in.compute, c), turn, bound(in.compute, size));
    for (int64_t row = 0; row < rows; ++row) {
      const double hat = (x[size_t(row * n + c)] - m.mean) * m.scale(), d = dy[size_t(row * n + c)];
      const double want = hat * in.weight_at(c) + in.bias_at(c);
      CHECK_NEAR(element(y, in.dtype, row * n + c), want, bound(in.dtype, std::fabs(want) + 2));
      const double slope =
          in.weight_at(c) * m.scale() * (d - pull / double(rows) - hat * turn / double(rows));
      CHECK_NEAR(element(dx, in.dtype, row * n + c), slope,
                 bound(in.dtype, std::fabs(slope)) + bound(in.compute, 8 * m.scale()));
    }
  }
}

}  // namespace

TEST(layer_norm_rows) { for_inputs(check_layer_norm); }
TEST(batch_norm_columns) { for_inputs(check_batch_norm); }

TEST(layer_norm_gradient_without_sums) {
  for_each_isa([] {
    Inputs in(DType::kF32, 9, 21, true);
    Buffer y(in.dtype, {9, 21}), stats(in.compute, {9, 2}), dx(in.dtype, {9, 21}), alone(in.dtype, {9, 21});
    Buffer dweight(in.compute, {21}), dbias(in.compute, {21});
    run_twice(kernels::layer_norm, {&y, &stats}, in.with({&in.x}, true), in.params());
    const auto inputs = in.with({&in.dy, &in.x, &stats}, false);
    run_twice(kernels::layer_norm_grad, {&dx, &dweight, &dbias}, inputs, LayerNormGradParams{true, true});
    run_twice(kernels::layer_norm_grad, {&alone}, inputs, LayerNormGradParams{true, false});
    CHECK(same_bits(dx, alone));
  });
}

// One pass over x and x^2 would leave no digit of the variance here.
TEST(variances_where_the_mean_is_large) {
  for_each_isa([] {
    for (int64_t channels : {3, 64, 200}) {
      Inputs in(DType::kF32, 1000, channels, false, 3000);
      Buffer y(in.dtype, {1000, channels}), mean(in.compute, {channels}), variance(in.compute, {channels});
      run_twice(kernels::batch_norm, {&y, &mean, &variance}, {&in.x}, in.params());
      const auto x = elements(in.x, in.dtype);
      for (int64_t c = 0; c < channels; ++c) {
        const Moments m = moments(x, c, channels, 1000);
        CHECK_NEAR(element(variance, in.compute, c), m.variance, 2e-6 * m.variance);
      }
      Buffer stats(in.compute, {1000, 2});
      run_twice(kernels::layer_norm, {&y, &stats}, {&in.x}, in.params());
      for (int64_t row = 0; row < 1000; ++row) {
        const Moments m = moments(x, row * channels, 1, channels);
        CHECK_NEAR(element(stats, in.compute, 2 * row + 1), m.scale(), 2e-6 * m.scale());
      }
    }
  });
}

TEST(normalising_nothing) {
  for_each_isa([] {
    for (auto [rows, n] : {std::pair<int64_t, int64_t>{0, 5}, {5, 0}, {0, 0}}) {
      Inputs in(DType::kF32, rows, n, true);
      Buffer y(in.dtype, {rows, n}), stats(in.compute, {rows, 2}), mean(in.compute, {n}),
          variance(in.compute, {n}), dweight(in.compute, {n}), dbias(in.compute, {n});
      run_twice(kernels::layer_norm, {&y, &stats}, in.with({&in.x}, true), in.params());
      run_twice(kernels::layer_norm_grad, {&y, &dweight, &dbias}, in.with({&in.dy, &in.x, &stats}, false),
                LayerNormGradParams{true, true});
      for (double sum : elements(dweight, in.compute)) CHECK_EQ(sum, 0.0);
      for (double sum : elements(dbias, in.compute)) CHECK_EQ(sum, 0.0);
      run_twice(kernels::batch_norm, {&y, &mean, &variance}, in.with({&in.x}, true), in.params());
      for (double of_nothing : elements(mean, in.compute)) CHECK(std::isnan(of_nothing));
      run_twice(kernels::batch_norm_eval, {&y}, in.with({&in.x, &mean, &variance}, true), in.params());
      run_twice(kernels::batch_norm_grad, {&y, &dweight, &dbias},
                in.with({&in.dy, &in.x, &mean, &variance}, false), NormParams{kEps, true, false});
    }
  });
}

TEST(running_statistics) {
  for_each_isa([] {
    for (DType dtype : {DType::kF32, DType::kF64}) {
      Buffer mean(dtype, {2}), variance(dtype, {2}), count(DType::kI64, {}), own(dtype, {2}),
          spread(dtype, {2});
      const double before[] = {1, -2}, fresh[] = {3, 4};
      for (int64_t c = 0; c < 2; ++c) {
        set_element(mean, dtype, c, before[c]);
        set_element(variance, dtype, c, 8);
        set_element(own, dtype, c, fresh[c]);
        set_element(spread, dtype, c, 3);
      }
      *count.as<int64_t>() = 3;
      const auto update = [&](const kernels::BatchNormUpdateParams& params) {
        run(kernels::batch_norm_update, 1,
            {mean.operand(stream::Role::kInOut), variance.operand(stream::Role::kInOut),
             count.operand(stream::Role::kInOut), own.in(), spread.in()},
            params);
      };
      update({0.5, 4.0 / 3, false});
      CHECK_EQ(*count.as<int64_t>(), 4);
      CHECK_EQ(element(mean, dtype, 0), 2.0);
      CHECK_EQ(element(mean, dtype, 1), 1.0);
      CHECK_NEAR(element(variance, dtype, 0), 6.0, 1e-5);
      update({0.5, 4.0 / 3, true});  // a share of 1 / 5
      CHECK_EQ(*count.as<int64_t>(), 5);
      CHECK_NEAR(element(mean, dtype, 0), 2.2, 1e-6);
      CHECK_NEAR(element(variance, dtype, 1), 5.6, 1e-5);
    }
  });
}

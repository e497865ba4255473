// The softmax and cross-entropy kernels against double loops.
#include "kernels/softmax.h"

#include <cmath>

#include "check.h"
#include "kernel_cases.h"

using namespace hebb;
using namespace hebb::testing;
using kernels::CrossEntropyParams;

namespace {

constexpr DType kFloats[] = {DType::kF32, DType::kF64, DType::kF16, DType::kBF16};
constexpr int64_t kShapes[][2] = {{1, 1}, {5, 10}, {3, 16}, {2, 33}, {70, 101}, {2, 9001}};

double bound(DType dtype, double size) { return 4 * relative_bound(dtype) * (1e-3 + size); }

// exp(x - max) / sum of one row.
std::vector<double> probabilities(Buffer& x, DType dtype, int64_t row, int64_t n) {
  double top = -INFINITY, sum = 0;
  std::vector<double> p;
  for (int64_t c = 0; c < n; ++c) top = std::fmax(top, element(x, dtype, row * n + c));
  for (int64_t c = 0; c < n; ++c) p.push_back(std::exp(element(x, dtype, row * n + c) - top));
  for (double v : p) sum += v;
  for (double& v : p) v /= sum;
  return p;
}

// One and two threads must give the same bits; returns the operand that was written.
void run_twice(const stream::Slot& slot, Buffer& y, Buffer& other, std::vector<stream::Operand> operands) {
  operands.insert(operands.begin(), y.out());
  run(slot, 1, operands, 0);
  operands[0] = other.out();
  run(slot, 2, operands, 0);
  CHECK(same_bits(y, other));
}

}  // namespace

TEST(softmax_rows) {
  for_each_device([] {
    for (auto [rows, n] : kShapes) {
      for (DType dtype : kFloats) {
        Buffer x(dtype, {rows, n}), y(dtype, {rows, n}), log_y(dtype, {rows, n}), other(dtype, {rows, n});
        fill_random(x, dtype, 1, dtype == DType::kF32 ? 500 : 0);
        run_twice(kernels::softmax, y, other, {x.in()});
        run_twice(kernels::log_softmax, log_y, other, {x.in()});
        for (int64_t row = 0; row < rows; ++row) {
          const auto p = probabilities(x, dtype, row, n);
          for (int64_t c = 0; c < n; ++c) {
            const double log_p = std::log(p[size_t(c)]);
            CHECK_NEAR(element(y, dtype, row * n + c), p[size_t(c)], bound(dtype, p[size_t(c)]));
            CHECK_NEAR(element(log_y, dtype, row * n + c), log_p, bound(dtype, std::fabs(log_p)));
          }
        }
      }
    }
  });
}

TEST(softmax_gradients) {
  for_each_device([] {
    for (auto [rows, n] : kShapes) {
      for (DType dtype : kFloats) {
        Buffer y(dtype, {rows, n}), dy(dtype, {rows, n}), dx(dtype, {rows, n}), other(dtype, {rows, n});
        fill_random(y, dtype, 2, -2);
        fill_random(dy, dtype, 3);
        for (bool log : {false, true}) {
          run_twice(log ? kernels::log_softmax_grad : kernels::softmax_grad, dx, other, {dy.in(), y.in()});
          for (int64_t row = 0; row < rows; ++row) {
            double sum = 0, size = 0;
            for (int64_t c = 0; c < n; ++c) {
              const double v = element(y, dtype, row * n + c), d = element(dy, dtype, row * n + c);
              sum += log ? d : d * v;
              size += std::fabs(log ? d : d * v);
            }
            for (int64_t c = 0; c < n; ++c) {
              const double v = element(y, dtype, row * n + c), d = element(dy, dtype, row * n + c);
              const double want = log ? d - std::exp(v) * sum : v * (d - sum);
              const double factor = log ? std::exp(v) : std::fabs(v);
              CHECK_NEAR(element(dx, dtype, row * n + c), want,
                         bound(dtype, std::fabs(want) + std::fabs(d)) + bound(DType::kF32, size * factor));
            }
          }
        }
      }
    }
  });
}

TEST(softmax_of_infinities) {
  for_each_device([] {
    for (int64_t n : {3, 40}) {
      Buffer x(DType::kF32, {1, n}), y(DType::kF32, {1, n}), other(DType::kF32, {1, n});
      for (int64_t c = 0; c < n; ++c) x.as<float>()[c] = -INFINITY;
      run_twice(kernels::softmax, y, other, {x.in()});
      for (int64_t c = 0; c < n; ++c) CHECK(std::isnan(y.as<float>()[c]));
      x.as<float>()[n - 1] = 2;
      run_twice(kernels::softmax, y, other, {x.in()});
      CHECK_EQ(y.as<float>()[n - 1], 1.0f);
      CHECK_EQ(y.as<float>()[0], 0.0f);
    }
  });
}

namespace {

struct Loss {
  double smoothing;
  bool weighted;
};

// dloss/dlogits of one row by the formula, and the loss itself.
double reference_row(Buffer& x, DType dtype, int64_t row, int64_t n, int64_t id,
                     const std::vector<double>& weight, double smoothing, std::vector<double>& grad) {
  const auto p = probabilities(x, dtype, row, n);
  double loss = 0, all = 0;
  std::vector<double> target(static_cast<size_t>(n));
  for (size_t c = 0; c < p.size(); ++c) {
    target[c] = weight[c] * smoothing / double(n) + (int64_t(c) == id ? weight[c] * (1 - smoothing) : 0);
    loss -= target[c] * std::log(p[c]);
    all += target[c];
  }
  grad.clear();
  for (size_t c = 0; c < p.size(); ++c) grad.push_back(p[c] * all - target[c]);
  return loss;
}

void check_cross_entropy(DType dtype, DType id_type, int64_t rows, int64_t n, Loss options) {
  const DType compute = compute_type(dtype);
  Buffer x(dtype, {rows, n}), ids(id_type, {rows}), weight(compute, {n}), dloss(compute, {rows});
  fill_random(x, dtype, 5);
  const int64_t ignored = -100;
  std::vector<double> weights(static_cast<size_t>(n), 1.0);
  for (int64_t c = 0; c < n; ++c) {
    set_element(weight, compute, c, 0.5 + double(c % 3));
    if (options.weighted) weights[size_t(c)] = 0.5 + double(c % 3);
  }
  for (int64_t row = 0; row < rows; ++row) {
    set_element(ids, id_type, row, row % 4 == 3 ? double(ignored) : double(row * 7 % n));
    set_element(dloss, compute, row, 0.25 + double(row % 3));
  }
  Buffer loss(compute, {rows}), share(compute, {rows}), stats(compute, {rows, 2}), dx(dtype, {rows, n});
  Buffer loss2(compute, {rows}), dx2(dtype, {rows, n});
  const CrossEntropyParams params{ignored, options.smoothing};
  for (int threads : {1, 2}) {
    std::vector<stream::Operand> forward{(threads == 1 ? loss : loss2).out(), share.out(), stats.out(),
                                         x.in(), ids.in()};
    if (options.weighted) forward.push_back(weight.in());
    CHECK(!run(kernels::cross_entropy, threads, forward, params).set);
    std::vector<stream::Operand> backward{(threads == 1 ? dx : dx2).out(), x.in(), ids.in(), stats.in(),
                                          dloss.in()};
    if (options.weighted) backward.push_back(weight.in());
    run(kernels::cross_entropy_grad, threads, backward, params);
  }
  CHECK(same_bits(loss, loss2));
  CHECK(same_bits(dx, dx2));
  std::vector<double> grad;
  for (int64_t row = 0; row < rows; ++row) {
    const auto id = int64_t(element(ids, id_type, row));
    const double d = element(dloss, compute, row);
    if (id == ignored) {
      CHECK_EQ(element(loss, compute, row), 0.0);
      CHECK_EQ(element(share, compute, row), 0.0);
      for (int64_t c = 0; c < n; ++c) CHECK_EQ(element(dx, dtype, row * n + c), 0.0);
      continue;
    }
    const double want = reference_row(x, dtype, row, n, id, weights, options.smoothing, grad);
    CHECK_NEAR(element(loss, compute, row), want, bound(compute, std::fabs(want)));
    CHECK_EQ(element(share, compute, row), weights[size_t(id)]);
    for (int64_t c = 0; c < n; ++c) {
      CHECK_NEAR(element(dx, dtype, row * n + c), d * grad[size_t(c)],
                 bound(dtype, std::fabs(d * grad[size_t(c)])) + bound(compute, 3));
    }
  }
}

}  // namespace

TEST(cross_entropy_rows) {
  for_each_device([] {
    for (auto [rows, n] : kShapes) {
      for (DType dtype : kFloats) {
        for (const Loss& options : {Loss{0, false}, Loss{0.1, false}, Loss{0, true}, Loss{0.3, true}}) {
          check_cross_entropy(dtype, DType::kI32, rows, n, options);
        }
      }
    }
    check_cross_entropy(DType::kF32, DType::kI64, 9, 12, {0.1, true});
  });
}

TEST(cross_entropy_reports_the_first_bad_id) {
  for_each_device([] {
    Buffer x(DType::kF32, {5, 4}), ids(DType::kI32, {5}), loss(DType::kF32, {5}), share(DType::kF32, {5}),
        stats(DType::kF32, {5, 2});
    fill_random(x, DType::kF32, 6);
    const int32_t list[] = {0, -100, 4, 3, -1};
    std::memcpy(ids.as<int32_t>(), list, sizeof list);
    for (int threads : {1, 2}) {
      const auto fault =
          run(kernels::cross_entropy, threads, {loss.out(), share.out(), stats.out(), x.in(), ids.in()},
              CrossEntropyParams{-100, 0});
      CHECK(fault.set);
      CHECK_EQ(fault.position, 2);
      CHECK_EQ(fault.value, 4);
      CHECK_EQ(fault.limit, 3);
    }
  });
}

// Softmax and cross-entropy around the borders of words, warps and blocks, beside rows that are not finite,
// and guards.
#include <cmath>
#include <utility>

#include "check.h"
#include "kernel_cases.h"
#include "kernels/softmax.h"

using namespace hebb;
using namespace hebb::testing;
using kernels::CrossEntropyParams;

namespace {

constexpr int64_t kWidths[] = {2,   3,   4,   5,    7,    8,    9,    31,   32,   127,  128,
                               129, 255, 257, 1023, 1024, 1025, 2047, 2048, 2049, 4097, 8193};

double bound(DType dtype, double size) { return 4 * relative_bound(dtype) * (1e-3 + size); }

struct Sums {
  double top = -INFINITY, exps = 0;
};
Sums sums_of(Buffer& x, DType dtype, int64_t row, int64_t n) {
  Sums sums;
  for (int64_t c = 0; c < n; ++c) sums.top = std::fmax(sums.top, element(x, dtype, row * n + c));
  for (int64_t c = 0; c < n; ++c) sums.exps += std::exp(element(x, dtype, row * n + c) - sums.top);
  return sums;
}

void check_width(DType dtype, int64_t rows, int64_t n) {
  Buffer x(dtype, {rows, n}), y(dtype, {rows, n}), log_y(dtype, {rows, n}), dy(dtype, {rows, n}),
      dx(dtype, {rows, n});
  fill_random(x, dtype, 1);
  fill_random(dy, dtype, 2);
  // The largest comes last, where a sum in one pass has to begin again.
  set_element(x, dtype, rows * n - 1, 9);
  run(kernels::softmax, 1, {y.out(), x.in()}, 0);
  run(kernels::log_softmax, 1, {log_y.out(), x.in()}, 0);
  run(kernels::softmax_grad, 1, {dx.out(), dy.in(), y.in()}, 0);
  for (int64_t row = 0; row < rows; ++row) {
    const Sums sums = sums_of(x, dtype, row, n);
    double product = 0, size = 0;
    for (int64_t c = 0; c < n; ++c) {
      const double value = element(y, dtype, row * n + c) * element(dy, dtype, row * n + c);
      product += value;
      size += std::fabs(value);
    }
    for (int64_t c = 0; c < n; ++c) {
      const int64_t at = row * n + c;
      const double log_p = element(x, dtype, at) - sums.top - std::log(sums.exps), p = std::exp(log_p);
      CHECK_NEAR(element(y, dtype, at), p, bound(dtype, p));
      // Near 0, what the sum is rounded by, which is near 1, is more than the result is.
      const double sum_rounding = 0.1 * relative_bound(compute_type(dtype));
      CHECK_NEAR(element(log_y, dtype, at), log_p, bound(dtype, std::fabs(log_p)) + sum_rounding);
      const double stored = element(y, dtype, at), want = stored * (element(dy, dtype, at) - product);
      CHECK_NEAR(element(dx, dtype, at), want,
                 bound(dtype, std::fabs(want)) + bound(DType::kF32, size * stored));
    }
  }
}

}  // namespace

TEST(softmax_around_every_border) {
  for_each_device([] {
    for (int64_t n : kWidths) {
      for (DType dtype : {DType::kF32, DType::kF64, DType::kF16, DType::kBF16}) check_width(dtype, 3, n);
    }
    for (int64_t n : {16384, 16385, 33000}) {
      check_width(DType::kF32, 1, n);
      check_width(DType::kF16, 2, n);
    }
    check_width(DType::kF32, 4099, 3);
  });
}

TEST(softmax_of_rows_that_begin_anywhere) {
  for_each_device([] {
    for (int64_t n : {8, 64, 1024, 20000}) {
      Buffer x(DType::kF32, {3, n}), moved(DType::kF32, {3 * n + 1}), a(DType::kF32, {3, n}),
          b(DType::kF32, {3, n});
      fill_random(x, DType::kF32, 3);
      std::memcpy(moved.as<float>() + 1, x.as<float>(), x.bytes());
      stream::Operand view = x.in();
      view.data = moved.as<float>() + 1;
      run(kernels::softmax, 1, {a.out(), x.in()}, 0);
      run(kernels::softmax, 1, {b.out(), view}, 0);
      CHECK(same_bits(a, b));
    }
  });
}

TEST(softmax_keeps_what_is_not_finite_in_its_row) {
  for_each_device([] {
    for (int64_t n : {5, 100, 1500, 17000}) {
      Buffer x(DType::kF32, {4, n}), y(DType::kF32, {4, n}), log_y(DType::kF32, {4, n});
      fill_random(x, DType::kF32, 4);
      float* rows = x.as<float>();
      rows[n - 2] = NAN;
      // All but the last element is -inf: whole turns of threads have nothing to add up.
      for (int64_t c = 0; c < n - 1; ++c) rows[n + c] = -INFINITY;
      rows[3 * n] = INFINITY;
      run(kernels::softmax, 1, {y.out(), x.in()}, 0);
      run(kernels::log_softmax, 1, {log_y.out(), x.in()}, 0);
      const Sums sums = sums_of(x, DType::kF32, 2, n);
      for (int64_t c = 0; c < n; ++c) {
        CHECK(std::isnan(y.as<float>()[c]) && std::isnan(log_y.as<float>()[c]));
        CHECK_EQ(y.as<float>()[n + c], c == n - 1 ? 1.0f : 0.0f);
        CHECK_EQ(log_y.as<float>()[n + c], c == n - 1 ? 0.0f : -INFINITY);
        const double p = std::exp(rows[2 * n + c] - sums.top) / sums.exps;
        CHECK_NEAR(y.as<float>()[2 * n + c], p, bound(DType::kF32, p));
        CHECK(std::isnan(y.as<float>()[3 * n + c]));
      }
    }
  });
}

TEST(cross_entropy_around_every_border) {
  for_each_device([] {
    for (int64_t n : {1, 3, 4, 33, 128, 1024, 1025, 4097, 20001}) {
      for (const auto& [smoothing, ignored] : {std::pair{0.0, -1}, std::pair{0.2, -1}, std::pair{0.2, 0}}) {
        const int64_t rows = 5;
        Buffer x(DType::kF32, {rows, n}), ids(DType::kI64, {rows}), weight(DType::kF32, {n}),
            loss(DType::kF32, {rows}), share(DType::kF32, {rows}), stats(DType::kF32, {rows, 2}),
            dloss(DType::kF32, {rows}), dx(DType::kF32, {rows, n});
        fill_random(x, DType::kF32, 5);
        double all = 0;
        for (int64_t c = 0; c < n; ++c) all += weight.as<float>()[c] = 0.5f + float(c % 3);
        for (int64_t row = 0; row < rows; ++row) {
          ids.as<int64_t>()[row] = row == 1 ? ignored : row == 2 ? 0 : n - 1;
          dloss.as<float>()[row] = float(row + 1);
        }
        const CrossEntropyParams params{ignored, smoothing};
        CHECK(!run(kernels::cross_entropy, 1,
                   {loss.out(), share.out(), stats.out(), x.in(), ids.in(), weight.in()}, params)
                   .set);
        run(kernels::cross_entropy_grad, 1, {dx.out(), x.in(), ids.in(), stats.in(), dloss.in(), weight.in()},
            params);
        for (int64_t row = 0; row < rows; ++row) {
          const int64_t id = ids.as<int64_t>()[row];
          const bool counts = id != ignored;
          const Sums sums = sums_of(x, DType::kF32, row, n);
          const double own = !counts ? 0 : (1 - smoothing) * double(weight.as<float>()[id]);
          double want = 0;
          for (int64_t c = 0; c < n; ++c) {
            const double below = double(x.as<float>()[row * n + c]) - sums.top;
            const double part = smoothing / double(n) * double(weight.as<float>()[c]) + (c == id ? own : 0);
            want += part * (std::log(sums.exps) - below);
            const double slope = std::exp(below) / sums.exps * (own + smoothing / double(n) * all) - part;
            CHECK_NEAR(dx.as<float>()[row * n + c], !counts ? 0 : slope * double(row + 1),
                       bound(DType::kF32, 3 * double(row + 1)));
          }
          CHECK_NEAR(loss.as<float>()[row], !counts ? 0 : want, bound(DType::kF32, 1 + want));
        }
      }
    }
  });
}

TEST(cross_entropy_guards_against_any_id) {
  for_each_device([] {
    for (int64_t rows : {1, 33, 3000}) {
      for (int64_t bad : {int64_t{0}, rows / 2, rows - 1}) {
        for (int64_t id : {int64_t{7}, int64_t{-2}, INT64_MAX, INT64_MIN}) {
          Buffer x(DType::kF32, {rows, 7}), ids(DType::kI64, {rows}), loss(DType::kF32, {rows}),
              share(DType::kF32, {rows}), stats(DType::kF32, {rows, 2}), dx(DType::kF32, {rows, 7});
          fill_random(x, DType::kF32, 6);
          for (int64_t row = 0; row < rows; ++row) ids.as<int64_t>()[row] = row % 3 == 1 ? -1 : row % 7;
          ids.as<int64_t>()[bad] = id;
          ids.as<int64_t>()[rows - 1] = id;
          const auto fault =
              run(kernels::cross_entropy, 1, {loss.out(), share.out(), stats.out(), x.in(), ids.in()},
                  CrossEntropyParams{-1, 0});
          CHECK(fault.set);
          CHECK_EQ(fault.position, bad);
          CHECK_EQ(fault.value, id);
          CHECK_EQ(fault.limit, 6);
          // What is still queued behind may not follow the id.
          run(kernels::cross_entropy_grad, 1, {dx.out(), x.in(), ids.in(), stats.in(), share.in()},
              CrossEntropyParams{-1, 0});
          for (int64_t c = 0; c < 7; ++c) CHECK_EQ(dx.as<float>()[bad * 7 + c], 0.0f);
        }
      }
    }
  });
}

#if defined(__x86_64__)
TEST(cross_entropy_has_ids_checked_alone) {
  kernels::cuda::fill();
  kernels::cuda::emulator::Queue queue{kernels::cuda::emulator::Order::kForward};
  stream::DeviceFault seen;
  stream::DeviceContext context{&queue, 2, &seen};
  // So many that threads look at several.
  const int64_t rows = 16390;
  Buffer x(DType::kF32, {rows, 3}), ids(DType::kI32, {rows});
  const stream::Operand operands[] = {x.out(), x.out(), x.out(), x.in(), ids.in()};
  stream::Command command{.slot = &kernels::cross_entropy, .operand_count = 5, .operands = operands};
  const CrossEntropyParams params{-100, 0};
  std::memcpy(command.params, &params, sizeof params);
  for (int64_t row = 0; row < rows; ++row) ids.as<int32_t>()[row] = row % 7 == 0 ? -100 : row % 3;
  kernels::cross_entropy.cuda_check(command, context);
  CHECK_EQ(seen.position, stream::kNoFault);
  for (int64_t row : {16389, 8197, 5}) ids.as<int32_t>()[row] = row == 5 ? 3 : -1;
  kernels::cross_entropy.cuda_check(command, context);
  CHECK_EQ(seen.position, uint64_t{5});
  CHECK_EQ(seen.value, 3);
  CHECK_EQ(seen.limit, 2);
}
#endif

// The fused optimizer kernels against the formulas in double precision, over lists of odd sizes, on every
// device and with two thread counts.
#include <cmath>
#include <cstring>
#include <memory>
#include <vector>

#include "check.h"
#include "core/random.h"
#include "device/cpu/isa.h"
#include "each_isa.h"
#include "kernel_harness.h"
#include "kernels/fill.h"
#include "kernels/optimizer.h"

namespace {

using hebb::DType;
using hebb::stream::Operand;
using hebb::stream::Role;
using hebb::testing::Buffer;
using hebb::testing::for_each_device;
using hebb::testing::run;
namespace kernels = hebb::kernels;

// An empty parameter first, in the middle and last; one larger than two chunks.
constexpr int64_t kSizes[] = {0, 1, 17, 0, 20001, 8192, 5, 0};
constexpr size_t kCount = std::size(kSizes);
constexpr double kRate = 0.0123;

template <class T>
constexpr DType kType = sizeof(T) == 8 ? DType::kF64 : DType::kF32;

float noise(uint64_t index) { return hebb::uniform_float(hebb::philox(7, index).w[0]) * 2 - 1; }

// Parameters, gradients and moments as the kernel takes them, and in double for the reference.
template <class T>
struct Problem {
  std::vector<std::unique_ptr<Buffer>> params, first, second, most, steps, grads;
  Buffer rate{DType::kF32, {}};
  std::vector<std::vector<double>> p, m, v, x, g;

  Problem() {
    *rate.as<float>() = static_cast<float>(kRate);
    uint64_t next = 0;
    for (int64_t size : kSizes) {
      for (auto* list : {&params, &first, &second, &most, &grads}) {
        list->push_back(std::make_unique<Buffer>(kType<T>, std::vector<int64_t>{size}));
        std::memset(list->back()->template as<T>(), 0, list->back()->bytes());
      }
      steps.push_back(std::make_unique<Buffer>(DType::kI32, std::vector<int64_t>{}));
      *steps.back()->template as<int32_t>() = 0;
      for (auto* list : {&p, &m, &v, &x, &g}) list->push_back(std::vector<double>(static_cast<size_t>(size)));
      for (int64_t i = 0; i < size; ++i) {
        p.back()[static_cast<size_t>(i)] = params.back()->template as<T>()[i] = noise(next++);
      }
    }
  }

  void new_grads(int step) {
    for (size_t i = 0; i < kCount; ++i) {
      for (int64_t j = 0; j < kSizes[i]; ++j) {
        g[i][static_cast<size_t>(j)] = grads[i]->template as<T>()[j] =
            noise(static_cast<uint64_t>((step * 10 + static_cast<int>(i) + 1) * 100000 + j));
      }
    }
  }

  std::vector<Operand> operands(const std::vector<std::vector<std::unique_ptr<Buffer>>*>& updates) {
    std::vector<Operand> all;
    for (auto* list : updates) {
      for (auto& buffer : *list) all.push_back(buffer->operand(Role::kInOut));
    }
    for (auto& buffer : grads) all.push_back(buffer->in());
    all.push_back(rate.in());
    return all;
  }

  void check(double tolerance) {
    for (size_t i = 0; i < kCount; ++i) {
      for (size_t j = 0; j < p[i].size(); ++j) CHECK_NEAR(params[i]->template as<T>()[j], p[i][j], tolerance);
    }
  }
};

template <class T>
void run_sgd(const kernels::SgdParams& params, int threads, std::vector<T>* result) {
  Problem<T> problem;
  const double rate = static_cast<float>(kRate);
  for (int step = 0; step < 5; ++step) {
    problem.new_grads(step);
    const auto operands = params.momentum == 0
                              ? problem.operands({&problem.params})
                              : problem.operands({&problem.params, &problem.first, &problem.steps});
    run(kernels::sgd_step, threads, operands, params);
    for (size_t i = 0; i < kCount; ++i) {
      for (size_t j = 0; j < problem.p[i].size(); ++j) {
        double& p = problem.p[i][j];
        double& b = problem.m[i][j];
        double g = params.maximize ? -problem.g[i][j] : problem.g[i][j];
        g += params.weight_decay * p;
        b = step == 0 ? g : params.momentum * b + (1 - params.dampening) * g;
        const double direction = params.momentum == 0 ? g : params.nesterov ? g + params.momentum * b : b;
        p -= rate * direction;
      }
      if (params.momentum != 0) CHECK_EQ(*problem.steps[i]->template as<int32_t>(), step + 1);
    }
  }
  problem.check(sizeof(T) == 8 ? 1e-14 : 1e-6);
  result->assign(problem.params[4]->template as<T>(), problem.params[4]->template as<T>() + kSizes[4]);
}

template <class T>
void run_adam(const kernels::AdamParams& params, int threads, std::vector<T>* result) {
  Problem<T> problem;
  const double rate = static_cast<float>(kRate);
  for (int step = 1; step <= 5; ++step) {
    problem.new_grads(step);
    auto operands = problem.operands({&problem.params, &problem.first, &problem.second, &problem.steps});
    if (params.amsgrad) {
      operands =
          problem.operands({&problem.params, &problem.first, &problem.second, &problem.most, &problem.steps});
    }
    run(kernels::adam_step, threads, operands, params);
    for (size_t i = 0; i < kCount; ++i) {
      for (size_t j = 0; j < problem.p[i].size(); ++j) {
        double &p = problem.p[i][j], &m = problem.m[i][j], &v = problem.v[i][j], &most = problem.x[i][j];
        double g = problem.g[i][j];
        if (params.decoupled) {
          p -= rate * params.weight_decay * p;
        } else {
          g += params.weight_decay * p;
        }
        m = params.beta1 * m + (1 - params.beta1) * g;
        v = params.beta2 * v + (1 - params.beta2) * g * g;
        most = std::fmax(most, v);
        const double unbiased_m = m / (1 - std::pow(params.beta1, step));
        const double unbiased_v = (params.amsgrad ? most : v) / (1 - std::pow(params.beta2, step));
        p -= rate * unbiased_m / (std::sqrt(unbiased_v) + params.eps);
      }
      CHECK_EQ(*problem.steps[i]->template as<int32_t>(), step);
    }
  }
  problem.check(sizeof(T) == 8 ? 1e-13 : 2e-6);
  result->assign(problem.params[4]->template as<T>(), problem.params[4]->template as<T>() + kSizes[4]);
}

template <class T, class P>
void check_threads(void (*body)(const P&, int, std::vector<T>*), const P& params) {
  std::vector<T> one, two;
  body(params, 1, &one);
  body(params, 2, &two);
  CHECK(std::memcmp(one.data(), two.data(), one.size() * sizeof(T)) == 0);
}

}  // namespace

TEST(optimizer_sgd_follows_the_formula) {
  const int64_t n = kCount;
  const kernels::SgdParams cases[] = {{n, 0, 0, 0, false, false},    {n, 0, 0, 0.1, false, true},
                                      {n, 0.9, 0, 0, false, false},  {n, 0.9, 0.5, 0.1, false, false},
                                      {n, 0.9, 0, 0.1, true, false}, {n, 0.5, 0, 0, true, true}};
  for_each_device([&] {
    for (const auto& params : cases) {
      check_threads<float>(&run_sgd<float>, params);
      check_threads<double>(&run_sgd<double>, params);
    }
  });
}

TEST(optimizer_adam_follows_the_formula) {
  const int64_t n = kCount;
  const kernels::AdamParams cases[] = {{n, 0.9, 0.999, 1e-8, 0, false, false},
                                       {n, 0.8, 0.95, 1e-3, 0.1, false, false},
                                       {n, 0.9, 0.999, 1e-8, 0.1, true, false},
                                       {n, 0.9, 0.9, 1e-8, 0, false, true},
                                       {n, 0, 0.9, 1e-8, 0.01, true, true}};
  for_each_device([&] {
    for (const auto& params : cases) {
      check_threads<float>(&run_adam<float>, params);
      check_threads<double>(&run_adam<double>, params);
    }
  });
}

TEST(optimizer_weight_decay_of_zero_leaves_infinite_parameters_alone) {
  for_each_device([] {
    Buffer p(DType::kF32, {1}), g(DType::kF32, {1}), rate(DType::kF32, {});
    p.as<float>()[0] = INFINITY;
    g.as<float>()[0] = 1;
    *rate.as<float>() = 0.1f;
    run(kernels::sgd_step, 1, {p.operand(Role::kInOut), g.in(), rate.in()},
        kernels::SgdParams{1, 0, 0, 0, false, false});
    CHECK_EQ(p.as<float>()[0], INFINITY);
  });
}

// Long lists, whose tables take several launches, and memory that begins anywhere; all devices give the same
// bits.
TEST(optimizer_updates_long_lists_alike_on_all_devices) {
  const int64_t n = 101, room = 23;
  std::vector<float> first;
  for_each_device([&] {
    Buffer all(DType::kF32, {4 * n * room}), steps(DType::kI32, {n}), rate(DType::kF64, {});
    *rate.as<double>() = kRate;
    std::vector<Operand> operands;
    for (int64_t i = 0; i < all.size(); ++i) all.as<float>()[i] = std::fabs(noise(static_cast<uint64_t>(i)));
    const auto add = [&](Buffer& buffer, int64_t at, int64_t size, Role role) {
      Operand operand = buffer.operand(role);
      operand.data = buffer.as<float>() + at;
      operand.shape[0] = size;
      operands.push_back(operand);
    };
    // Every third one begins where a quad does.
    const auto add_list = [&](int64_t list, Role role) {
      for (int64_t i = 0; i < n; ++i)
        add(all, (list * n + i) * room + (i % 3 == 0 ? -(list * n + i) * room & 3 : 0), i % 20, role);
    };
    for (int64_t list : {0, 1, 2}) add_list(list, Role::kInOut);
    for (int64_t i = 0; i < n; ++i) {
      steps.as<int32_t>()[i] = static_cast<int32_t>(i);
      add(steps, i, 1, Role::kInOut);
    }
    add_list(3, Role::kIn);
    operands.push_back(rate.in());
    run(kernels::adam_step, 2, operands, kernels::AdamParams{n, 0.9, 0.99, 1e-8, 0.1, true, false});
    for (int64_t i = 0; i < n; ++i) CHECK_EQ(steps.as<int32_t>()[i], i + 1);
    const std::vector<float> result(all.as<float>(), all.as<float>() + all.size());
    if (first.empty()) first = result;
    CHECK(std::memcmp(first.data(), result.data(), all.bytes()) == 0);
  });
}

// The indexing kernels against plain loops, and their guards.
#include "kernels/index.h"

#include <cmath>

#include "check.h"
#include "kernel_cases.h"

using namespace hebb;
using namespace hebb::testing;

namespace {

constexpr DType kAll[] = {DType::kF32, DType::kF64, DType::kF16, DType::kBF16,
                          DType::kI32, DType::kI64, DType::kU8,  DType::kBool};

struct Case {
  int64_t outer, extent, count, inner;
};
constexpr Case kCases[] = {{1, 7, 5, 3},   {2, 5, 9, 1},    {3, 4, 6, 70}, {1, 3, 400, 2},
                           {2, 1, 3, 300}, {1, 50, 20, 65}, {1, 6, 0, 4}};

void fill_indices(Buffer& indices, DType dtype, int64_t extent) {
  std::mt19937 generator(9);
  for (int64_t k = 0; k < indices.size(); ++k)
    set_element(indices, dtype, k, double(generator() % uint64_t(extent)));
}

// Runs with both thread counts; the results must agree in every bit.
void run_both(const stream::Slot& slot, Buffer& y, Buffer& other, Buffer& x, Buffer& indices) {
  CHECK(!run(slot, 1, {y.out(), x.in(), indices.in()}, 0).set);
  CHECK(!run(slot, 2, {other.out(), x.in(), indices.in()}, 0).set);
  CHECK(same_bits(y, other));
}

// Sums of `value` at `at`, compared with what the kernel wrote.
void check_sums(Buffer& y, DType dtype, const std::vector<double>& want, const std::vector<double>& size) {
  for (int64_t i = 0; i < y.size(); ++i) {
    double expected = want[size_t(i)];
    if (dtype == DType::kU8) expected = std::fmod(expected, 256);
    if (dtype == DType::kBool) continue;
    CHECK_NEAR(element(y, dtype, i), expected, relative_bound(dtype) * size[size_t(i)]);
  }
}

void check_rows(DType dtype, DType id_type, const Case& c) {
  Buffer x(dtype, {c.outer, c.extent, c.inner}), indices(id_type, {c.count});
  fill_random(x, dtype, 1);
  fill_indices(indices, id_type, c.extent);
  Buffer y(dtype, {c.outer, c.count, c.inner}), other(dtype, {c.outer, c.count, c.inner});
  run_both(kernels::take, y, other, x, indices);
  Buffer back(dtype, {c.outer, c.extent, c.inner}), back2(dtype, {c.outer, c.extent, c.inner});
  run_both(kernels::index_add, back, back2, y, indices);
  std::vector<double> sums(size_t(back.size())), sizes(size_t(back.size()));
  for (int64_t o = 0; o < c.outer; ++o) {
    for (int64_t k = 0; k < c.count; ++k) {
      for (int64_t i = 0; i < c.inner; ++i) {
        const int64_t from = (o * c.extent + int64_t(element(indices, id_type, k))) * c.inner + i;
        const double value = element(y, dtype, (o * c.count + k) * c.inner + i);
        CHECK_EQ(value, element(x, dtype, from));
        sums[size_t(from)] += value;
        sizes[size_t(from)] += std::fabs(value);
      }
    }
  }
  check_sums(back, dtype, sums, sizes);
}

void check_elements(DType dtype, DType id_type, const Case& c) {
  Buffer x(dtype, {c.outer, c.extent, c.inner}), indices(id_type, {c.outer, c.count, c.inner});
  fill_random(x, dtype, 2);
  fill_indices(indices, id_type, c.extent);
  Buffer y(dtype, {c.outer, c.count, c.inner}), other(dtype, {c.outer, c.count, c.inner});
  run_both(kernels::gather, y, other, x, indices);
  Buffer back(dtype, {c.outer, c.extent, c.inner}), back2(dtype, {c.outer, c.extent, c.inner});
  run_both(kernels::scatter_add, back, back2, y, indices);
  std::vector<double> sums(size_t(back.size())), sizes(size_t(back.size()));
  for (int64_t at = 0; at < y.size(); ++at) {
    const int64_t o = at / c.inner / c.count, i = at % c.inner;
    const int64_t from = (o * c.extent + int64_t(element(indices, id_type, at))) * c.inner + i;
    CHECK_EQ(element(y, dtype, at), element(x, dtype, from));
    sums[size_t(from)] += element(y, dtype, at);
    sizes[size_t(from)] += std::fabs(element(y, dtype, at));
  }
  check_sums(back, dtype, sums, sizes);
}

}  // namespace

TEST(index_rows) {
  for_each_device([] {
    for (const Case& c : kCases) {
      for (DType dtype : kAll) check_rows(dtype, DType::kI32, c);
      check_rows(DType::kF32, DType::kI64, c);
    }
  });
}

TEST(index_elements) {
  for_each_device([] {
    for (const Case& c : kCases) {
      for (DType dtype : kAll) check_elements(dtype, DType::kI32, c);
      check_elements(DType::kF32, DType::kI64, c);
    }
  });
}

TEST(index_one_hot) {
  for_each_device([] {
    for (DType dtype : kAll) {
      Buffer ids(DType::kI64, {2001}), y(dtype, {2001, 11}), other(dtype, {2001, 11});
      fill_indices(ids, DType::kI64, 11);
      run(kernels::one_hot, 1, {y.out(), ids.in()}, 0);
      run(kernels::one_hot, 2, {other.out(), ids.in()}, 0);
      CHECK(same_bits(y, other));
      for (int64_t i = 0; i < y.size(); ++i) {
        CHECK_EQ(element(y, dtype, i), ids.as<int64_t>()[i / 11] == i % 11 ? 1.0 : 0.0);
      }
    }
  });
}

TEST(index_guards_report_the_first_bad_index) {
  for_each_device([] {
    Buffer x(DType::kF32, {1, 4, 2}), y(DType::kF32, {1, 3, 2}), rows(DType::kI32, {3}),
        each(DType::kI32, {1, 3, 2});
    fill_random(x, DType::kF32, 3);
    const int32_t list[] = {0, 4, -1};
    std::memcpy(rows.as<int32_t>(), list, sizeof list);
    const int32_t many[] = {0, 1, 2, 3, 1, -7};
    std::memcpy(each.as<int32_t>(), many, sizeof many);
    auto fault = run(kernels::take, 2, {y.out(), x.in(), rows.in()}, 0);
    CHECK(fault.set);
    CHECK_EQ(fault.position, 1);
    CHECK_EQ(fault.value, 4);
    CHECK_EQ(fault.limit, 3);
    CHECK_EQ(run(kernels::index_add, 2, {x.out(), y.in(), rows.in()}, 0).position, 1);
    fault = run(kernels::gather, 2, {y.out(), x.in(), each.in()}, 0);
    CHECK_EQ(fault.position, 5);
    CHECK_EQ(fault.value, -7);
    CHECK_EQ(run(kernels::scatter_add, 2, {x.out(), y.in(), each.in()}, 0).position, 5);
    Buffer hot(DType::kF32, {3, 4});
    CHECK_EQ(run(kernels::one_hot, 2, {hot.out(), rows.in()}, 0).position, 1);
  });
}

#if defined(__x86_64__)
// A compiled step lets guards look before it writes anything.
TEST(index_cuda_checks_look_at_indices_alone) {
  kernels::cuda::fill();
  Buffer x(DType::kF32, {1, 4, 2}), y(DType::kF32, {1, 3, 2}), rows(DType::kI64, {3}),
      each(DType::kI32, {1, 3, 2}), hot(DType::kF32, {3, 4});
  const int64_t list[] = {3, -1, 9};
  std::memcpy(rows.as<int64_t>(), list, sizeof list);
  const int32_t many[] = {0, 1, 2, 3, 4, 7};
  std::memcpy(each.as<int32_t>(), many, sizeof many);
  const auto check = [](const stream::Slot& slot, const std::vector<stream::Operand>& operands,
                        uint64_t position, int64_t value) {
    stream::Command command;
    command.slot = &slot;
    command.operand_count = static_cast<int>(operands.size());
    command.operands = operands.data();
    stream::DeviceFault fault;
    kernels::cuda::emulator::Queue queue{kernels::cuda::emulator::Order::kShuffled};
    stream::DeviceContext context{&queue, 2, &fault, 0, nullptr, nullptr};
    slot.cuda_check(command, context);
    CHECK_EQ(fault.position, position);
    if (position == stream::kNoFault) return;
    CHECK_EQ(fault.value, value);
    CHECK_EQ(fault.limit, 3);
  };
  check(kernels::take, {y.out(), x.in(), rows.in()}, 1, -1);
  check(kernels::index_add, {x.out(), y.in(), rows.in()}, 1, -1);
  check(kernels::one_hot, {hot.out(), rows.in()}, 1, -1);
  check(kernels::gather, {y.out(), x.in(), each.in()}, 4, 4);
  check(kernels::scatter_add, {x.out(), y.in(), each.in()}, 4, 4);
  each.as<int32_t>()[4] = each.as<int32_t>()[5] = 3;
  check(kernels::gather, {y.out(), x.in(), each.in()}, stream::kNoFault, 0);
}
#endif

// Rows beyond what one pass and one block of a sort take; sums go in the order of the positions everywhere,
// so that bits are the same.
TEST(index_sums_are_alike_on_all_devices) {
  struct Sums {
    int64_t extent, count, inner, offset;
  };
  for (const Sums& c : {Sums{300, 5000, 1, 0}, Sums{70000, 2100, 1, 0}, Sums{257, 1025, 8, 0},
                        Sums{9, 2049, 4, 1}, Sums{256, 2048, 3, 0}}) {
    Buffer x(DType::kF32, {1, c.count, c.inner + c.offset}), ids(DType::kI64, {c.count}),
        each(DType::kI32, {1, c.count, c.inner}), y(DType::kF32, {1, c.extent, c.inner + c.offset});
    fill_random(x, DType::kF32, 4);
    fill_indices(ids, DType::kI64, c.extent);
    fill_indices(each, DType::kI32, c.extent);
    std::vector<float> first[2];
    for_each_device([&] {
      for (const int is_scatter : {0, 1}) {
        std::memset(y.as<char>(), 0, y.bytes());
        auto out = y.out(), in = x.in();
        for (auto* operand : {&out, &in}) {
          operand->data = operand->as<float>() + c.offset;
          operand->shape[2] = operand->strides[1] = c.inner;
        }
        const auto& slot = is_scatter ? kernels::scatter_add : kernels::index_add;
        CHECK(!run(slot, 2, {out, in, is_scatter ? each.in() : ids.in()}, 0).set);
        const std::vector<float> sums(y.as<float>(), y.as<float>() + y.size());
        if (first[is_scatter].empty()) first[is_scatter] = sums;
        CHECK(std::memcmp(sums.data(), first[is_scatter].data(), y.bytes()) == 0);
      }
    });
  }
}

TEST(index_long_buckets_are_accurate) {
  for_each_device([] {
    // The emulator takes its time.
    const int64_t count = on_emulator() ? 30002 : 300000;
    Buffer x(DType::kF32, {1, count, 1}), y(DType::kF32, {1, 2, 1}), ids(DType::kI32, {count}),
        each(DType::kI32, {1, count, 1});
    for (int64_t k = 0; k < count; ++k) {
      x.as<float>()[k] = 0.1f;
      ids.as<int32_t>()[k] = each.as<int32_t>()[k] = int32_t(k % 2);
    }
    const double exact = double(0.1f) * double(count) / 2;
    run(kernels::index_add, 1, {y.out(), x.in(), ids.in()}, 0);
    CHECK_NEAR(y.as<float>()[1], exact, exact * 1.2e-7);
    run(kernels::scatter_add, 1, {y.out(), x.in(), each.in()}, 0);
    CHECK_NEAR(y.as<float>()[0], exact, exact * 1.2e-7);
  });
}

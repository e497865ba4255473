// Copies around the borders of words and tiles, and every pair of dtypes, against naive loops: what must come
// out is the same on every device.
#include <cstring>
#include <limits>
#include <map>

#include "check.h"
#include "kernel_cases.h"
#include "kernels/copy.h"

namespace hebb::testing {
namespace {

using stream::Operand;

constexpr DType kDTypes[] = {DType::kF32, DType::kF64, DType::kF16, DType::kBF16,
                             DType::kI32, DType::kI64, DType::kU8,  DType::kBool};

struct None {};

// `size` elements from element `first` on.
Operand part_of(Operand operand, int64_t first, int64_t size) {
  operand.data = operand.as<char>() + first * item_size(operand.dtype);
  operand.rank = 1;
  operand.shape[0] = size;
  operand.strides[0] = 1;
  return operand;
}

void fill_bytes(Buffer& buffer, unsigned seed) {
  std::mt19937 random(seed);
  for (size_t i = 0; i < buffer.bytes(); ++i) buffer.as<uint8_t>()[i] = static_cast<uint8_t>(random());
}

TEST(copy_of_parts_at_any_place) {
  for_each_device([] {
    for (DType dtype : kDTypes) {
      const auto item = static_cast<size_t>(item_size(dtype));
      for (int64_t size : {1, 2, 7, 15, 16, 17, 33, 259}) {
        for (int64_t to : {0, 1, 16}) {
          for (int64_t from : {0, 2, 3, 16}) {
            Buffer x(dtype, {300}), y(dtype, {300});
            fill_bytes(x, 1);
            fill_bytes(y, 2);
            std::vector<char> want(y.as<char>(), y.as<char>() + y.bytes());
            std::memcpy(want.data() + size_t(to) * item, x.as<char>() + size_t(from) * item,
                        size_t(size) * item);
            run(kernels::copy_into, 1, {part_of(y.updated(), to, size), part_of(x.in(), from, size)}, None{});
            CHECK(std::memcmp(y.as<char>(), want.data(), want.size()) == 0);
          }
        }
      }
    }
  });
}

// Matrices [count, width, height], seen as [count, height, width], into rows of `pitch` elements.
void check_transpose(DType dtype, int64_t count, int64_t height, int64_t width, int64_t pitch) {
  Buffer x(dtype, {count, width, height}), y(dtype, {count, height, pitch});
  fill_bytes(x, 3);
  fill_bytes(y, 4);
  const auto item = static_cast<size_t>(item_size(dtype));
  std::vector<char> want(y.as<char>(), y.as<char>() + y.bytes());
  for (int64_t k = 0; k < count; ++k) {
    for (int64_t i = 0; i < height; ++i) {
      for (int64_t j = 0; j < width; ++j)
        std::memcpy(want.data() + size_t((k * height + i) * pitch + j) * item,
                    x.as<char>() + size_t((k * width + j) * height + i) * item, item);
    }
  }
  Operand to = y.updated(), from = x.in();
  to.shape[2] = width;
  std::swap(from.shape[1], from.shape[2]);
  std::swap(from.strides[1], from.strides[2]);
  run(kernels::copy_into, 1, {to, from}, None{});
  CHECK(std::memcmp(y.as<char>(), want.data(), want.size()) == 0);
}

TEST(copy_transposes_around_tiles) {
  for_each_device([] {
    for (DType dtype : {DType::kU8, DType::kF16, DType::kF32, DType::kF64}) {
      check_transpose(dtype, 1, 32, 32, 32);
      check_transpose(dtype, 3, 31, 33, 33);
      check_transpose(dtype, 2, 65, 8, 11);
      check_transpose(dtype, 2, 8, 64, 64);
      check_transpose(dtype, 5, 3, 40, 48);
      check_transpose(dtype, 1, 200, 7, 7);
    }
  });
}

TEST(copy_of_rows_in_wide_words) {
  for_each_device([] {
    for (DType dtype : {DType::kU8, DType::kF16, DType::kF32, DType::kF64}) {
      const auto item = static_cast<size_t>(item_size(dtype));
      for (int64_t width : {3, 4, 6, 8, 16, 48}) {
        // The middle rows of each of two slices, one column in where `shift` is 1; then one row for all.
        for (int64_t shift : {0, 1}) {
          for (bool repeated : {false, true}) {
            Buffer x(dtype, {2, 5, width + shift}), y(dtype, {2, 3, width});
            fill_bytes(x, 5);
            Operand from = x.in();
            from.data = x.as<char>() + (width + shift + shift) * item_size(dtype);
            from.shape[1] = 3;
            from.shape[2] = width;
            if (repeated) from.strides[1] = 0;
            run(kernels::copy, 1, {y.out(), from}, None{});
            for (int64_t i = 0; i < y.size(); ++i) {
              const int64_t row = repeated ? 1 : 1 + i / width % 3;
              const int64_t at = (i / width / 3 * 5 + row) * (width + shift) + shift + i % width;
              CHECK(std::memcmp(y.as<char>() + size_t(i) * item, x.as<char>() + size_t(at) * item, item) ==
                    0);
            }
          }
        }
      }
    }
  });
}

TEST(copy_of_constants_in_every_dtype) {
  for_each_device([] {
    for (DType dtype : kDTypes) {
      for (int64_t size : {1, 5, 16, 67}) {
        for (int64_t first : {0, 1}) {
          Operand three;
          three.constant = 3;
          three.dtype = DType::kI32;
          Buffer y(dtype, {70});
          std::memset(y.as<char>(), 0, y.bytes());
          run(kernels::copy_into, 1, {part_of(y.updated(), first, size), three}, None{});
          for (int64_t i = 0; i < y.size(); ++i) {
            const double inside = dtype == DType::kBool ? 1 : 3;
            CHECK_EQ(element(y, dtype, i), i >= first && i < first + size ? inside : 0.0);
          }
        }
      }
    }
    // An integer wraps where a float would saturate.
    Operand large;
    large.constant = 300;
    Buffer y(DType::kU8, {3});
    run(kernels::copy, 1, {y.out(), large}, None{});
    CHECK_EQ(int(y.as<uint8_t>()[2]), 255);
    large.dtype = DType::kI32;
    run(kernels::copy, 1, {y.out(), large}, None{});
    CHECK_EQ(int(y.as<uint8_t>()[2]), 44);
  });
}

// What each dtype finds hard, as far as `dtype` can hold it.
void fill_hard(Buffer& x, DType dtype) {
  const double infinity = std::numeric_limits<double>::infinity();
  const double floats[] = {0,    -0.0, 1,        -1.5,   2.75,  255.5,  256,        -0.25, 1e-7,
                           6e-8, 3e38, infinity, -1e300, 65520, 3.5e-5, 2147483648, 1e19,  -infinity};
  const double integers[] = {0, 1, -1, 44, 255, 256, -300, 65535, 2049, 16777217, 2147483647, -2147483648.0};
  const std::vector<double> values = is_float(dtype)
                                         ? std::vector<double>(std::begin(floats), std::end(floats))
                                         : std::vector<double>(std::begin(integers), std::end(integers));
  for (int64_t i = 0; i < x.size(); ++i) {
    const double value = values[size_t(i) % values.size()];
    if (dtype == DType::kBool) {
      set_element(x, dtype, i, value > 0);
    } else if (dtype == DType::kU8) {
      x.as<uint8_t>()[i] = static_cast<uint8_t>(static_cast<int64_t>(value));
    } else {
      set_element(x, dtype, i, value);
    }
  }
  if (dtype == DType::kI64) x.as<int64_t>()[0] = (int64_t{1} << 54) + 3;
  if (dtype == DType::kI64) x.as<int64_t>()[1] = INT64_MIN;
}

TEST(copy_converts_every_pair_alike) {
  std::map<int, std::vector<char>> first;
  for_each_device([&] {
    int index = 0;
    for (DType from : kDTypes) {
      for (DType to : kDTypes) {
        for (bool strided : {false, true}) {
          Buffer x(from, {75}), y(to, {75}), z(to, {5, 15});
          fill_hard(x, from);
          run(kernels::copy, 1, {y.out(), x.in()}, None{});
          Operand view = x.in();
          view.rank = 2;
          view.shape[0] = 5, view.shape[1] = 15;
          view.strides[0] = 1, view.strides[1] = 5;
          run(kernels::copy, 1, {z.out(), view}, None{});
          Buffer& result = strided ? z : y;
          std::vector<char> bits(result.as<char>(), result.as<char>() + result.bytes());
          const auto [known, is_new] = first.emplace(index++, bits);
          CHECK(is_new || known->second == bits);
        }
      }
    }
  });
}

TEST(arange_of_every_dtype) {
  for_each_device([] {
    for (DType dtype : kDTypes) {
      for (int64_t size : {1, 31, 257}) {
        Buffer y(dtype, {size});
        run(kernels::arange, 1, {y.out()}, kernels::ArangeParams{1, 0.5});
        for (int64_t i = 0; i < size; ++i) {
          const double value = 1 + 0.5 * double(i);
          const double want = dtype == DType::kBool ? 1 : is_float(dtype) ? value : double(int64_t(value));
          CHECK_NEAR(element(y, dtype, i), want, dtype == DType::kBF16 ? 0.5 : 0);
        }
      }
    }
  });
}

}  // namespace
}  // namespace hebb::testing

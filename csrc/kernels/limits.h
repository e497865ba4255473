// The least and the greatest value of a compute type.
#pragma once

#include <cstdint>

namespace hebb::kernels::HEBB_ISA {
namespace {

template <class T>
struct Limits {
  static constexpr T kLowest = -static_cast<T>(__builtin_inff());
  static constexpr T kHighest = static_cast<T>(__builtin_inff());
};
template <>
struct Limits<int32_t> {
  static constexpr int32_t kLowest = INT32_MIN, kHighest = INT32_MAX;
};
template <>
struct Limits<int64_t> {
  static constexpr int64_t kLowest = INT64_MIN, kHighest = INT64_MAX;
};

}  // namespace
}  // namespace hebb::kernels::HEBB_ISA

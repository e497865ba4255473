// The eight element types, their sizes, names and the promotion table.
#pragma once

#include <cstdint>
#include <cstring>

#include "core/inline.h"

namespace hebb {

enum class DType : uint8_t { kF32, kF64, kF16, kBF16, kI32, kI64, kU8, kBool };

inline constexpr int kDTypeCount = 8;

HEBB_INLINE constexpr int64_t item_size(DType dtype) {
  constexpr int64_t kSizes[kDTypeCount] = {4, 8, 2, 2, 4, 8, 1, 1};
  return kSizes[static_cast<int>(dtype)];
}

HEBB_INLINE constexpr bool is_float(DType dtype) { return dtype <= DType::kBF16; }

// The type a value is computed in: half types in f32, small integers in i32.
HEBB_INLINE constexpr DType compute_type(DType dtype) {
  switch (dtype) {
    case DType::kF16:
    case DType::kBF16:
      return DType::kF32;
    case DType::kU8:
    case DType::kBool:
      return DType::kI32;
    default:
      return dtype;
  }
}

// IEEE binary16 and bfloat16 as stored; arithmetic happens in f32.
struct F16 {
  uint16_t bits;
};
struct BF16 {
  uint16_t bits;
};

HEBB_INLINE uint32_t float_bits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

HEBB_INLINE float bits_float(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

HEBB_INLINE float to_float(BF16 value) { return bits_float(static_cast<uint32_t>(value.bits) << 16); }

// Round to nearest even; a NaN keeps its sign and becomes quiet.
HEBB_INLINE BF16 to_bf16(float value) {
  const uint32_t bits = float_bits(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return {static_cast<uint16_t>((bits >> 16) | 0x40u)};
  return {static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16)};
}

HEBB_INLINE float to_float(F16 value) {
  const uint32_t sign = static_cast<uint32_t>(value.bits & 0x8000u) << 16;
  const uint32_t magnitude = static_cast<uint32_t>(value.bits & 0x7fffu);
#if defined(__CUDA_ARCH__)
  // The same bits by one instruction, which would change those of a NaN.
  float converted;
  asm("cvt.f32.f16 %0, %1;" : "=f"(converted) : "h"(value.bits));
  if (magnitude <= 0x7c00u) return converted;
#endif
  if (magnitude >= 0x7c00u) return bits_float(sign | 0x7f800000u | ((magnitude & 0x3ffu) << 13));
  // Through an integer below the normals: as f32 bits they would be denormals, which kernel threads read as
  // zero.
  if (magnitude < 0x400u)
    return bits_float(sign | float_bits(static_cast<float>(static_cast<int32_t>(magnitude)) * 0x1p-24f));
  return bits_float(sign | ((magnitude << 13) + 0x38000000u));
}

// Round to nearest even, overflow to infinity, a NaN stays one.
HEBB_INLINE F16 to_f16(float value) {
  const uint32_t bits = float_bits(value);
  const uint16_t sign = static_cast<uint16_t>((bits >> 16) & 0x8000u);
  uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return {static_cast<uint16_t>(sign | 0x7e00u)};
#if defined(__CUDA_ARCH__)
  uint16_t converted;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(converted) : "f"(value));
  return {converted};
#endif
  if (magnitude >= 0x477ff000u) return {static_cast<uint16_t>(sign | 0x7c00u)};
  if (magnitude < 0x38800000u) {
    // Denormal half: adding 0.5 lets the FPU round at bit 2^-24.
    const float rounded = bits_float(magnitude) + 0.5f;
    return {static_cast<uint16_t>(sign | (float_bits(rounded) - 0x3f000000u))};
  }
  magnitude += 0xfffu + ((magnitude >> 13) & 1u) - 0x38000000u;
  return {static_cast<uint16_t>(sign | (magnitude >> 13))};
}

const char* dtype_name(DType dtype);

// Returns false when the name is none of the eight.
bool parse_dtype(const char* name, DType* dtype);

// Float wins over integer, wider over narrower; f16 with bf16 gives f32; bool and integers stay integers.
DType promote(DType a, DType b);

}  // namespace hebb

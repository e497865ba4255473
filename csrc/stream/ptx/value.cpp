// How values are written.
#include "stream/ptx/value.h"

#include <cstring>

#include "core/error.h"

namespace hebb::stream {

namespace {

template <class T>
PtxValue number(PtxType type, T value) {
  PtxValue made;
  made.type = type;
  made.immediate = made.once = true;
  std::memcpy(&made.bits, &value, sizeof value);
  return made;
}

}  // namespace

PtxValue PtxValue::of(float value) { return number(PtxType::kF32, value); }
PtxValue PtxValue::of(double value) { return number(PtxType::kF64, value); }
PtxValue PtxValue::of(int32_t value) { return number(PtxType::kB32, value); }
PtxValue PtxValue::of(int64_t value) { return number(PtxType::kB64, value); }

std::string PtxValue::text() const {
  constexpr const char* kLetters = "phrlfd";
  if (!immediate) return '%' + (kLetters[static_cast<int>(type)] + std::to_string(bits));
  if (type == PtxType::kF32) return hebb::text("0f%08X", static_cast<unsigned>(bits));
  if (type == PtxType::kF64) return hebb::text("0d%016llX", static_cast<unsigned long long>(bits));
  return hebb::text("0x%llx", static_cast<unsigned long long>(bits));
}

PtxType ptx_type(DType dtype) {
  constexpr PtxType kTypes[kDTypeCount] = {PtxType::kF32, PtxType::kF64, PtxType::kB16, PtxType::kB32,
                                           PtxType::kB32, PtxType::kB64, PtxType::kB32, PtxType::kB32};
  return kTypes[static_cast<int>(dtype)];
}

}  // namespace hebb::stream

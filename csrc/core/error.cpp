// The text of errors.
#include "core/error.h"

#include <cmath>
#include <cstdarg>
#include <cstdlib>

namespace hebb {

Error::Error(ErrorKind kind, std::string op, std::string detail)
    : kind_(kind), op_(std::move(op)), detail_(std::move(detail)), message_(op_ + ": " + detail_) {}

const char* kind_name(ErrorKind kind) {
  constexpr const char* kNames[] = {"shape", "dtype", "device", "memory",
                                    "value", "state", "data",   "internal"};
  return kNames[static_cast<int>(kind)];
}

std::string text(const char* format, ...) {
  va_list args;
  va_start(args, format);
  va_list again;
  va_copy(again, args);
  const int length = std::vsnprintf(nullptr, 0, format, args);
  va_end(args);
  std::string result(static_cast<size_t>(length > 0 ? length : 0), '\0');
  std::vsnprintf(result.data(), result.size() + 1, format, again);
  va_end(again);
  return result;
}

std::string number_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  if (value == std::floor(value) && std::fabs(value) < 1e15) return text("%.0f", value);
  // The shortest of the forms that read back as the same number.
  for (int digits = 1; digits < 17; ++digits) {
    std::string shorter = text("%.*g", digits, value);
    if (std::strtod(shorter.c_str(), nullptr) == value) return shorter;
  }
  return text("%.17g", value);
}

}  // namespace hebb

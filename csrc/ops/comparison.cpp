// Comparisons and logic: bool results, which never require a gradient.
#include "ops/elementwise.h"
#include "ops/map.h"

namespace hebb::ops {

namespace {

template <const char* const& name, stream::Slot& slot>
Tensor of_values(const Value& a, const Value& b) {
  return map(name, slot, pair_of(name, a, b));
}

}  // namespace

#define HEBB_COMPARISON(name)                                                                               \
  static constexpr const char* kName_##name = #name;                                                        \
  Tensor name(const Tensor& a, const Tensor& b) { return map(#name, kernels::name, pair_of(#name, a, b)); } \
  Tensor name(const Tensor& a, double b) { return map(#name, kernels::name, pair_of(#name, a, b)); }
HEBB_COMPARISON(equal)
HEBB_COMPARISON(not_equal)
HEBB_COMPARISON(less)
HEBB_COMPARISON(less_equal)
HEBB_COMPARISON(greater)
HEBB_COMPARISON(greater_equal)
#undef HEBB_COMPARISON

Tensor logical_and(const Tensor& a, const Tensor& b) {
  return map("logical_and", kernels::logical_and, pair_of("logical_and", a, b));
}
Tensor logical_or(const Tensor& a, const Tensor& b) {
  return map("logical_or", kernels::logical_or, pair_of("logical_or", a, b));
}
Tensor logical_not(const Tensor& x) { return map(kernels::logical_not, x); }
Tensor is_nan(const Tensor& x) { return map(kernels::is_nan, x); }
Tensor is_finite(const Tensor& x) { return map(kernels::is_finite, x); }

std::vector<OpSpec> comparison_ops() {
  const auto ab = [](const char* name, auto function, const char* doc) {
    return op(name, function, DTypes::kAll, Result::kBool, kPlain, doc, arg("a"), arg("b"));
  };
  const auto x = [](const char* name, Tensor (*function)(const Tensor&), const char* doc) {
    return op(name, function, DTypes::kAll, Result::kBool, kPlain, doc, arg("x"));
  };
  return {
      ab("equal", &of_values<kName_equal, kernels::equal>, "a = b; false beside a NaN."),
      ab("not_equal", &of_values<kName_not_equal, kernels::not_equal>, "a != b; true beside a NaN."),
      ab("less", &of_values<kName_less, kernels::less>, "a < b; false beside a NaN."),
      ab("less_equal", &of_values<kName_less_equal, kernels::less_equal>, "a <= b; false beside a NaN."),
      ab("greater", &of_values<kName_greater, kernels::greater>, "a > b; false beside a NaN."),
      ab("greater_equal", &of_values<kName_greater_equal, kernels::greater_equal>,
         "a >= b; false beside a NaN."),
      ab("logical_and", &logical_and, "Whether neither a nor b is 0."),
      ab("logical_or", &logical_or, "Whether a or b is not 0."),
      x("logical_not", &logical_not, "Whether x is 0."),
      x("is_nan", &is_nan, "Whether x is NaN."),
      x("is_finite", &is_finite, "Whether x is neither NaN nor infinite."),
  };
}

}  // namespace hebb::ops

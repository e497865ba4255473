// Random ops: check the parameters, take a range of the counter, submit. Dropout repeats its draw for the
// gradient.
#include "ops/random.h"

#include <cmath>
#include <limits>

#include "kernels/random.h"
#include "ops/families.h"
#include "ops/op.h"

namespace hebb::ops {

namespace {

Shape checked_shape(const char* op, const std::vector<int64_t>& dims) {
  if (dims.size() > static_cast<size_t>(kMaxRank)) {
    shape_error(op, text("a shape of %zu axes is asked; at most %d fit", dims.size(), kMaxRank));
  }
  const Shape shape(dims.data(), static_cast<int>(dims.size()));
  check_extents(op, shape);
  return shape;
}

void check_float(const char* op, DType dtype) {
  if (!is_float(dtype)) dtype_error(op, text("needs a float dtype, got %s", dtype_name(dtype)));
}

void check_probability(const char* op, double p) {
  if (!(p >= 0 && p <= 1)) value_error(op, "p is " + number_text(p) + "; use a probability in 0..1");
}

// The greatest finite number of the type, which bounds what a draw's parameters may be.
double greatest(DType dtype) {
  switch (dtype) {
    case DType::kF64:
      return std::numeric_limits<double>::max();
    case DType::kF16:
      return 65504;
    case DType::kBF16:
      return 0x1.fep127;
    default:
      return std::numeric_limits<float>::max();
  }
}

void check_finite(const char* op, const char* name, double value, DType dtype) {
  if (!(std::fabs(value) <= greatest(dtype))) {
    value_error(op, std::string(name) + " is " + number_text(value) + "; use a finite number of dtype " +
                        dtype_name(dtype));
  }
}

// Integers and doubles are made of two words.
int64_t words_of(const Shape& shape, DType dtype) { return shape.size() * (dtype == DType::kF64 ? 2 : 1); }

// The gradient is the same command on dy: the same seed and counter drop the same elements, so no mask is
// kept.
Tensor drop(const Tensor& x, double p, const Draw& draw) {
  Tensor y = empty(x.dtype(), x.shape());
  submit(kernels::dropout, {y}, {x, draw.seed}, kernels::DropoutParams{draw.counter, p});
  return record(y, {x}, [p, draw](const Tensor& dy) { return Grads{drop(dy, p, draw)}; });
}

}  // namespace

Tensor uniform(const std::vector<int64_t>& dims, double low, double high, DType dtype) {
  check_float("uniform", dtype);
  const Shape shape = checked_shape("uniform", dims);
  check_finite("uniform", "low", low, dtype);
  check_finite("uniform", "high", high, dtype);
  if (low > high) {
    value_error("uniform",
                "low " + number_text(low) + " is above high " + number_text(high) + "; use low <= high");
  }
  check_finite("uniform", "high - low", high - low, dtype);
  Tensor y = empty(dtype, shape);
  const Draw at = draw(words_of(shape, dtype));
  submit(kernels::uniform, {y}, {at.seed}, kernels::UniformParams{at.counter, low, high});
  return y;
}

Tensor normal(const std::vector<int64_t>& dims, double mean, double std, DType dtype) {
  check_float("normal", dtype);
  const Shape shape = checked_shape("normal", dims);
  check_finite("normal", "mean", mean, dtype);
  check_finite("normal", "std", std, dtype);
  if (std < 0) value_error("normal", "std is " + number_text(std) + "; use 0 or more");
  Tensor y = empty(dtype, shape);
  const Draw at = draw(words_of(shape, dtype));
  submit(kernels::normal, {y}, {at.seed}, kernels::NormalParams{at.counter, mean, std});
  return y;
}

Tensor bernoulli(const std::vector<int64_t>& dims, double p, DType dtype) {
  const Shape shape = checked_shape("bernoulli", dims);
  check_probability("bernoulli", p);
  Tensor y = empty(dtype, shape);
  const Draw at = draw(shape.size());
  submit(kernels::bernoulli, {y}, {at.seed}, kernels::BernoulliParams{at.counter, p});
  return y;
}

Tensor randint(int64_t low, int64_t high, const std::vector<int64_t>& dims) {
  const Shape shape = checked_shape("randint", dims);
  constexpr int64_t kLeast = std::numeric_limits<int32_t>::min(), kEnd = int64_t{1} << 31;
  if (low < kLeast || high > kEnd || low >= high) {
    value_error("randint", text("no i32 lies in [%lld, %lld); use low < high within -2^31..2^31",
                                static_cast<long long>(low), static_cast<long long>(high)));
  }
  Tensor y = empty(DType::kI32, shape);
  const Draw at = draw(2 * shape.size());
  submit(kernels::randint, {y}, {at.seed}, kernels::RandintParams{at.counter, low, high});
  return y;
}

Tensor dropout(const Tensor& x, double p) {
  check_probability("dropout", p);
  if (p == 0) return x;
  return drop(x, p, draw(x.size()));
}

std::vector<OpSpec> random_ops() {
  constexpr unsigned kDraw = kRandom | kFunctionOnly;
  return {
      op("uniform", &uniform, DTypes::kFloats, Result::kArgument, kDraw,
         "low + (high - low) u, u drawn uniformly from [0, 1).", arg("shape"), arg("low", 0), arg("high", 1),
         arg("dtype", "'f32'")),
      op("normal", &normal, DTypes::kFloats, Result::kArgument, kDraw,
         "mean + std z, z drawn from the standard normal distribution.", arg("shape"), arg("mean", 0),
         arg("std", 1), arg("dtype", "'f32'")),
      op("bernoulli", &bernoulli, DTypes::kAll, Result::kArgument, kDraw,
         "1 with probability p, else 0, each by itself.", arg("shape"), arg("p"), arg("dtype", "'f32'")),
      op("randint", &randint, DTypes::kIntegers, Result::kI32, kDraw,
         "Integers drawn uniformly from low, ..., high - 1.", arg("low"), arg("high"), arg("shape")),
      op("dropout", &dropout, DTypes::kFloats, Result::kSame, kRandom,
         "0 with probability p, else x / (1 - p), so that the mean stays.", arg("x"), arg("p", 0.5)),
  };
}

}  // namespace hebb::ops

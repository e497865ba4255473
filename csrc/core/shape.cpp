// Shape arithmetic: strides, broadcasting, axes.
#include "core/shape.h"

#include <algorithm>

#include "core/error.h"

namespace hebb {

namespace {

// JavaScript counts elements in doubles.
constexpr int64_t kMaxSize = int64_t{1} << 53;

void check_rank(int rank) {
  if (rank > kMaxRank) {
    throw Error(ErrorKind::kShape, "shape", text("rank %d is too high; at most %d axes", rank, kMaxRank));
  }
}

}  // namespace

Shape::Shape(std::initializer_list<int64_t> dims) : Shape(dims.begin(), static_cast<int>(dims.size())) {}

Shape::Shape(const int64_t* dims, int rank) : rank_(rank) {
  check_rank(rank);
  std::copy(dims, dims + rank, dims_);
}

void Shape::push_back(int64_t dim) {
  check_rank(rank_ + 1);
  dims_[rank_++] = dim;
}

void Shape::insert(int axis, int64_t dim) {
  check_rank(rank_ + 1);
  std::copy_backward(dims_ + axis, dims_ + rank_, dims_ + rank_ + 1);
  dims_[axis] = dim;
  ++rank_;
}

void Shape::erase(int axis) {
  std::copy(dims_ + axis + 1, dims_ + rank_, dims_ + axis);
  --rank_;
}

int64_t Shape::size() const {
  int64_t size = 1;
  for (int i = 0; i < rank_; ++i) size *= dims_[i];
  return size;
}

bool Shape::operator==(const Shape& other) const {
  return std::equal(begin(), end(), other.begin(), other.end());
}

std::string Shape::text() const {
  std::string result = "[";
  for (int i = 0; i < rank_; ++i) {
    if (i > 0) result += ", ";
    result += std::to_string(dims_[i]);
  }
  return result + "]";
}

Shape contiguous_strides(const Shape& shape) {
  Shape strides = shape;
  int64_t stride = 1;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    strides[axis] = stride;
    stride *= std::max<int64_t>(shape[axis], 1);
  }
  return strides;
}

Shape broadcast_shapes(const char* op, const Shape& a, const Shape& b) {
  Shape result = a.rank() >= b.rank() ? a : b;
  const int lead_a = result.rank() - a.rank();
  const int lead_b = result.rank() - b.rank();
  for (int axis = 0; axis < result.rank(); ++axis) {
    const int64_t x = axis < lead_a ? 1 : a[axis - lead_a];
    const int64_t y = axis < lead_b ? 1 : b[axis - lead_b];
    if (x != y && x != 1 && y != 1) {
      throw Error(
          ErrorKind::kShape, op,
          "shapes " + a.text() + " and " + b.text() + " do not broadcast; extents must be equal or 1");
    }
    result[axis] = x == 1 ? y : x;
  }
  return result;
}

int normal_axis(const char* op, int64_t axis, const Shape& shape) {
  const int64_t rank = shape.rank();
  if (axis < -rank || axis >= rank) {
    const std::string range =
        rank == 0 ? "a tensor without axes takes none"
                  : text("use %lld..%lld", static_cast<long long>(-rank), static_cast<long long>(rank - 1));
    throw Error(ErrorKind::kValue, op,
                text("axis %lld is out of range for shape ", static_cast<long long>(axis)) + shape.text() +
                    "; " + range);
  }
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

void check_extents(const char* op, const Shape& shape) {
  int64_t size = 1;
  for (int64_t extent : shape) {
    if (extent < 0) {
      throw Error(ErrorKind::kShape, op, "shape " + shape.text() + " has a negative extent; use 0 or more");
    }
    // An extent of zero makes the tensor empty, not its strides: they are held to the same bound.
    if (extent == 0) continue;
    if (__builtin_mul_overflow(size, extent, &size) || size > kMaxSize) {
      throw Error(ErrorKind::kShape, op, "shape " + shape.text() + " has more than 2^53 elements");
    }
  }
}

}  // namespace hebb

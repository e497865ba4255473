// Shape: up to eight extents (or strides) held by value, with the arithmetic of broadcasting and axes.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>

namespace hebb {

inline constexpr int kMaxRank = 8;

class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<int64_t> dims);
  Shape(const int64_t* dims, int rank);

  int rank() const { return rank_; }
  int64_t operator[](int axis) const { return dims_[axis]; }
  int64_t& operator[](int axis) { return dims_[axis]; }
  const int64_t* data() const { return dims_; }
  const int64_t* begin() const { return dims_; }
  const int64_t* end() const { return dims_ + rank_; }

  void push_back(int64_t dim);
  void insert(int axis, int64_t dim);
  void erase(int axis);

  // The product of the extents; 1 for rank zero.
  int64_t size() const;

  bool operator==(const Shape& other) const;
  bool operator!=(const Shape& other) const { return !(*this == other); }

  // "[2, 3]", as error messages print it.
  std::string text() const;

 private:
  int64_t dims_[kMaxRank] = {};
  int rank_ = 0;
};

// Row-major strides in elements.
Shape contiguous_strides(const Shape& shape);

// The common shape of a and b; throws ShapeError naming `op` where they do not broadcast.
Shape broadcast_shapes(const char* op, const Shape& a, const Shape& b);

// The axis as 0..rank-1 of a possibly negative one; throws ValueError naming `op` where it is out of range.
int normal_axis(const char* op, int64_t axis, const Shape& shape);

// Throws ShapeError where an extent is negative or the element count overflows 2^53.
void check_extents(const char* op, const Shape& shape);

}  // namespace hebb

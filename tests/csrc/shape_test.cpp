// Shapes: extents, strides, broadcasting and axes, with their error messages.
#include "core/shape.h"

#include <string>

#include "check.h"
#include "core/error.h"

using namespace hebb;

TEST(shape_holds_extents) {
  Shape shape{2, 3};
  CHECK_EQ(shape.rank(), 2);
  CHECK_EQ(shape.size(), 6);
  CHECK_EQ(shape.text(), "[2, 3]");
  shape.push_back(4);
  shape.insert(0, 7);
  CHECK(shape == Shape({7, 2, 3, 4}));
  shape.insert(2, 1);
  CHECK(shape == Shape({7, 2, 1, 3, 4}));
  shape.erase(0);
  shape.erase(3);
  CHECK(shape == Shape({2, 1, 3}));
  CHECK(shape != Shape({2, 1}));
  CHECK(shape != Shape({2, 1, 4}));
  CHECK_EQ(Shape().size(), 1);
  CHECK_EQ(Shape().text(), "[]");
  CHECK_EQ(Shape({3, 0, 2}).size(), 0);
}

TEST(strides_are_row_major) {
  CHECK(contiguous_strides({2, 3, 4}) == Shape({12, 4, 1}));
  CHECK(contiguous_strides({5}) == Shape({1}));
  CHECK(contiguous_strides({}) == Shape());
}

TEST(shapes_broadcast_from_the_right) {
  CHECK(broadcast_shapes("add", {2, 3}, {3}) == Shape({2, 3}));
  CHECK(broadcast_shapes("add", {3}, {4, 2, 1}) == Shape({4, 2, 3}));
  CHECK(broadcast_shapes("add", {}, {2}) == Shape({2}));
  CHECK(broadcast_shapes("add", {1}, {0}) == Shape({0}));
  CHECK_THROWS(broadcast_shapes("add", {2, 3}, {2}), "add: ");
  CHECK_THROWS(broadcast_shapes("add", {2, 3}, {4, 3}), "[2, 3]");
  CHECK_THROWS(broadcast_shapes("add", {0}, {2}), "[0]");
  try {
    broadcast_shapes("add", {2}, {3});
    CHECK(false);
  } catch (const Error& error) {
    CHECK_EQ(error.kind(), ErrorKind::kShape);
    CHECK_EQ(error.op(), "add");
  }
}

TEST(axes_count_from_both_ends) {
  const Shape shape{2, 3, 4};
  for (int axis = 0; axis < 3; ++axis) {
    CHECK_EQ(normal_axis("sum", axis, shape), axis);
    CHECK_EQ(normal_axis("sum", axis - 3, shape), axis);
  }
  CHECK_THROWS(normal_axis("sum", 3, shape), "sum: axis 3 is out of range for shape [2, 3, 4]; use -3..2");
  CHECK_THROWS(normal_axis("sum", -4, shape), "axis -4");
  CHECK_THROWS(normal_axis("sum", 0, Shape()), "sum: ");
  CHECK_THROWS(normal_axis("sum", int64_t{1} << 40, shape), "1099511627776");
}

TEST(extents_are_checked) {
  check_extents("zeros", {0, 5});
  check_extents("zeros", {int64_t{1} << 26, int64_t{1} << 26});
  CHECK_THROWS(check_extents("zeros", {2, -1}), "zeros: ");
  CHECK_THROWS(check_extents("zeros", {int64_t{1} << 27, int64_t{1} << 27}), "zeros: ");
  const int64_t huge = int64_t{1} << 62;
  CHECK_THROWS(check_extents("zeros", {huge, huge, huge}), "zeros: ");
}

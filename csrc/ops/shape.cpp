// Views: the same memory seen through another geometry, or a copy where its strides do not allow that.
#include "ops/shape.h"

#include <algorithm>

#include "kernels/copy.h"
#include "ops/elementwise.h"
#include "ops/families.h"
#include "ops/reduce.h"
#include "ops/shape_lines.h"

namespace hebb::ops {

namespace {

Shape zero_strides(const Shape& shape) {
  Shape strides = shape;
  for (int axis = 0; axis < shape.rank(); ++axis) strides[axis] = 0;
  return strides;
}

// The shape with its -1 replaced by what x has left.
Shape completed(const char* op, const Tensor& x, Shape shape) {
  int open = -1;
  Shape given = shape;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] == -1 && open < 0) {
      open = axis;
      given[axis] = 1;
    } else if (shape[axis] < 0) {
      shape_error(op,
                  "shape " + shape.text() + " has a negative extent; only one may be -1, for what is left");
    }
  }
  check_extents(op, given);
  int64_t known = given.size();
  const int64_t size = x.size();
  if (open >= 0 && known > 0 && size % known == 0) {
    shape[open] = size / known;
    known = size;
  }
  if (known != size || (open >= 0 && shape[open] < 0)) {
    shape_error(op, "shape " + shape.text() +
                        text(" does not hold the %lld elements of ", static_cast<long long>(size)) +
                        x.shape().text() + "; the products of the extents must be equal");
  }
  return shape;
}

// Neighbouring axes of x that run on, as one: its extent and the stride of its last element.
struct Run {
  int64_t extent, stride;
};

std::vector<Run> runs_of(const Tensor& x) {
  std::vector<Run> runs;
  for (int axis = 0; axis < x.rank(); ++axis) {
    const int64_t extent = x.shape()[axis], stride = x.strides()[axis];
    if (extent == 1) continue;
    if (!runs.empty() && runs.back().stride == stride * extent) {
      runs.back() = {runs.back().extent * extent, stride};
    } else {
      runs.push_back({extent, stride});
    }
  }
  return runs;
}

// Sets the strides with which x's memory has the shape, of as many elements; false where there are none.
bool strides_for(const Tensor& x, const Shape& shape, Shape& strides) {
  strides = x.is_constant() ? zero_strides(shape) : contiguous_strides(shape);
  if (x.is_constant() || x.size() == 0 || x.is_contiguous()) return true;
  std::vector<Run> runs = runs_of(x);
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    if (shape[axis] == 1) continue;
    while (runs.back().extent == 1) runs.pop_back();
    Run& run = runs.back();
    if (run.extent % shape[axis] != 0) return false;
    strides[axis] = run.stride;
    run = {run.extent / shape[axis], run.stride * shape[axis]};
  }
  return true;
}

// x seen through another geometry, recorded with the op that undoes it.
template <class F>
Tensor viewed(const Tensor& x, const Shape& shape, const Shape& strides, int64_t offset, F undo) {
  const Tensor y = x.is_constant() ? x.view(shape, zero_strides(shape), 0) : x.view(shape, strides, offset);
  return record(y, {x}, [undo](const Tensor& dy) { return Grads{undo(dy)}; });
}

}  // namespace

Shape shape_from(const char* op, const std::vector<int64_t>& list) {
  if (list.size() > static_cast<size_t>(kMaxRank)) {
    shape_error(op, text("%zu axes are too many; use at most %d", list.size(), kMaxRank));
  }
  return Shape(list.data(), static_cast<int>(list.size()));
}

Tensor reshape(const Tensor& x, const Shape& wanted) {
  const Shape shape = completed("reshape", x, wanted);
  const auto undo = [before = x.shape()](const Tensor& dy) { return reshape(dy, before); };
  Shape strides;
  if (strides_for(x, shape, strides)) return viewed(x, shape, strides, x.offset(), undo);
  Tensor y = empty(x.dtype(), x.shape());
  submit(kernels::copy, {y}, {x});
  y = y.view(shape, contiguous_strides(shape), 0);
  return record(y, {x}, [undo](const Tensor& dy) { return Grads{undo(dy)}; });
}

Tensor flatten(const Tensor& x, int64_t start, int64_t end) {
  if (x.rank() == 0) return reshape(x, {1});
  const int first = normal_axis("flatten", start, x.shape()), last = normal_axis("flatten", end, x.shape());
  if (first > last) {
    value_error("flatten", text("start axis %lld is behind end axis %lld; use start <= end",
                                static_cast<long long>(start), static_cast<long long>(end)));
  }
  Shape shape;
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (axis <= first || axis > last) {
      shape.push_back(x.shape()[axis]);
    } else {
      shape[first] *= x.shape()[axis];
    }
  }
  return reshape(x, shape);
}

Tensor transpose(const Tensor& x, const std::vector<int64_t>& axes) {
  const auto rank = static_cast<size_t>(x.rank());
  std::vector<int64_t> order(rank), undo(rank, -1);
  for (size_t i = 0; i < rank; ++i) order[i] = static_cast<int64_t>(rank - 1 - i);
  if (!axes.empty()) {
    if (axes.size() != rank) {
      shape_error("transpose", text("%zu axes given for shape ", axes.size()) + x.shape().text() +
                                   text("; name each of the %zu axes once", rank));
    }
    for (size_t i = 0; i < rank; ++i) order[i] = normal_axis("transpose", axes[i], x.shape());
  }
  Shape shape = x.shape(), strides = x.strides();
  for (size_t i = 0; i < rank; ++i) {
    const auto from = static_cast<size_t>(order[i]);
    if (undo[from] >= 0) {
      value_error("transpose", text("axis %zu is named twice; name each axis once", from));
    }
    undo[from] = static_cast<int64_t>(i);
    shape[static_cast<int>(i)] = x.shape()[static_cast<int>(from)];
    strides[static_cast<int>(i)] = x.strides()[static_cast<int>(from)];
  }
  return viewed(x, shape, strides, x.offset(), [undo](const Tensor& dy) { return transpose(dy, undo); });
}

Tensor swap_axes(const Tensor& x, int64_t first, int64_t second) {
  const int a = normal_axis("swap_axes", first, x.shape()), b = normal_axis("swap_axes", second, x.shape());
  Shape shape = x.shape(), strides = x.strides();
  std::swap(shape[a], shape[b]);
  std::swap(strides[a], strides[b]);
  return viewed(x, shape, strides, x.offset(), [a, b](const Tensor& dy) { return swap_axes(dy, a, b); });
}

Tensor expand_dims(const Tensor& x, int64_t axis) {
  if (x.rank() == kMaxRank) {
    shape_error("expand_dims",
                "shape " + x.shape().text() + text(" has %d axes already, the most there are", kMaxRank));
  }
  // The place is one of the result's axes.
  Shape longer = x.shape();
  longer.push_back(1);
  const int place = normal_axis("expand_dims", axis, longer);
  Shape shape = x.shape(), strides = x.strides();
  shape.insert(place, 1);
  strides.insert(place, 0);
  return viewed(x, shape, strides, x.offset(),
                [before = x.shape()](const Tensor& dy) { return reshape(dy, before); });
}

Tensor squeeze(const Tensor& x, const Axes& axis) {
  bool dropped[kMaxRank] = {};
  for (int i = 0; i < x.rank(); ++i) dropped[i] = !axis.list && x.shape()[i] == 1;
  for (int64_t given : axis.list.value_or(std::vector<int64_t>{})) {
    const int place = normal_axis("squeeze", given, x.shape());
    if (x.shape()[place] != 1) {
      shape_error("squeeze", text("axis %lld of shape ", static_cast<long long>(given)) + x.shape().text() +
                                 " has more or less than 1 element; only axes of extent 1 can go");
    }
    dropped[place] = true;
  }
  Shape shape, strides;
  for (int i = 0; i < x.rank(); ++i) {
    if (dropped[i]) continue;
    shape.push_back(x.shape()[i]);
    strides.push_back(x.strides()[i]);
  }
  return viewed(x, shape, strides, x.offset(),
                [before = x.shape()](const Tensor& dy) { return reshape(dy, before); });
}

Tensor broadcast_to(const Tensor& x, const Shape& shape) {
  check_extents("broadcast_to", shape);
  if (broadcast_shapes("broadcast_to", x.shape(), shape) != shape) {
    shape_error("broadcast_to", "shape " + x.shape().text() + " does not stretch to " + shape.text() +
                                    "; extents must be equal, or 1 to be repeated");
  }
  Shape strides = zero_strides(shape);
  const int lead = shape.rank() - x.rank();
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (x.shape()[axis] != 1) strides[axis + lead] = x.strides()[axis];
  }
  return viewed(x, shape, strides, x.offset(),
                [before = x.shape()](const Tensor& dy) { return sum_to(dy, before); });
}

Tensor slice(const Tensor& x, const std::vector<int64_t>& starts, const std::vector<int64_t>& stops,
             const std::vector<int64_t>& steps) {
  const size_t count = starts.size();
  if (stops.size() != count || (!steps.empty() && steps.size() != count) ||
      count > static_cast<size_t>(x.rank())) {
    shape_error("slice",
                text("%zu starts, %zu stops and %zu steps for shape ", count, stops.size(), steps.size()) +
                    x.shape().text() + "; give as many of each, at most one for each axis");
  }
  Shape shape = x.shape(), strides = x.strides();
  int64_t offset = x.offset();
  std::vector<int64_t> firsts(static_cast<size_t>(x.rank())), paces(static_cast<size_t>(x.rank()), 1);
  for (size_t i = 0; i < count; ++i) {
    const int axis = static_cast<int>(i);
    const int64_t extent = x.shape()[axis], asked = steps.empty() ? 1 : steps[i];
    if (asked < 1) {
      value_error("slice", text("step %lld of axis %d goes nowhere or back; use 1 or more, or flip",
                                static_cast<long long>(asked), axis));
    }
    // A step past the end takes the first place alone, as one of the extent does, whose stride cannot
    // overflow.
    const int64_t step = std::min(asked, std::max<int64_t>(extent, 1));
    const auto bounded = [extent](int64_t at) {
      return std::clamp<int64_t>(at < 0 ? at + extent : at, 0, extent);
    };
    const int64_t start = bounded(starts[i]), stop = std::max(start, bounded(stops[i]));
    shape[axis] = (stop - start + step - 1) / step;
    strides[axis] = x.strides()[axis] * step;
    offset += start * x.strides()[axis];
    firsts[i] = start;
    paces[i] = step;
  }
  // An empty view points at memory that is there, whatever its start.
  if (shape.size() == 0) offset = x.offset();
  return viewed(x, shape, strides, offset, [before = x.shape(), firsts, paces](const Tensor& dy) {
    return embed(dy, before, firsts, paces, 0);
  });
}

namespace {

Tensor reshape_list(const Tensor& x, const std::vector<int64_t>& shape) {
  return reshape(x, shape_from("reshape", shape));
}

Tensor transpose_axes(const Tensor& x, const Axes& axes) {
  return transpose(x, axes.list.value_or(std::vector<int64_t>{}));
}

Tensor broadcast_to_list(const Tensor& x, const std::vector<int64_t>& shape) {
  return broadcast_to(x, shape_from("broadcast_to", shape));
}

Tensor slice_lists(const Tensor& x, const std::vector<int64_t>& starts, const std::vector<int64_t>& stops,
                   const Axes& steps) {
  return slice(x, starts, stops, steps.list.value_or(std::vector<int64_t>{}));
}

}  // namespace

std::vector<OpSpec> view_ops() {
  constexpr auto kAll = DTypes::kAll;
  constexpr auto kSame = Result::kSame;
  return {
      op("reshape", &reshape_list, kAll, kSame, kPlain,
         "The same elements in row-major order in another shape; one extent may be -1, for what is left.",
         arg("x"), arg("shape")),
      op("flatten", &flatten, kAll, kSame, kPlain, "The axes from start to end as one.", arg("x"),
         arg("start", 0), arg("end", -1)),
      op("transpose", &transpose_axes, kAll, kSame, kPlain,
         "Axis i of the result is axis axes[i] of x; without axes their order is reversed.", arg("x"),
         optional("axes")),
      op("swap_axes", &swap_axes, kAll, kSame, kPlain, "x with two axes exchanged.", arg("x"), arg("first"),
         arg("second")),
      op("expand_dims", &expand_dims, kAll, kSame, kPlain,
         "x with a new axis of extent 1 at `axis` of the result.", arg("x"), arg("axis")),
      op("squeeze", &squeeze, kAll, kSame, kPlain,
         "x without the axes given, all of extent 1; without all such axes.", arg("x"), optional("axis")),
      op("broadcast_to", &broadcast_to_list, kAll, kSame, kPlain,
         "x repeated, without copying, along axes of extent 1 and new leading axes.", arg("x"), arg("shape")),
      op("slice", &slice_lists, kAll, kSame, kPlain,
         "x[starts:stops:steps] on the first axes, as in Python: negative places count from the end; steps "
         "are "
         "at least 1.",
         arg("x"), arg("starts"), arg("stops"), optional("steps")),
      op("contiguous", &contiguous, kAll, kSame, kPlain,
         "x in row-major memory of its own, where it is not already.", arg("x")),
  };
}

std::vector<OpSpec> shape_ops() {
  std::vector<OpSpec> all;
  for (auto part : {&view_ops, &join_ops, &creation_ops}) {
    for (auto& spec : part()) all.push_back(std::move(spec));
  }
  return all;
}

}  // namespace hebb::ops

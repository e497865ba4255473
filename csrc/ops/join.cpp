// Joins and parts: results made of regions that copies write.
#include <algorithm>

#include "kernels/copy.h"
#include "ops/elementwise.h"
#include "ops/map.h"
#include "ops/shape.h"
#include "ops/shape_lines.h"

namespace hebb::ops {

namespace {

using Ints = std::vector<int64_t>;

// x from start to stop along one axis.
Tensor part_along(const Tensor& x, int axis, int64_t start, int64_t stop) {
  Ints starts(static_cast<size_t>(axis) + 1), stops(x.shape().begin(), x.shape().begin() + axis + 1);
  starts.back() = start;
  stops.back() = stop;
  return slice(x, starts, stops);
}

// The extents before and after `axis`, multiplied.
struct Around {
  int64_t outer = 1, inner = 1;
  Around(const Shape& shape, int axis) {
    for (int i = 0; i < shape.rank(); ++i) (i < axis ? outer : inner) *= i == axis ? 1 : shape[i];
  }
};

Shape with_extent(Shape shape, int axis, int64_t extent) {
  shape[axis] = extent;
  return shape;
}

// extent * count of an axis that is repeated.
int64_t repeated(const char* op, const Shape& shape, int axis, int64_t count) {
  if (count < 0) value_error(op, text("count %lld; use 0 or more", static_cast<long long>(count)));
  int64_t extent;
  if (__builtin_mul_overflow(shape[axis], count, &extent)) {
    shape_error(op, text("%lld times axis %d of shape ", static_cast<long long>(count), axis) + shape.text() +
                        " is more than 2^53 elements; use a smaller count");
  }
  return extent;
}

// Each part is a tensor of its own, even where x takes no memory.
constexpr int64_t kMostParts = int64_t{1} << 20;

void check_joined(const Tensor& first, const Tensor& other, int axis) {
  bool fits = first.rank() == other.rank();
  for (int i = 0; fits && i < first.rank(); ++i) fits = i == axis || first.shape()[i] == other.shape()[i];
  if (fits) return;
  shape_error("concat", "shapes " + first.shape().text() + " and " + other.shape().text() +
                            text(" differ besides axis %d; all other extents must be equal", axis));
}

// Reflections and repetitions of one axis, joined to it.
Tensor pad_axis(const Tensor& x, int axis, int64_t before, int64_t after, bool reflected) {
  const int64_t extent = x.shape()[axis], most = reflected ? extent - 1 : extent == 0 ? 0 : INT64_MAX;
  if (before > most || after > most) {
    shape_error("pad", text("%lld before and %lld after axis %d of shape ", static_cast<long long>(before),
                            static_cast<long long>(after), axis) +
                           x.shape().text() +
                           (reflected ? "; reflect needs less than the extent"
                                      : "; edge needs an element to repeat"));
  }
  std::vector<Tensor> parts;
  const auto edge = [&](int64_t at, int64_t count) {
    return broadcast_to(part_along(x, axis, at, at + 1), with_extent(x.shape(), axis, count));
  };
  const auto mirror = [&](int64_t start, int64_t count) {
    return flip(part_along(x, axis, start, start + count), Axes{Ints{axis}});
  };
  if (before > 0) parts.push_back(reflected ? mirror(1, before) : edge(0, before));
  parts.push_back(x);
  if (after > 0) parts.push_back(reflected ? mirror(extent - 1 - after, after) : edge(extent - 1, after));
  return parts.size() == 1 ? x : concat(parts, axis);
}

}  // namespace

Tensor embed(const Tensor& x, const Shape& shape, const Ints& starts, const Ints& steps, double value) {
  Tensor y = empty(x.dtype(), shape);
  Shape strides = y.strides();
  Ints stops(starts.size());
  int64_t offset = 0;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const auto i = static_cast<size_t>(axis);
    offset += starts[i] * strides[axis];
    strides[axis] *= steps[i];
    stops[i] = starts[i] + (x.shape()[axis] - 1) * steps[i] + 1;
  }
  if (x.size() != y.size()) submit(kernels::copy, {y}, {Tensor::constant(x.dtype(), value, shape)});
  submit_into(kernels::copy_into, y.view(x.shape(), strides, x.size() == 0 ? 0 : offset), {x});
  return record(y, {x},
                [starts, stops, steps](const Tensor& dy) { return Grads{slice(dy, starts, stops, steps)}; });
}

Tensor flip(const Tensor& x, const Axes& axis) {
  bool turned[kMaxRank] = {};
  for (int i = 0; i < x.rank(); ++i) turned[i] = !axis.list;
  for (int64_t given : axis.list.value_or(Ints{})) turned[normal_axis("flip", given, x.shape())] = true;
  Shape strides = x.strides();
  int64_t offset = x.offset();
  for (int i = 0; i < x.rank() && x.size() > 0; ++i) {
    if (!turned[i]) continue;
    offset += (x.shape()[i] - 1) * strides[i];
    strides[i] = -strides[i];
  }
  // Copied: kernels that read strided memory need not expect negative strides.
  Tensor y = empty(x.dtype(), x.shape());
  submit(kernels::copy, {y}, {x.view(x.shape(), strides, offset)});
  return record(y, {x}, [axis](const Tensor& dy) { return Grads{flip(dy, axis)}; });
}

Tensor concat(const std::vector<Tensor>& tensors, int64_t axis) {
  if (tensors.empty()) value_error("concat", "got no tensors; give at least one");
  const Tensor& first = tensors[0];
  const int place = normal_axis("concat", axis, first.shape());
  DType dtype = first.dtype();
  int64_t extent = 0;
  for (const auto& x : tensors) {
    check_joined(first, x, place);
    dtype = promote(dtype, x.dtype());
    extent += x.shape()[place];
    check_extents("concat", with_extent(first.shape(), place, extent));
  }
  Tensor y = empty(dtype, with_extent(first.shape(), place, extent));
  Ints starts;
  int64_t start = 0;
  for (const auto& x : tensors) {
    const int64_t offset = x.size() == 0 ? 0 : start * y.strides()[place];
    submit_into(kernels::copy_into, y.view(x.shape(), y.strides(), offset), {x});
    starts.push_back(start);
    start += x.shape()[place];
  }
  starts.push_back(start);
  std::vector<bool> wanted;
  for (const auto& x : tensors) wanted.push_back(wants(x));
  return record(y, tensors, [starts, wanted, place](const Tensor& dy) {
    Grads grads(wanted.size());
    for (size_t i = 0; i < wanted.size(); ++i) {
      if (wanted[i]) grads[i] = part_along(dy, place, starts[i], starts[i + 1]);
    }
    return grads;
  });
}

Tensor stack(const std::vector<Tensor>& tensors, int64_t axis) {
  if (tensors.empty()) value_error("stack", "got no tensors; give at least one");
  // The axis is one of the result's.
  Shape longer = tensors[0].shape();
  longer.push_back(1);
  const int place = normal_axis("stack", axis, longer);
  std::vector<Tensor> rows;
  for (const auto& x : tensors) {
    if (x.shape() != tensors[0].shape()) {
      shape_error("stack", "shapes " + tensors[0].shape().text() + " and " + x.shape().text() +
                               " differ; all shapes must be equal");
    }
    rows.push_back(expand_dims(x, place));
  }
  return concat(rows, place);
}

std::vector<Tensor> split(const Tensor& x, const Ints& sizes, int64_t axis) {
  const int place = normal_axis("split", axis, x.shape());
  int64_t rest = x.shape()[place];
  bool fits = true;
  for (int64_t size : sizes) {
    fits = fits && size >= 0 && size <= rest;
    if (fits) rest -= size;
  }
  if (!fits || rest != 0) {
    const Shape list =
        shape_from("split", Ints(sizes.begin(), sizes.begin() + std::min<int64_t>(sizes.size(), kMaxRank)));
    value_error("split", "sizes " + list.text() + text(" do not add up to axis %d of shape ", place) +
                             x.shape().text() + "; use sizes of 0 or more that do");
  }
  std::vector<Tensor> parts;
  int64_t start = 0;
  for (int64_t size : sizes) {
    // Recorded together below: the gradient of all parts is one join, not a sum of embeddings.
    parts.push_back(part_along(x.detached(), place, start, start + size));
    start += size;
  }
  std::vector<Shape> shapes;
  for (const auto& part : parts) shapes.push_back(part.shape());
  return record_many(parts, {x},
                     [shapes, place, dtype = x.dtype()](const Grads& dys, const std::vector<Tensor>&) {
                       std::vector<Tensor> rows = dys;
                       for (size_t i = 0; i < rows.size(); ++i) {
                         if (!rows[i]) rows[i] = Tensor::constant(dtype, 0, shapes[i]);
                       }
                       return Grads{concat(rows, place)};
                     });
}

std::vector<Tensor> chunk(const Tensor& x, int64_t count, int64_t axis) {
  const int64_t extent = x.shape()[normal_axis("chunk", axis, x.shape())];
  if (count < 1 || extent % count != 0) {
    value_error("chunk", text("%lld equal parts of axis %lld of shape ", static_cast<long long>(count),
                              static_cast<long long>(axis)) +
                             x.shape().text() + " are impossible; use a divisor of the extent, or split");
  }
  if (count > kMostParts) {
    value_error("chunk", text("%lld parts are too many; use at most %lld", static_cast<long long>(count),
                              static_cast<long long>(kMostParts)));
  }
  return split(x, Ints(static_cast<size_t>(count), extent / count), axis);
}

Tensor pad(const Tensor& x, const Ints& pads, double value, const std::string& mode) {
  const auto rank = static_cast<size_t>(x.rank());
  if (pads.size() != 2 * rank) {
    shape_error("pad", text("%zu pads for shape ", pads.size()) + x.shape().text() +
                           text("; give two for each axis, %zu", 2 * rank));
  }
  Ints starts(rank);
  Shape shape = x.shape();
  for (size_t i = 0; i < rank; ++i) {
    if (pads[2 * i] < 0 || pads[2 * i + 1] < 0) {
      value_error("pad",
                  text("pads %lld and %lld of axis %zu; use 0 or more", static_cast<long long>(pads[2 * i]),
                       static_cast<long long>(pads[2 * i + 1]), i));
    }
    starts[i] = pads[2 * i];
    shape[static_cast<int>(i)] += pads[2 * i] + pads[2 * i + 1];
  }
  check_extents("pad", shape);
  check_number("pad", value, x.dtype());
  if (mode == "constant") return embed(x, shape, starts, Ints(rank, 1), value);
  Tensor y = x;
  for (size_t i = 0; i < rank; ++i) {
    y = pad_axis(y, static_cast<int>(i), pads[2 * i], pads[2 * i + 1], mode == "reflect");
  }
  return y;
}

Tensor tile(const Tensor& x, const Ints& counts) {
  Shape shape = x.shape();
  while (static_cast<size_t>(shape.rank()) < counts.size()) shape.insert(0, 1);
  Tensor y = reshape(x, shape);
  const int lead = shape.rank() - static_cast<int>(counts.size());
  for (size_t i = 0; i < counts.size(); ++i) {
    const int axis = lead + static_cast<int>(i);
    const Around around(shape, axis);
    const int64_t block = around.inner * shape[axis];
    shape[axis] = repeated("tile", shape, axis, counts[i]);
    check_extents("tile", shape);
    if (counts[i] == 1) continue;
    y = reshape(broadcast_to(reshape(y, {around.outer, 1, block}), {around.outer, counts[i], block}), shape);
  }
  return y;
}

Tensor repeat(const Tensor& x, int64_t count, int64_t axis) {
  const int place = normal_axis("repeat", axis, x.shape());
  const Around around(x.shape(), place);
  const int64_t rows = around.outer * x.shape()[place];
  const Shape shape = with_extent(x.shape(), place, repeated("repeat", x.shape(), place, count));
  check_extents("repeat", shape);
  return reshape(broadcast_to(reshape(x, {rows, 1, around.inner}), {rows, count, around.inner}), shape);
}

std::vector<OpSpec> join_ops() {
  constexpr auto kAll = DTypes::kAll;
  constexpr auto kSame = Result::kSame;
  return {
      op("concat", &concat, kAll, Result::kPromote, kPlain, "The tensors one after the other along an axis.",
         arg("tensors"), arg("axis", 0)),
      op("stack", &stack, kAll, Result::kPromote, kPlain,
         "Tensors of one shape side by side along a new axis.", arg("tensors"), arg("axis", 0)),
      op("split", &split, kAll, kSame, kPlain, "Consecutive parts of the given sizes along an axis.",
         arg("x"), arg("sizes"), arg("axis", 0)),
      op("chunk", &chunk, kAll, kSame, kPlain, "Equal parts along an axis, as many as `count`.", arg("x"),
         arg("count"), arg("axis", 0)),
      op("flip", &flip, kAll, kSame, kPlain,
         "x with the order along the axes reversed, along all where none is given.", arg("x"),
         optional("axis")),
      op("pad", &pad, kAll, kSame, kPlain,
         "x with elements around it, pads = [before, after] for each axis, flat: a constant, or x mirrored "
         "without its "
         "edge (reflect), or its edge repeated (edge).",
         arg("x"), arg("pads"), arg("value", 0.0),
         arg("mode", "'constant'").among({"constant", "reflect", "edge"})),
      op("tile", &tile, kAll, kSame, kPlain,
         "x repeated as a whole, counts[i] times along axis i of the last axes.", arg("x"), arg("counts")),
      op("repeat", &repeat, kAll, kSame, kPlain, "Each element along an axis `count` times in a row.",
         arg("x"), arg("count"), arg("axis", 0)),
  };
}

}  // namespace hebb::ops

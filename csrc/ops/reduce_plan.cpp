// Turns axes into runs of reduced and kept elements, and passes over them.
#include "ops/reduce_plan.h"

#include <algorithm>
#include <numeric>

namespace hebb::ops {

namespace {

std::string list_text(const std::vector<int64_t>& list) {
  std::string result = "[";
  for (size_t i = 0; i < list.size(); ++i) result += (i ? ", " : "") + std::to_string(list[i]);
  return result + "]";
}

// x with its axes in `order`, without a place in the tape.
Tensor ordered(const Tensor& x, const std::vector<int>& order) {
  Shape shape, strides;
  for (int axis : order) {
    shape.push_back(x.shape()[axis]);
    strides.push_back(x.strides()[axis]);
  }
  return x.view(shape, strides, x.offset());
}

}  // namespace

ReducePlan::ReducePlan(const char* op, const Tensor& x, const Axes& axes, bool keep_dims, Runs runs) {
  if (axes.list) {
    for (int64_t given : *axes.list) {
      const int axis = normal_axis(op, given, x.shape());
      if (reduced_[axis]) {
        value_error(op, text("axis %lld is given twice in ", static_cast<long long>(given)) +
                            list_text(*axes.list) + "; use each axis once");
      }
      reduced_[axis] = true;
    }
  } else {
    std::fill(reduced_, reduced_ + x.rank(), true);
  }
  for (int axis = 0; axis < x.rank(); ++axis) {
    const int64_t extent = x.shape()[axis];
    kept_.push_back(reduced_[axis] ? 1 : extent);
    if (reduced_[axis]) {
      axes_.push_back(axis);
      count_ *= extent;
    }
    if (keep_dims || !reduced_[axis]) result_.push_back(kept_[axis]);
  }
  std::vector<int> order(static_cast<size_t>(x.rank()));
  std::iota(order.begin(), order.end(), 0);
  collapse(order, x.shape());
  if (runs == Runs::kOne && this->runs() > 1) {
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return reduced_[a] < reduced_[b]; });
    collapse(order, x.shape());
  }
  x_ = contiguous(ordered(x, order));
}

void ReducePlan::collapse(const std::vector<int>& order, const Shape& shape) {
  runs_.clear();
  for (int axis : order) {
    if (shape[axis] == 1) continue;
    if (runs_.empty() || runs_.back().reduced != reduced_[axis]) runs_.push_back({reduced_[axis], 1});
    runs_.back().size *= shape[axis];
  }
}

int ReducePlan::runs() const {
  int count = 0;
  for (const Run& run : runs_) count += run.reduced;
  return count;
}

void ReducePlan::split(int64_t* outer, int64_t* reduce, int64_t* inner) const {
  *outer = *reduce = *inner = 1;
  bool found = false;
  for (auto run = runs_.rbegin(); run != runs_.rend(); ++run) {
    if (run->reduced && !found) {
      *reduce = run->size;
      found = true;
    } else {
      *(found ? outer : inner) *= run->size;
    }
  }
  // Nothing is reduced: slices of one element, which rows handle best.
  if (!found) std::swap(*outer, *inner);
}

Tensor ReducePlan::view() const {
  int64_t outer, reduce, inner;
  split(&outer, &reduce, &inner);
  const Shape shape{outer, reduce, inner};
  return x_.view(shape, contiguous_strides(shape), x_.offset());
}

Tensor ReducePlan::pass_result(DType dtype) const {
  int64_t outer, reduce, inner;
  split(&outer, &reduce, &inner);
  return empty(dtype, {outer, inner});
}

void ReducePlan::advance(const Tensor& result) {
  x_ = result;
  for (size_t i = runs_.size(); i-- > 0;) {
    if (!runs_[i].reduced) continue;
    runs_.erase(runs_.begin() + static_cast<std::ptrdiff_t>(i));
    return;
  }
}

Tensor ReducePlan::shaped(const Tensor& result) const {
  return result.view(result_, contiguous_strides(result_), result.offset());
}

void need_elements(const char* op, const ReducePlan& plan, const Tensor& x) {
  if (plan.count() > 0) return;
  std::string where = " in shape " + x.shape().text();
  if (plan.axes().size() == 1) {
    where = text(" along axis %lld of shape ", static_cast<long long>(plan.axes()[0])) + x.shape().text();
  }
  value_error(op, "no elements" + where + "; use slices of at least one element");
}

}  // namespace hebb::ops

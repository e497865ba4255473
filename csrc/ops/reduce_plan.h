// How a reduction over any axes becomes passes over [outer, reduce, inner] views of contiguous memory. The
// order of every sum follows from the shape alone, never from the strides of x.
#pragma once

#include <vector>

#include "ops/op.h"

namespace hebb::ops {

class ReducePlan {
 public:
  // What the kernel can do with several separate runs of reduced axes.
  enum class Runs {
    kFold,  // reduce one after the other
    kOne,   // nothing: x is copied so that there is one
  };

  ReducePlan(const char* op, const Tensor& x, const Axes& axes, bool keep_dims, Runs runs);

  // Elements in one slice, and the shape of the result with extents of 1 where axes were reduced.
  int64_t count() const { return count_; }
  const Shape& kept() const { return kept_; }
  const Shape& result() const { return result_; }
  // The axes reduced, in ascending order.
  const std::vector<int64_t>& axes() const { return axes_; }

  // Takes the last run of reduced axes: the view of x [outer, reduce, inner] for one pass.
  Tensor view() const;
  bool last() const { return runs() <= 1; }
  // Memory for the pass's result [outer, inner].
  Tensor pass_result(DType dtype) const;
  // Goes on with the result of a pass.
  void advance(const Tensor& result);
  // The result of the last pass as the caller sees it.
  Tensor shaped(const Tensor& result) const;

 private:
  struct Run {
    bool reduced;
    int64_t size;
  };

  void collapse(const std::vector<int>& order, const Shape& shape);
  int runs() const;
  void split(int64_t* outer, int64_t* reduce, int64_t* inner) const;

  Tensor x_;  // contiguous, its axes in the order that runs_ counts
  std::vector<Run> runs_;
  std::vector<int64_t> axes_;
  bool reduced_[kMaxRank] = {};
  int64_t count_ = 1;
  Shape kept_;
  Shape result_;
};

// Throws ValueError where slices have no elements: `op` has no result for them.
void need_elements(const char* op, const ReducePlan& plan, const Tensor& x);

}  // namespace hebb::ops

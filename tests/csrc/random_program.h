// Random programs of element-wise commands: mixed dtypes and layouts, with copies between them.
#pragma once

#include <algorithm>
#include <memory>

#include "kernels/copy.h"
#include "kernels/elementwise.h"
#include "kernels/random.h"
#include "program_harness.h"

namespace hebb::testing {
namespace {

using stream::Slot;

const Shape kShapes[] = {{},         {1},       {7},         {256},       {5000},        {3, 5},
                         {2, 300},   {600, 3},  {40, 1, 33}, {2, 3, 257}, {9, 4, 2, 11}, {3, 1, 1024},
                         {1, 70, 1}, {130, 130}};
const DType kDTypes[] = {DType::kF32,  DType::kF32, DType::kF32, DType::kF64, DType::kF16,
                         DType::kBF16, DType::kI32, DType::kI64, DType::kU8,  DType::kBool};

const Slot* const kFloatUnary[] = {&kernels::exp, &kernels::tanh, &kernels::gelu, &kernels::relu,
                                   &kernels::floor};
const Slot* const kFloatBinary[] = {&kernels::div, &kernels::relu_grad, &kernels::tanh_grad,
                                    &kernels::silu_grad};
const Slot* const kUnary[] = {&kernels::neg, &kernels::abs, &kernels::square, &kernels::sign,
                              &kernels::clamp};
const Slot* const kBinary[] = {&kernels::add, &kernels::sub, &kernels::mul, &kernels::maximum,
                               &kernels::minimum};
const Slot* const kPredicates[] = {&kernels::less, &kernels::equal, &kernels::logical_and};

template <class T, size_t n>
const T& one_of(const T (&list)[n], std::mt19937& random) {
  return list[random() % n];
}

class RandomProgram {
 public:
  // Without `libm`, functions of f64 are left out: CUDA kernels and PTX have others, with other last digits.
  RandomProgram(unsigned seed, bool hazards, bool libm = true)
      : random_(seed), hazards_(hazards), libm_(libm) {
    shape_ = one_of(kShapes, random_);
    for (int i = 0; i < 3; ++i) values_.push_back(made.argument(shape_, one_of(kDTypes, random_)));
    for (int i = 0; i < 2; ++i) states_.push_back(made.state(shape_, one_of(kDTypes, random_)));
    const int count = 2 + static_cast<int>(random_() % 20);
    for (int i = 0; i < count; ++i) add_command();
    // What is computed last is looked at.
    made.add(kernels::copy, made.output(shape_, values_.back().view.dtype), {values_.back()});
  }

  TestProgram made;

 private:
  bool chance(unsigned percent) { return random_() % 100 < percent; }

  PlanOperand result(DType dtype) {
    PlanOperand out = chance(75) ? made.temporary(shape_, dtype) : made.output(shape_, dtype);
    // Extents of one and merged axes make no other space.
    if (chance(20)) out = TestProgram::reshaped(out, {shape_.size()});
    return out;
  }

  // An input of a shape that broadcasts, or turned.
  PlanOperand broadcast_input() {
    Shape shape = shape_;
    for (int axis = 0; axis < shape.rank(); ++axis) {
      if (chance(40)) shape[axis] = 1;
    }
    const DType dtype = one_of(kDTypes, random_);
    if (shape.rank() >= 2 && chance(30)) {
      std::swap(shape[shape.rank() - 1], shape[shape.rank() - 2]);
      return TestProgram::transposed(made.argument(shape, dtype));
    }
    while (shape.rank() > 0 && shape[0] == 1 && chance(50)) shape.erase(0);
    return made.argument(shape, dtype);
  }

  PlanOperand input(const PlanOperand& out) {
    const auto in_shape = [&](const PlanOperand& x) {
      Shape shape(out.view.shape, out.view.rank);
      return TestProgram::reshaped(x, shape);
    };
    if (chance(15))
      return TestProgram::constant(static_cast<double>(random_() % 9) / 4, one_of(kDTypes, random_));
    if (out.view.rank == shape_.rank() && chance(20)) return broadcast_input();
    if (chance(10)) return in_shape(states_[random_() % states_.size()]);
    const size_t recent = std::min<size_t>(values_.size(), 4);
    return in_shape(values_[values_.size() - 1 - random_() % recent]);
  }

  void add_command() {
    if (hazards_ && chance(25)) return add_hazard();
    if (chance(12)) return add_dropout();
    const unsigned kind = random_() % 100;
    const DType dtype = one_of(kDTypes, random_);
    const DType compute = compute_type(dtype);
    const PlanOperand out = result(kind >= 75 && kind < 85 ? DType::kBool : dtype);
    if (kind < 10) {
      made.add(kernels::copy, out, {input(out)});
    } else if (kind < 45) {
      const bool any = is_float(dtype) && (libm_ || dtype != DType::kF64);
      const Slot* slot = any && chance(50) ? one_of(kFloatUnary, random_) : one_of(kUnary, random_);
      made.map(*slot, out, {input(out)}, compute, -0.5);
    } else if (kind < 75) {
      const bool any = is_float(dtype) && (libm_ || dtype != DType::kF64);
      const Slot* slot = any && chance(40) ? one_of(kFloatBinary, random_) : one_of(kBinary, random_);
      made.map(*slot, out, {input(out), input(out)}, compute, 0.5);
    } else if (kind < 85) {
      made.map(*one_of(kPredicates, random_), out, {input(out), input(out)}, compute);
    } else {
      made.map(kernels::where, out, {input(out), input(out), input(out)}, compute);
    }
    values_.push_back(TestProgram::reshaped(out, shape_));
  }

  void add_dropout() {
    const PlanOperand& value = values_[values_.size() - 1 - random_() % 2];
    if (!is_float(value.view.dtype)) return;
    const PlanOperand out = result(value.view.dtype);
    made.add(kernels::dropout, out,
             {TestProgram::reshaped(value, Shape(out.view.shape, out.view.rank)), seed_});
    const kernels::DropoutParams params{static_cast<int64_t>(random_() % 1000), 0.3};
    std::memcpy(made.program.commands.back().params.data(), &params, sizeof params);
    values_.push_back(TestProgram::reshaped(out, shape_));
  }

  // Writes into what others read, and reads along other axes.
  void add_hazard() {
    const PlanOperand& value = values_[random_() % values_.size()];
    const PlanOperand& state = states_[random_() % states_.size()];
    const unsigned kind = random_() % 4;
    if (kind == 0) {
      made.add(kernels::assign, state, {value}, Role::kInOut);
    } else if (kind == 1 && shape_.rank() > 0) {
      const PlanOperand whole = values_.back();
      if (made.program.buffers[static_cast<size_t>(whole.buffer)].origin == Origin::kArgument) return;
      const int64_t start = static_cast<int64_t>(random_()) % shape_[0];
      made.add(kernels::copy_into, TestProgram::part(whole, start, shape_[0] - start),
               {TestProgram::constant(2)}, Role::kInOut);
    } else if (shape_.rank() >= 2 && shape_[shape_.rank() - 1] == shape_[shape_.rank() - 2]) {
      const PlanOperand out = result(value.view.dtype);
      const PlanOperand as_made = TestProgram::reshaped(out, shape_);
      made.add(kernels::copy, as_made, {TestProgram::transposed(value)});
      values_.push_back(as_made);
    } else if (is_float(state.view.dtype) && (libm_ || state.view.dtype != DType::kF64)) {
      // An element-wise command may write a state in place as well.
      made.map(kernels::tanh, state, {value}, compute_type(state.view.dtype));
    }
  }

  std::mt19937 random_;
  bool hazards_;
  bool libm_;
  Shape shape_;
  std::vector<PlanOperand> values_;
  std::vector<PlanOperand> states_;
  PlanOperand seed_ = made.buffer(Origin::kRandom, DType::kI64, {2});
};

}  // namespace
}  // namespace hebb::testing

// Programs of a command with an epilogue behind it: what it computes must be, bit for bit, what the single
// commands do.
#pragma once

#include <functional>
#include <string>

#include "check.h"
#include "kernels/copy.h"
#include "kernels/elementwise.h"
#include "kernels/fused.h"
#include "kernels/random.h"
#include "program_harness.h"
#include "stream/passes/fuse.h"
#include "stream/passes/passes.h"

namespace hebb::testing {

// Adds a command; the first of `operands` are written, as many as `results` says.
template <class P>
void add_command(TestProgram& made, const stream::Slot& slot, std::vector<PlanOperand> operands,
                 size_t results, const P& params) {
  stream::PlanCommand command;
  command.slot = &slot;
  for (size_t k = 0; k < operands.size(); ++k) operands[k].view.role = k < results ? Role::kOut : Role::kIn;
  command.operands = std::move(operands);
  std::memcpy(command.params.data(), &params, sizeof params);
  made.program.commands.push_back(std::move(command));
}

// Adds a command to the program; gives its first result.
using Producer = std::function<PlanOperand(TestProgram& made)>;
// Adds element-wise commands that go on with a value.
using Chain = void (*)(TestProgram& made, const PlanOperand& value);

inline Shape shape_of(const PlanOperand& value) { return Shape(value.view.shape, value.view.rank); }

// A result of the value's shape and dtype.
inline PlanOperand like(TestProgram& made, const PlanOperand& value) {
  return made.temporary(shape_of(value), value.view.dtype);
}
inline PlanOperand last_like(TestProgram& made, const PlanOperand& value) {
  return made.output(shape_of(value), value.view.dtype);
}

inline void chain_relu(TestProgram& made, const PlanOperand& value) {
  made.map(kernels::relu, last_like(made, value), {value}, compute_type(value.view.dtype));
}

// value (x > 0), where x is what an earlier layer gave.
inline void chain_mask(TestProgram& made, const PlanOperand& value) {
  const DType compute = compute_type(value.view.dtype);
  const auto x = made.argument(shape_of(value), value.view.dtype);
  const auto above = made.map(kernels::greater, made.temporary(shape_of(value), DType::kBool),
                              {x, TestProgram::constant(0, value.view.dtype)}, compute);
  made.map(kernels::mul, last_like(made, value), {value, above}, compute);
}

// A row that repeats, dropout, a residual.
inline void chain_layer(TestProgram& made, const PlanOperand& value) {
  const DType compute = compute_type(value.view.dtype);
  const auto row = made.argument({value.view.shape[value.view.rank - 1]}, value.view.dtype);
  const auto seed = made.buffer(Origin::kRandom, DType::kI64, {2});
  const auto moved = made.map(kernels::add, like(made, value), {value, row}, compute);
  const auto bent = made.map(kernels::gelu, like(made, value), {moved}, compute);
  const auto dropped = like(made, value);
  made.add(kernels::dropout, dropped, {bent, seed});
  const kernels::DropoutParams params{7, 0.4};
  std::memcpy(made.program.commands.back().params.data(), &params, sizeof params);
  const auto residual = made.argument(shape_of(value), value.view.dtype);
  made.map(kernels::add, last_like(made, value), {dropped, residual}, compute);
}

// A column that repeats, other dtypes, results of several sizes.
inline void chain_mixed(TestProgram& made, const PlanOperand& value) {
  Shape column = shape_of(value);
  column[column.rank() - 1] = 1;
  const auto scaled = made.map(kernels::mul, made.temporary(shape_of(value), DType::kF32),
                               {value, made.argument(column, DType::kI32)});
  made.map(kernels::less, made.output(shape_of(value), DType::kBool),
           {scaled, TestProgram::constant(0.25, DType::kF32)});
  made.add(kernels::copy, made.output(shape_of(value), DType::kBF16), {scaled});
  made.add(kernels::copy, made.output(shape_of(value), DType::kF64), {scaled});
}

// The value itself is a result, and others read it later.
inline void chain_shared(TestProgram& made, const PlanOperand& value) {
  const DType compute = compute_type(value.view.dtype);
  const auto bent = made.map(kernels::tanh, like(made, value), {value}, compute);
  made.map(kernels::square, last_like(made, value), {bent}, compute);
  const auto state = made.state(shape_of(value), value.view.dtype);
  made.add(kernels::assign, state, {value}, Role::kInOut);
}

inline constexpr Chain kChains[] = {chain_relu, chain_mask, chain_layer, chain_mixed, chain_shared};

// The producer with a chain: single commands, then one command with an epilogue, then in place.
inline void check_epilogue(const Producer& producer, Chain chain, const std::string& name) {
  TestProgram made;
  const PlanOperand value = producer(made);
  chain(made, value);
  stream::fuse_elementwise(made.program, kernels::fused);
  const auto want = made.run(1);
  const size_t before = made.program.commands.size();
  stream::passes::append_epilogues(made.program);
  // Nothing is done about results without elements.
  const size_t taken = value.view.size() > 0 ? 1 : 0;
  if (made.program.commands.size() != before - taken)
    throw Failure(__FILE__, __LINE__, name + " took no epilogue:\n" + program_text(made.program));
  for (const auto pass : {+[](stream::Program&) {}, &stream::passes::reuse_in_place}) {
    pass(made.program);
    for (const int threads : {1, 2, 3}) {
      if (made.run(threads) != want)
        throw Failure(__FILE__, __LINE__, name + " differs:\n" + program_text(made.program));
    }
  }
}

// Every chain in f32, one of them, in turn, in the others.
inline void check_epilogues(const Producer& producer, DType dtype, const char* slot, int index) {
  const std::string name = std::string(slot) + " " + dtype_name(dtype) + " case " + std::to_string(index);
  const size_t count = std::size(kChains);
  for (size_t i = 0; i < count; ++i) {
    const bool mine = (static_cast<size_t>(index) + static_cast<size_t>(dtype)) % count == i;
    if (dtype == DType::kF32 || mine) check_epilogue(producer, kChains[i], name);
  }
}

}  // namespace hebb::testing

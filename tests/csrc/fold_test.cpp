// Constant folding: what depends on constants and captured tensors alone is computed once, with the same
// bits.
#include "stream/fold.h"

#include "check.h"
#include "ops/elementwise.h"
#include "ops/index.h"
#include "ops/optimizer.h"
#include "ops/random.h"
#include "ops/shape.h"
#include "plan_harness.h"

namespace hebb::testing {
namespace {

// Commands of the recording and of what is left of it, by a plan that only folds.
struct Folded {
  std::unique_ptr<stream::Plan> plan;
  size_t recorded, left;
};

Folded fold(Compiling& c, const Tensors& args, const Step& step) {
  Folded folded;
  folded.plan = c.compile(args, step, [](stream::Program&, std::vector<stream::PassReport>*) {});
  folded.left = folded.plan->program().commands.size();
  folded.recorded = folded.plan->explain()[0].commands;
  return folded;
}

Tensor causal_mask(int64_t length) {
  const Tensor at = ops::arange(0, static_cast<double>(length), 1, DType::kF32);
  return ops::less_equal(at, ops::reshape(at, {length, 1}));
}

TEST(constants_are_computed_once) {
  Compiling c;
  const Tensor table = c.random({5, 5}, 1);
  const Step step = [&](const Tensors& in) {
    return Tensors{ops::where(causal_mask(5), ops::mul(in[0], ops::exp(table)), -1.0)};
  };
  const Tensors args{c.random({5, 5}, 2)};
  const Folded folded = fold(c, args, step);
  CHECK(folded.left < folded.recorded);
  // Only the product and the choice need the argument.
  CHECK_EQ(folded.left, size_t{2});
  const auto stages = folded.plan->explain();
  CHECK_EQ(stages.size(), size_t{2});
  CHECK(stages[1].pass == "constants");
  CHECK_EQ(stages[1].commands, folded.left);
  for (uint64_t i = 0; i < 3; ++i) {
    const Tensors other{c.random({5, 5}, 10 + i)};
    CHECK(c.values(c.run(*folded.plan, other)) == c.values(step(other)));
  }
}

TEST(a_constant_result_is_new_memory_in_each_run) {
  Compiling c;
  const Tensor table = c.random({4}, 3);
  const Step step = [&](const Tensors&) {
    const Tensor y = ops::exp(table);
    return Tensors{y, ops::neg(ops::exp(y)), ops::transpose(ops::reshape(y, {2, 2}))};
  };
  const Folded folded = fold(c, {}, step);
  const Tensors first = c.run(*folded.plan, {}), second = c.run(*folded.plan, {});
  CHECK(c.values(first) == c.values(step({})));
  CHECK(c.values(second) == c.values(step({})));
  for (size_t i = 0; i < first.size(); ++i) CHECK(first[i].storage() != second[i].storage());
}

TEST(what_may_change_or_fail_is_not_folded) {
  Compiling c;
  const Tensor table = c.random({3, 2}, 4);
  const auto state = ops::make_state(c.random({3, 2}, 5));
  const Tensor ids = c.filled(1, {2}, DType::kI64);
  const std::vector<Step> steps{
      [&](const Tensors&) { return Tensors{ops::exp(state->snapshot())}; },
      [&](const Tensors&) { return Tensors{ops::take(table, ids, 0)}; },
      [&](const Tensors&) { return Tensors{ops::dropout(table, 0.5)}; },
      [&](const Tensors& in) { return Tensors{ops::add(in[0], table)}; },
  };
  for (const auto& step : steps) {
    const Folded folded = fold(c, {c.zeros({3, 2})}, step);
    CHECK_EQ(folded.left, folded.recorded);
  }
}

TEST(a_large_result_of_little_is_made_in_each_run) {
  Compiling c;
  const Tensor row = c.random({1024}, 6), column = ops::reshape(row, {1024, 1});
  const Step outer = [&](const Tensors& in) { return Tensors{ops::add(ops::mul(row, column), in[0])}; };
  CHECK_EQ(fold(c, {c.zeros({1})}, outer).left, size_t{2});
  const Tensor large = c.random({1024, 1024}, 7);
  const Step shrunk = [&](const Tensors& in) { return Tensors{ops::add(ops::exp(large), in[0])}; };
  CHECK_EQ(fold(c, {c.zeros({1})}, shrunk).left, size_t{1});
}

TEST(what_constants_were_made_of_is_released) {
  Compiling c;
  const auto live = [&] { return c.allocator.stats().live_bytes; };
  Tensor large = c.random({512, 512}, 8);
  const Step step = [&](const Tensors& in) {
    return Tensors{ops::add(ops::slice(ops::exp(large), {0, 0}, {1, 4}, {1, 1}), in[0])};
  };
  const Tensors args{c.zeros({1, 4})};
  const auto before = live();
  const Floats want = c.values(step(args));
  Folded folded = fold(c, args, step);
  CHECK_EQ(folded.left, size_t{1});
  CHECK(c.values(c.run(*folded.plan, args)) == want);
  // Two of these: the captured tensor, and its exponential, of which a view is read.
  large = {};
  CHECK(live() <= before);
  folded.plan.reset();
  CHECK(live() < before / 2);
}

}  // namespace
}  // namespace hebb::testing

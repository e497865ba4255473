// State cells through the queue: snapshots that never change, fixed addresses, failures that leave both
// alone.
#include "core/state.h"

#include <algorithm>
#include <vector>

#include "check.h"
#include "core/error.h"
#include "device/cpu/allocator.h"
#include "device/cpu/isa.h"
#include "kernels/fill.h"
#include "ops/environment.h"
#include "ops/op.h"

using namespace hebb;

namespace {

struct Fixture {
  stream::Executor executor{std::make_unique<stream::HostRuntime>([](int) { return stream::Threads{}; })};
  cpu::CpuAllocator allocator;
  ops::Environment environment{executor, allocator};

  Fixture() {
    kernels::fill(cpu::best_isa());
    environment.make_current();
  }

  std::vector<float> read(const Tensor& x) {
    const Tensor packed = ops::contiguous(x);
    environment.stream().drain();
    const auto* data = static_cast<const float*>(packed.storage()->block()->data) + packed.offset();
    return {data, data + packed.size()};
  }
};

Tensor number(double value, const Shape& shape) { return Tensor::constant(DType::kF32, value, shape); }

using Floats = std::vector<float>;

}  // namespace

TEST(state_write_leaves_snapshots_alone) {
  Fixture f;
  const auto state = ops::make_state(number(1, {3}));
  const void* address = state->writable().storage()->block()->data;
  const Tensor old = state->snapshot();
  const Tensor part = old.view({2}, {1}, 1);
  const uint64_t version = state->version();
  ops::assign(*state, number(2, {3}));
  const Tensor middle = state->snapshot();
  ops::assign(*state, number(3, {3}));
  CHECK_EQ(state->version(), version + 2);
  CHECK(f.read(old) == Floats({1, 1, 1}));
  CHECK(f.read(part) == Floats({1, 1}));
  CHECK(f.read(middle) == Floats({2, 2, 2}));
  CHECK(f.read(state->snapshot()) == Floats({3, 3, 3}));
  CHECK(state->snapshot().storage()->block()->data == address);
}

TEST(state_write_copies_only_for_living_snapshots) {
  Fixture f;
  const auto state = ops::make_state(number(1, {4}));
  const size_t blocks = f.allocator.stats().live_blocks;
  { const Tensor gone = state->snapshot(); }
  ops::assign(*state, number(2, {4}));
  CHECK_EQ(f.allocator.stats().live_blocks, blocks);
  Tensor alive = state->snapshot();
  ops::assign(*state, number(3, {4}));
  CHECK_EQ(f.allocator.stats().live_blocks, blocks + 1);
  // A second write has nothing left to move.
  ops::assign(*state, number(4, {4}));
  CHECK_EQ(f.allocator.stats().live_blocks, blocks + 1);
  alive = Tensor();
  CHECK_EQ(f.allocator.stats().live_blocks, blocks);
}

TEST(state_takes_views_of_itself) {
  Fixture f;
  const auto state = ops::make_state(number(0, {2, 2}));
  Tensor row = ops::empty(DType::kF32, {4});
  f.environment.stream().drain();
  const float values[] = {1, 2, 3, 4};
  std::copy(values, values + 4, static_cast<float*>(row.storage()->block()->data));
  ops::assign(*state, row.view({2, 2}, {2, 1}, 0));
  ops::assign(*state, state->snapshot().view({2, 2}, {1, 2}, 0));
  CHECK(f.read(state->snapshot()) == Floats({1, 3, 2, 4}));
  // Broadcast along the first axis.
  ops::assign(*state, state->snapshot().view({2}, {2}, 0));
  CHECK(f.read(state->snapshot()) == Floats({1, 2, 1, 2}));
}

TEST(state_refuses_other_shapes) {
  Fixture f;
  const auto state = ops::make_state(number(0, {2, 3}));
  CHECK_THROWS(ops::assign(*state, number(0, {4, 2, 3})), "assign: a value of shape [4, 2, 3] does not fit");
  CHECK_THROWS(ops::assign(*state, number(0, {2})), "assign: ");
}

TEST(state_value_outlives_its_cell_through_the_queue) {
  Fixture f;
  Tensor last;
  {
    const auto state = ops::make_state(number(5, {2}));
    last = state->snapshot();
  }
  // Memory handed out now must not be the snapshot's.
  const auto other = ops::make_state(number(9, {2}));
  CHECK(f.read(last) == Floats({5, 5}));
}

TEST(state_write_that_finds_no_memory_changes_nothing) {
  Fixture f;
  const auto state = ops::make_state(number(1, {3}));
  const Tensor old = state->snapshot();
  const uint64_t version = state->version();
  f.allocator.set_fail_at(1);
  CHECK_THROWS(ops::assign(*state, number(2, {3})), "alloc: ");
  CHECK_EQ(state->version(), version);
  CHECK(f.read(old) == Floats({1, 1, 1}));
  CHECK(f.read(state->snapshot()) == Floats({1, 1, 1}));
  ops::assign(*state, number(2, {3}));
  CHECK(f.read(old) == Floats({1, 1, 1}));
  CHECK(f.read(state->snapshot()) == Floats({2, 2, 2}));
}

// Dropping a snapshot while the copy that serves it is still in the queue reuses memory in queue order.
TEST(state_many_writes_and_snapshots) {
  Fixture f;
  const auto state = ops::make_state(number(0, {256}));
  std::vector<Tensor> kept;
  for (int i = 1; i <= 2000; ++i) {
    Tensor snapshot = state->snapshot();
    if (i % 500 == 0) kept.push_back(snapshot);
    ops::assign(*state, number(i, {256}));
  }
  for (size_t i = 0; i < kept.size(); ++i) {
    CHECK(f.read(kept[i]) == Floats(256, static_cast<float>(500 * (i + 1) - 1)));
  }
  CHECK(f.read(state->snapshot()) == Floats(256, 2000.0f));
}

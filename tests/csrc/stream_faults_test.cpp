// What a fault does to what comes after it in the queue.
#include "stream_harness.h"

using namespace hebb;
using namespace hebb::stream;
using namespace hebb::testing::streams;

TEST(stream_poisons_what_depends_on_a_fault) {
  Fixture f;
  Operand bad = f.filled({1, 5, -3, 7, -4}), good = f.filled({1, 2});
  Operand guarded = f.tensor({5}), after = f.tensor({5}), apart = f.tensor({2});
  f.send(guard_slot, {guarded, bad});
  f.send(increment_slot, {after, guarded});
  f.send(increment_slot, {apart, good});
  std::string told = "none", told_apart = "none";
  f.stream.then([&](const Error* fault) { told = fault == nullptr ? "" : fault->what(); }, after.block);
  f.stream.then([&](const Error* fault) { told_apart = fault == nullptr ? "" : fault->what(); }, apart.block);
  f.stream.drain();
  // The smallest position is what is reported, whatever the order of the check.
  CHECK_EQ(told, "take: index -3 at position 2 is out of range; use 0..9");
  CHECK_EQ(told_apart, "");
  CHECK_EQ(apart.as<float>()[1], 3.0f);
  CHECK(f.stream.fault_of(*guarded.block).has_value());
  CHECK(!f.stream.fault_of(*apart.block).has_value());

  // The memory's next contents are clean.
  f.allocator.release(after.block);
  Operand again = f.tensor({5});
  CHECK(again.block == after.block);
  f.send(increment_slot, {again, bad});
  f.stream.drain();
  CHECK(!f.stream.fault_of(*again.block).has_value());

  // Also where the first command updates it, as the first write of a new state does.
  f.send(guard_slot, {again, bad});
  f.allocator.release(again.block);
  Operand cell = f.tensor({5}, Role::kInOut);
  CHECK(cell.block == again.block);
  f.send(store_slot, {cell, bad});
  f.stream.drain();
  CHECK(!f.stream.fault_of(*cell.block).has_value());
  CHECK_EQ(cell.as<float>()[1], 5.0f);
}

TEST(stream_keeps_faults_until_told) {
  Fixture f;
  Operand bad = f.filled({-1}), guarded = f.tensor({1});
  CHECK(!f.stream.take_fault().has_value());
  f.send(guard_slot, {guarded, bad});
  f.stream.drain();
  CHECK(f.stream.has_fault());
  const auto fault = f.stream.take_fault();
  CHECK(fault.has_value());
  CHECK_EQ(fault->op(), "take");
  CHECK_EQ(fault->kind(), ErrorKind::kValue);
  CHECK(!f.stream.has_fault());
  CHECK(!f.stream.take_fault().has_value());
}

TEST(stream_skips_poisoned_writes_to_state) {
  Fixture f;
  Operand cell = f.filled({1, 2}), bad = f.filled({-1, 0}), guarded = f.tensor({2});
  f.send(guard_slot, {guarded, bad});
  f.send(store_slot, {cell, guarded});
  f.stream.drain();
  CHECK_EQ(cell.as<float>()[0], 1.0f);
  CHECK(!f.stream.fault_of(*cell.block).has_value());
  f.send(store_slot, {cell, f.filled({8, 9})});
  f.stream.drain();
  CHECK_EQ(cell.as<float>()[1], 9.0f);
}

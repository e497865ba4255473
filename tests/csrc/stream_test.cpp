// The queue and its executor, with kernels of the test's own: order, bounds, layouts, ending.
#include <chrono>

#include "stream_harness.h"

using namespace hebb;
using namespace hebb::stream;
using namespace hebb::testing::streams;
using std::chrono::milliseconds;

TEST(stream_runs_in_order) {
  Fixture f;
  notes.clear();
  for (int64_t i = 0; i < 5000; ++i) f.note(i);
  f.stream.drain();
  CHECK(f.stream.idle());
  CHECK_EQ(notes.size(), 5000u);
  for (int64_t i = 0; i < 5000; ++i) CHECK_EQ(notes[static_cast<size_t>(i)], i);
}

TEST(stream_queue_is_bounded) {
  Fixture f;
  notes.clear();
  gate = false;
  f.send(wait_slot, {f.note_target});
  std::atomic<int64_t> submitted{0};
  std::thread submitter([&] {
    for (int64_t i = 0; i < 3000; ++i) {
      f.note(i);
      ++submitted;
    }
  });
  int64_t before = -1;
  while (submitted != before) {
    before = submitted;
    std::this_thread::sleep_for(milliseconds(50));
  }
  const int64_t blocked_at = submitted;
  gate = true;
  submitter.join();
  f.stream.drain();
  CHECK(blocked_at < static_cast<int64_t>(kQueueLength));
  CHECK(blocked_at >= static_cast<int64_t>(kQueueLength) - 2);
  CHECK_EQ(notes.size(), 3000u);
}

// A block that is released and handed out again serves commands that come later: values never mix.
TEST(stream_reuses_memory_in_order) {
  Fixture f;
  f.stream.set_threads(2);
  Operand x = f.filled({0, 1, 2, 3, 4, 5, 6, 7});
  for (int i = 0; i < 3000; ++i) {
    Operand y = f.tensor({8});
    f.send(increment_slot, {y, x});
    f.allocator.release(x.block);
    x = y;
  }
  f.stream.drain();
  for (int i = 0; i < 8; ++i) CHECK_EQ(x.as<float>()[i], 3000.0f + static_cast<float>(i));
  CHECK(f.allocator.stats().live_blocks <= 2);
}

TEST(stream_makes_inputs_contiguous_where_a_slot_asks) {
  Fixture f;
  Operand x = f.filled({1, 2, 3, 4, 5, 6});
  Operand transposed = x;
  transposed.rank = 2;
  transposed.shape[0] = 3;
  transposed.shape[1] = 2;
  transposed.strides[0] = 1;
  transposed.strides[1] = 3;
  const size_t live = f.allocator.stats().live_blocks;
  f.send(look_slot, {f.note_target, transposed});
  CHECK_EQ(f.allocator.stats().live_blocks, live);
  f.stream.drain();
  CHECK(seen[1].data != x.data);
  CHECK_EQ(seen[1].strides[0], 2);
  CHECK_EQ(seen[1].strides[1], 1);
  const float expected[] = {1, 4, 2, 5, 3, 6};
  for (int i = 0; i < 6; ++i) CHECK_EQ(seen[1].as<float>()[i], expected[i]);

  f.send(look_strided_slot, {f.note_target, transposed});
  f.stream.drain();
  CHECK(seen[1].data == x.data);
  CHECK_EQ(seen[1].strides[1], 3);

  // Extents of one do not count.
  Operand row = transposed;
  row.shape[0] = 1;
  row.shape[1] = 3;
  row.strides[0] = 77;
  row.strides[1] = 1;
  f.send(look_slot, {f.note_target, row});
  f.stream.drain();
  CHECK(seen[1].data == x.data);
}

TEST(stream_writes_constants_out_where_a_slot_asks) {
  Fixture f;
  const Operand sevens = Fixture::constant(7, f.tensor({5}));
  f.send(look_slot, {f.note_target, sevens});
  f.stream.drain();
  CHECK(!seen[1].is_constant());
  for (int i = 0; i < 5; ++i) CHECK_EQ(seen[1].as<float>()[i], 7.0f);
  f.send(look_constant_slot, {f.note_target, sevens});
  f.stream.drain();
  CHECK(seen[1].is_constant());
  CHECK_EQ(seen[1].constant, 7.0);
}

TEST(stream_takes_more_operands_than_fit_inline) {
  Fixture f;
  std::vector<Operand> operands(kInlineOperands + 3, f.filled({1, 2}));
  operands[0] = f.note_target;
  f.send(look_slot, operands);
  f.stream.drain();
  CHECK_EQ(seen.size(), operands.size());
  CHECK(seen.back().data == operands.back().data);
}

TEST(stream_drops_commands_without_output_elements) {
  Fixture f;
  seen.clear();
  f.send(look_slot, {f.tensor({3, 0}), f.note_target});
  f.stream.drain();
  CHECK(seen.empty());
  f.send(look_slot, {f.note_target, f.tensor({3, 0})});
  f.stream.drain();
  CHECK_EQ(seen.size(), 2u);
}

TEST(stream_names_a_slot_without_kernel) {
  Fixture f;
  const Slot empty = make_slot("conv3d", nullptr);
  CHECK_THROWS(f.send(empty, {f.note_target}), "conv3d: no cpu kernel");
}

TEST(stream_wakes_a_parked_executor) {
  Fixture f;
  notes.clear();
  for (int64_t i = 0; i < 30; ++i) {
    std::this_thread::sleep_for(milliseconds(2));
    f.note(i);
    f.stream.drain();
  }
  CHECK_EQ(notes.size(), 30u);
}

TEST(streams_are_served_in_turn) {
  Fixture f;
  cpu::CpuAllocator allocator;
  Stream other(f.executor, allocator, copy_slot);
  const Slot slow = make_slot(
      "slow", [](const Command&, Context&) { std::this_thread::sleep_for(std::chrono::microseconds(200)); });
  gate = false;
  f.send(wait_slot, {f.note_target});
  for (int i = 0; i < 1000; ++i) f.send(slow, {f.note_target});
  bool ran = false;
  other.then([&](const Error*) { ran = true; }, nullptr);
  gate = true;
  other.drain();
  CHECK(ran);
  CHECK(!f.stream.idle());
}

TEST(stream_that_ends_drops_what_has_not_started) {
  Executor executor(std::make_unique<HostRuntime>(&pool_threads));
  cpu::CpuAllocator allocator;
  gate = false;
  int ran = 0;
  std::thread opener;
  {
    Stream stream(executor, allocator, copy_slot);
    Operand out;
    out.role = Role::kOut;
    out.block = stream.allocate(4);
    out.data = out.block->data;
    std::atomic<bool> started{false};
    stream.then([&](const Error*) { started = true; }, nullptr);
    stream.submit(wait_slot, &out, 1, nullptr, 0);
    while (!started) std::this_thread::yield();
    for (int i = 0; i < 100; ++i) stream.then([&](const Error*) { ++ran; }, nullptr);
    opener = std::thread([] {
      std::this_thread::sleep_for(milliseconds(20));
      gate = true;
    });
  }
  opener.join();
  CHECK_EQ(ran, 0);
  // The executor goes on with others.
  Stream next(executor, allocator, copy_slot);
  next.then([&](const Error*) { ++ran; }, nullptr);
  next.drain();
  CHECK_EQ(ran, 1);
}

TEST(stream_current_belongs_to_the_thread) {
  Fixture f;
  Stream::set_current(&f.stream);
  CHECK(&Stream::current() == &f.stream);
  std::string message;
  std::thread([&] {
    try {
      Stream::current();
    } catch (const std::exception& error) {
      message = error.what();
    }
  }).join();
  CHECK_EQ(message.substr(0, 8), "stream: ");
  Stream::set_current(nullptr);
}

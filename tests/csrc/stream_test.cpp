// The queue and its executor, with kernels of the test's own: order, bounds, layouts, poison, ending.
#include "stream/stream.h"

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "device/cpu/allocator.h"
#include "device/cpu/pool.h"

using namespace hebb;
using namespace hebb::stream;

namespace {

using std::chrono::milliseconds;

struct NoteParams {
  int64_t number;
};

// What the kernels below have seen. Written by the executor, read after drain().
std::vector<int64_t> notes;
std::vector<Operand> seen;
std::atomic<bool> gate{true};

void note_kernel(const Command& command, Context&) { notes.push_back(command.param<NoteParams>().number); }

void wait_kernel(const Command&, Context&) {
  while (!gate.load()) std::this_thread::yield();
}

void look_kernel(const Command& command, Context&) {
  seen.assign(command.operands, command.operands + command.operand_count);
}

double element(const Operand& x, const int64_t* index) {
  if (x.is_constant()) return x.constant;
  int64_t offset = 0;
  for (int axis = 0; axis < x.rank; ++axis) offset += index[axis] * x.strides[axis];
  return x.as<float>()[offset];
}

// out = in, any layout, up to rank 2.
void copy_kernel(const Command& command, Context&) {
  const Operand &out = command[0], &in = command[1];
  const int64_t rows = out.rank > 1 ? out.shape[0] : 1, columns = out.rank > 0 ? out.shape[out.rank - 1] : 1;
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) {
      const int64_t index[2] = {out.rank > 1 ? i : j, j};
      out.as<float>()[i * columns + j] = static_cast<float>(element(in, index));
    }
  }
}

void increment_kernel(const Command& command, Context& context) {
  context.parallel(command[0].size(),
                   [&](int64_t i, int) { command[0].as<float>()[i] = command[1].as<float>()[i] + 1; });
}

// Refuses negative elements.
void guard_kernel(const Command& command, Context& context) {
  for (int64_t i = command[1].size() - 1; i >= 0; --i) {
    const float value = command[1].as<float>()[i];
    if (value < 0) context.fail(i, static_cast<int64_t>(value), 9);
    command[0].as<float>()[i] = value;
  }
}

Slot make_slot(const char* name, Kernel kernel, Traits traits = {}, const char* fault_text = nullptr) {
  Slot slot{name, traits};
  slot.fault_text = fault_text;
  slot.cpu = kernel;
  return slot;
}

const Slot copy_slot = make_slot("copy", copy_kernel, Traits{.takes_constants = true, .takes_strides = true});
const Slot note_slot = make_slot("note", note_kernel);
const Slot wait_slot = make_slot("wait", wait_kernel);
const Slot look_slot = make_slot("look", look_kernel);
const Slot look_strided_slot = make_slot("look", look_kernel, Traits{.takes_strides = true});
const Slot look_constant_slot = make_slot("look", look_kernel, Traits{.takes_constants = true});
const Slot increment_slot = make_slot("increment", increment_kernel);
const Slot store_slot = make_slot("store", copy_kernel, Traits{.writes_state = true});
const Slot guard_slot = make_slot(
    "guard", guard_kernel, {}, "take: index {value} at position {position} is out of range; use 0..{limit}");

Threads pool_threads(int count) {
  static cpu::ThreadPool pool(2);
  return pool.threads(count);
}

struct Fixture {
  Executor executor{Runtime{&pool_threads, nullptr}};
  cpu::CpuAllocator allocator;
  Stream stream{executor, allocator, copy_slot};

  ~Fixture() { gate = true; }

  Operand tensor(std::initializer_list<int64_t> shape, Role role = Role::kOut) {
    Operand operand;
    operand.role = role;
    operand.rank = static_cast<uint8_t>(shape.size());
    int axis = 0;
    for (int64_t extent : shape) operand.shape[axis++] = extent;
    int64_t stride = 1;
    for (axis = operand.rank - 1; axis >= 0; --axis) {
      operand.strides[axis] = stride;
      stride *= operand.shape[axis];
    }
    operand.block = stream.allocate(static_cast<size_t>(stride) * 4);
    operand.data = operand.block->data;
    return operand;
  }

  // A tensor with these elements, written by a command.
  Operand filled(std::vector<float> values) {
    Operand out = tensor({static_cast<int64_t>(values.size())});
    // The first write goes through the queue, as every write does.
    Operand zero = constant(0, out);
    send(copy_slot, {out, zero});
    stream.drain();
    for (size_t i = 0; i < values.size(); ++i) out.as<float>()[i] = values[i];
    return out;
  }

  static Operand constant(double value, const Operand& like) {
    Operand operand = like;
    operand.role = Role::kIn;
    operand.block = nullptr;
    operand.data = nullptr;
    operand.constant = value;
    for (int64_t& stride : operand.strides) stride = 0;
    return operand;
  }

  // The first operand is the output as it stands; the others are inputs.
  void send(const Slot& slot, std::vector<Operand> operands) {
    for (size_t i = 1; i < operands.size(); ++i) operands[i].role = Role::kIn;
    stream.submit(slot, operands.data(), static_cast<int>(operands.size()), nullptr, 0);
  }

  void note(int64_t number) {
    const NoteParams params{number};
    stream.submit(note_slot, &note_target, 1, &params, sizeof params);
  }
  Operand note_target = tensor({1});
};

}  // namespace

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
  Executor executor(Runtime{&pool_threads, nullptr});
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

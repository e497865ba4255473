// Streams of a device that queues: what waits for it, and what does not.
#include "program_harness.h"
#include "stream/replay.h"
#include "stream_harness.h"

using namespace hebb;
using namespace hebb::stream;
using namespace hebb::testing::streams;

namespace {

// Computes at once, but says so when it is told to.
class FakeRuntime : public Runtime {
 public:
  FakeRuntime() : Runtime(Device::kCuda) {}

  bool has_kernel(const Slot& slot) const override { return slot.cpu != nullptr; }
  bool has_check(const Slot&) const override { return false; }
  Fault run(const Command& command, int threads) override {
    Context context(pool_threads(threads));
    command.slot->cpu(command, context);
    return context.fault();
  }
  Fault check(const Command&, int) override { return {}; }
  void copy(void* to, const void* from, size_t bytes) override { std::memcpy(to, from, bytes); }
  void upload(void* to, const void* from, size_t bytes) override {
    if (dead) throw Error(ErrorKind::kDevice, "fake", "the device has failed");
    copy(to, from, bytes);
  }
  std::shared_ptr<const void> download(void*, const void* from, size_t bytes) override {
    std::shared_ptr<char[]> landing(new char[bytes]);
    copy(landing.get(), from, bytes);
    return landing;
  }
  Point point() override { return ++points; }
  bool reached(Point point) override {
    if (dead) throw Error(ErrorKind::kDevice, "fake", "the device has failed");
    return point <= done.load();
  }

  std::atomic<uint64_t> points{0}, done{0};
  std::atomic<bool> dead{false};
};

struct Late {
  FakeRuntime* runtime = new FakeRuntime;
  Executor executor{std::unique_ptr<Runtime>(runtime)};
  cpu::CpuAllocator allocator;
  std::unique_ptr<Stream> stream = std::make_unique<Stream>(executor, allocator, copy_slot);
  std::atomic<int> told{0};

  Operand tensor(float value) {
    Operand operand;
    operand.role = Role::kOut;
    operand.block = stream->allocate(sizeof value);
    operand.data = operand.block->data;
    std::shared_ptr<char[]> from(new char[sizeof value]);
    std::memcpy(from.get(), &value, sizeof value);
    stream->write(operand.block, operand.data, from, sizeof value);
    return operand;
  }
  void increment(const Operand& out, Operand in) {
    in.role = Role::kIn;
    const Operand operands[] = {out, in};
    stream->submit(increment_slot, operands, 2, nullptr, 0);
  }
  void read(const Operand& x, float& to) {
    stream->read(x.block, x.data, &to, sizeof to, [this](const Error*) { ++told; });
  }
  void wait_for_points(uint64_t count) const {
    while (runtime->points.load() < count) std::this_thread::yield();
  }
};

TEST(stream_of_a_device_goes_on_while_a_task_waits) {
  Late late;
  const Operand x = late.tensor(1);
  float first = -1, second = -1;
  late.read(x, first);
  for (int i = 0; i < 100; ++i) late.increment(x, x);
  late.read(x, second);
  late.wait_for_points(2);
  CHECK_EQ(late.told.load(), 0);
  CHECK_EQ(first, -1.0f);
  late.runtime->done = 1;
  while (late.told.load() < 1) std::this_thread::yield();
  CHECK_EQ(first, 1.0f);
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
  CHECK_EQ(late.told.load(), 1);
  late.runtime->done = ~uint64_t{0};
  late.stream->drain();
  CHECK_EQ(late.told.load(), 2);
  CHECK_EQ(second, 101.0f);
}

TEST(stream_of_a_device_drains_to_the_last_task) {
  Late late;
  std::atomic<bool> called{false};
  late.stream->then([&](const Error*) { called = true; }, nullptr);
  std::thread device([&] {
    late.wait_for_points(2);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    late.runtime->done = ~uint64_t{0};
  });
  late.stream->drain();
  CHECK(called.load());
  CHECK(late.runtime->done.load() > 0);
  device.join();
}

TEST(stream_of_a_device_bounds_the_tasks_that_wait) {
  Late late;
  std::vector<int> order;
  for (int i = 0; i < 1000; ++i) late.stream->then([&, i](const Error*) { order.push_back(i); }, nullptr);
  late.wait_for_points(256);
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
  CHECK_EQ(late.runtime->points.load(), uint64_t{256});
  late.runtime->done = ~uint64_t{0};
  late.stream->drain();
  CHECK_EQ(order.size(), size_t{1000});
  CHECK(std::is_sorted(order.begin(), order.end()));
}

TEST(stream_of_a_device_that_ends_drops_the_tasks_that_wait) {
  Late late;
  auto held = std::make_shared<int>(0);
  late.stream->then([held](const Error*) { ++*held; }, nullptr);
  late.wait_for_points(1);
  late.stream.reset();
  CHECK_EQ(*held, 0);
  CHECK_EQ(held.use_count(), 1L);
}

TEST(stream_of_a_device_that_fails_tells_who_reads) {
  Late late;
  const Operand x = late.tensor(1);
  std::string told = "nothing", told_apart = "nothing";
  float value = -1;
  const auto says = [](std::string& to) {
    return [&to](const Error* fault) { to = fault == nullptr ? "" : fault->what(); };
  };
  late.stream->read(x.block, x.data, &value, sizeof value, says(told));
  late.stream->then(says(told_apart), nullptr);
  late.wait_for_points(2);
  late.runtime->dead = true;
  late.stream->drain();
  CHECK_EQ(told, "fake: the device has failed");
  CHECK_EQ(told_apart, "");
  CHECK_EQ(value, -1.0f);
  CHECK(late.stream->has_fault());
}

// out = argument + 1, in a step that draws.
struct Step {
  testing::TestProgram made;
  int64_t drawn[2] = {0, 0};
  std::shared_ptr<Replay> replay;
  Run run;

  Step(Late& late, const Operand& out, const Operand& in, const Operand& seed) {
    const auto x = made.argument({});
    made.add(increment_slot, made.output({}), {x});
    ArenaLayout layout;
    layout.offsets.resize(made.program.buffers.size());
    replay = std::make_shared<Replay>(*late.runtime, made.program, layout, std::vector<Block*>{}, drawn);
    for (int buffer : replay->bound()) {
      const Operand& bound = buffer == x.buffer ? in : out;
      run.bindings.push_back({bound.data, bound.block});
    }
    run.seed = seed.block;
    run.base = 7;
  }
};

TEST(stream_of_a_device_that_fails_before_a_step_poisons_what_it_writes) {
  Late late;
  late.runtime->done = ~uint64_t{0};
  const Operand x = late.tensor(1), y = late.tensor(-1), seed = late.tensor(3);
  const Block* wide = late.stream->allocate(sizeof(int64_t));
  std::memset(wide->data, 0, sizeof(int64_t));
  Step step(late, y, x, seed);
  step.run.seed = wide;
  late.stream->replay(step.replay, step.run);
  late.stream->drain();
  CHECK_EQ(*y.as<float>(), 2.0f);
  CHECK_EQ(step.drawn[1], int64_t{7});

  late.increment(y, x);
  late.stream->drain();
  late.runtime->dead = true;
  late.stream->replay(step.replay, step.run);
  late.stream->drain();
  CHECK(late.stream->fault_of(*y.block).has_value());
}

}  // namespace

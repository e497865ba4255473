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
  bool has_check(const Slot& slot) const override { return slot.check != nullptr; }
  Fault run(const Command& command, int threads) override {
    if (command.slot->traits.guard) ++guarded;
    return compute(command, threads);
  }
  void run_unguarded(const Command& command, int threads) override {
    ++unguarded;
    compute(command, threads);
  }
  Fault check(const Command& command, int threads) override {
    ++checked;
    Context context(pool_threads(threads));
    command.slot->check(command, context);
    return context.fault();
  }
  bool keeps_graphs() const override { return true; }
  std::unique_ptr<Graph> capture(const std::function<void()>& work) override {
    auto graph = std::make_unique<Captured>();
    captured_ = &graph->commands;
    work();
    captured_ = nullptr;
    return graph;
  }
  bool launch(Graph& graph) override {
    ++launched;
    for (const Command& command : static_cast<Captured&>(graph).commands) compute(command, 1);
    return true;
  }
  Fault compute(const Command& command, int threads) {
    if (captured_ != nullptr) {
      captured_->push_back(command);
      return {};
    }
    Context context(pool_threads(threads));
    command.slot->cpu(command, context);
    return context.fault();
  }
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
  int guarded = 0, unguarded = 0, checked = 0, launched = 0;  // read after drain()

 private:
  struct Captured : Graph {
    std::vector<Command> commands;
  };
  std::vector<Command>* captured_ = nullptr;
};

struct Late {
  FakeRuntime* runtime = new FakeRuntime;
  Executor executor{std::unique_ptr<Runtime>(runtime)};
  cpu::CpuAllocator allocator;
  std::unique_ptr<Stream> stream = std::make_unique<Stream>(executor, allocator, copy_slot);
  std::atomic<int> told{0};

  Operand tensor(float value) { return tensor(DType::kF32, std::vector<float>{value}); }
  template <class T>
  Operand tensor(DType dtype, const std::vector<T>& values) {
    Operand operand;
    operand.role = Role::kOut;
    operand.dtype = dtype;
    if (values.size() > 1) {
      operand.rank = 1;
      operand.shape[0] = static_cast<int64_t>(values.size());
      operand.strides[0] = 1;
    }
    operand.block = stream->allocate(values.size() * sizeof(T));
    operand.data = operand.block->data;
    write(operand, values);
    return operand;
  }
  template <class T>
  void write(const Operand& operand, const std::vector<T>& values) {
    const size_t bytes = values.size() * sizeof(T);
    std::shared_ptr<char[]> from(new char[bytes]);
    std::memcpy(from.get(), values.data(), bytes);
    stream->write(operand.block, operand.dtype, from, bytes);
  }
  void send(const Slot& slot, const Operand& out, Operand in) {
    in.role = Role::kIn;
    const Operand operands[] = {out, in};
    stream->submit(slot, operands, 2, nullptr, 0);
  }
  void increment(const Operand& out, const Operand& in) { send(increment_slot, out, in); }
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

// y = ids, which must not be negative.
void look_at_ids(const Command& command, Context& context) {
  for (int64_t i = command[1].size() - 1; i >= 0; --i) {
    const int32_t id = command[1].as<int32_t>()[i];
    if (id < 0) context.fail(i, id, 9);
  }
}
void pick_kernel(const Command& command, Context& context) {
  look_at_ids(command, context);
  for (int64_t i = 0; i < command[1].size(); ++i) command[0].as<int32_t>()[i] = command[1].as<int32_t>()[i];
}
const Slot pick_slot = [] {
  Slot slot = make_slot("pick", pick_kernel, Traits{.guard = true}, "pick: {value} at {position} is bad");
  slot.checked = 1;
  slot.check = &look_at_ids;
  return slot;
}();

using Ids = std::vector<int32_t>;

struct Picking : Late {
  Picking() { runtime->done = ~uint64_t{0}; }
  std::string picked(const Operand& y, const Operand& ids) {
    send(pick_slot, y, ids);
    stream->drain();
    const auto fault = stream->fault_of(*y.block);
    return fault ? fault->what() : "";
  }
};

TEST(stream_of_a_device_asks_the_host_about_ids_that_came_from_there) {
  Picking late;
  const Operand ids = late.tensor(DType::kI32, Ids{3, 1, 4}), y = late.tensor(DType::kI32, Ids{0, 0, 0});
  CHECK_EQ(late.picked(y, ids), "");
  CHECK_EQ(y.as<int32_t>()[2], 4);
  CHECK_EQ(late.runtime->guarded, 0);
  CHECK_EQ(late.runtime->unguarded, 1);
  // Bad ones keep the kernel from being run at all.
  late.write(ids, Ids{2, -7, -8});
  CHECK_EQ(late.picked(y, ids), "pick: -7 at 1 is bad");
  CHECK_EQ(late.runtime->guarded + late.runtime->unguarded, 1);
  // A part of them.
  Operand part = ids, one = y;
  part.rank = one.rank = 0;
  late.write(ids, Ids{-1, -1, 6});
  part.data = ids.as<int32_t>() + 2;
  CHECK_EQ(late.picked(one, part), "");
  CHECK_EQ(y.as<int32_t>()[0], 6);
  CHECK_EQ(late.runtime->unguarded, 2);
}

TEST(stream_of_a_device_guards_ids_that_commands_have_written) {
  Picking late;
  const Operand good = late.tensor(DType::kI32, Ids{3, 1}), bad = late.tensor(DType::kI32, Ids{5, -5});
  const Operand ids = late.tensor(DType::kI32, Ids{2, 2}), y = late.tensor(DType::kI32, Ids{0, 0});
  const Slot move = make_slot("move", [](const Command& command, Context&) {
    std::memcpy(command[0].data, command[1].data, 2 * sizeof(int32_t));
  });
  late.send(move, ids, bad);
  CHECK_EQ(late.picked(y, ids), "pick: -5 at 1 is bad");
  CHECK_EQ(late.runtime->guarded, 1);
  late.send(move, ids, good);
  CHECK_EQ(late.picked(y, ids), "");
  CHECK_EQ(late.runtime->guarded, 2);
  CHECK_EQ(late.runtime->unguarded, 0);
}

TEST(stream_of_a_device_keeps_few_and_small_ids_of_the_host) {
  Picking late;
  const Operand y = late.tensor(DType::kI32, Ids{0, 0});
  const auto guarded = [&](const Operand& ids) {
    const int before = late.runtime->guarded;
    CHECK_EQ(late.picked(y, ids), "");
    return late.runtime->guarded > before;
  };
  CHECK(guarded(late.tensor(DType::kF32, std::vector<float>{1, 2})));
  CHECK(guarded(late.tensor(DType::kI32, Ids(size_t{1} << 17, 1))));
  const Operand first = late.tensor(DType::kI32, Ids{1, 2});
  CHECK(!guarded(first));
  for (int i = 0; i < 64; ++i) late.tensor(DType::kI32, Ids{i, i});
  CHECK(guarded(first));
}

// A step that picks its argument and adds one to a state, which is then an argument of the next run.
TEST(stream_of_a_device_asks_the_host_about_a_steps_arguments) {
  Picking late;
  testing::TestProgram made;
  const auto ids = made.argument({2}, DType::kI32), held = made.state({2}, DType::kI32);
  made.add(pick_slot, made.output({2}, DType::kI32), {ids});
  const Slot sink = make_slot("sink", [](const Command& command, Context&) {
    for (int i = 0; i < 2; ++i) command[0].as<int32_t>()[i] = -command[1].as<int32_t>()[i] - 1;
  });
  made.add(sink, held, {ids});
  ArenaLayout layout;
  layout.offsets.resize(made.program.buffers.size());
  const Operand x = late.tensor(DType::kI32, Ids{1, 2}), y = late.tensor(DType::kI32, Ids{0, 0});
  const Operand state = late.tensor(DType::kI32, Ids{5, 5});
  made.program.buffers[static_cast<size_t>(held.buffer)].index = 0;
  const auto replay = std::make_shared<Replay>(*late.runtime, made.program, layout,
                                               std::vector<Block*>{state.block}, nullptr);
  const auto run = [&](const Operand& argument) {
    Run one;
    for (int buffer : replay->bound()) {
      const Operand& bound = buffer == ids.buffer ? argument : y;
      one.bindings.push_back({bound.data, bound.block});
    }
    late.stream->replay(replay, one);
    late.stream->drain();
    const auto fault = late.stream->fault_of(*y.block);
    return fault ? std::string(fault->what()) : "";
  };
  CHECK_EQ(run(x), "");
  CHECK_EQ(late.runtime->checked, 0);
  CHECK_EQ(y.as<int32_t>()[1], 2);
  CHECK_EQ(state.as<int32_t>()[1], -3);
  // The host's copy of the state is of the past, also where a graph has written it.
  CHECK_EQ(run(state), "pick: -2 at 0 is bad");
  CHECK_EQ(late.runtime->checked, 1);
  for (int launches : {1, 2}) {
    late.write(state, Ids{5, 5});
    CHECK_EQ(run(x), "");
    CHECK_EQ(late.runtime->launched, launches);
    CHECK_EQ(run(state), "pick: -2 at 0 is bad");
    CHECK_EQ(late.runtime->checked, 1 + launches);
  }
  late.write(x, Ids{-4, 2});
  CHECK_EQ(run(x), "pick: -4 at 0 is bad");
  CHECK_EQ(late.runtime->checked, 3);
}

}  // namespace

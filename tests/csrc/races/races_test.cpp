// The race checker, by small kernels that race and kernels that do not.
#include <cstdint>
#include <string>
#include <vector>

#include "check.h"
#include "core/error.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/races.h"

namespace hebb::testing {
namespace {

namespace hw = kernels::cuda::hw;
namespace races = kernels::cuda::races;
using kernels::cuda::Grid;
using kernels::cuda::emulator::Order;

// What is said of a launch in each order of threads; "" of one without a race.
template <class... A>
std::vector<std::string> said(const Grid& grid, A... arguments) {
  std::vector<std::string> all;
  for (Order order : {Order::kForward, Order::kBackward, Order::kShuffled}) {
    stream::DeviceContext context;
    kernels::cuda::emulator::Queue queue{order};
    context.queue = &queue;
    try {
      kernels::cuda::launch(context, grid, arguments...);
      all.emplace_back();
    } catch (const Error& error) {
      all.emplace_back(error.what());
    }
  }
  return all;
}

template <class... A>
void check_silent(const Grid& grid, A... arguments) {
  for (const std::string& text : said(grid, arguments...)) CHECK_EQ(text, std::string());
}

// Every order finds it, and says all of `parts`.
template <class... A>
void check_found(const std::vector<std::string>& parts, const Grid& grid, A... arguments) {
  for (const std::string& text : said(grid, arguments...)) {
    for (const std::string& part : parts)
      if (text.find(part) == std::string::npos) throw Failure(__FILE__, __LINE__, text + " lacks " + part);
  }
}

struct Line {
  float values[256];
};

enum class Wait { kNone, kLanes, kWarp, kBlock };

template <Wait kWait>
HEBB_DEVICE void wait() {
  if (kWait == Wait::kLanes) (void)hw::ballot(true);
  if (kWait == Wait::kWarp) hw::sync_warp();
  if (kWait == Wait::kBlock) hw::sync();
}

// Threads read what the thread `distance` away from them has written.
template <Wait kWait>
HEBB_KERNEL void pass_on(float* y, int distance) {
  auto& line = hw::shared<Line>();
  line.values[hw::thread()] = 1;
  wait<kWait>();
  y[hw::block() * hw::threads() + hw::thread()] = line.values[hw::thread() ^ distance];
}

TEST(races_of_a_block_without_a_barrier) {
  std::vector<float> y(3 * 64);
  const Grid grid{.threads = 64, .blocks = 3};
  for (int distance : {1, 33}) {
    const std::vector<std::string> parts = {"cuda emulator: a race in ",
                                            "pass_on<",
                                            "of 1024 bytes of shared memory: thread ",
                                            "of block (0, 0, 0) wrote it at tests/csrc/races/races_test.cpp:",
                                            "read it at tests/csrc/races/races_test.cpp:",
                                            "a barrier between them would be right"};
    check_found(parts, grid, &pass_on<Wait::kNone>, y.data(), distance);
    // A vote lets lanes meet, but orders no memory.
    check_found(parts, grid, &pass_on<Wait::kLanes>, y.data(), distance);
    check_silent(grid, &pass_on<Wait::kBlock>, y.data(), distance);
  }
  check_silent(grid, &pass_on<Wait::kNone>, y.data(), 0);
}

TEST(races_of_warps_without_a_barrier) {
  std::vector<float> y(64);
  check_silent({.threads = 64}, &pass_on<Wait::kWarp>, y.data(), 31);
  check_found({"a race in"}, {.threads = 64}, &pass_on<Wait::kWarp>, y.data(), 32);
}

// What is read has to be read before it is written anew: results are right in most orders.
template <Wait kWait>
HEBB_KERNEL void shift(float* y, int distance, int turns) {
  auto& line = hw::shared<Line>();
  line.values[hw::thread()] = static_cast<float>(hw::thread());
  for (int turn = 0; turn < turns; ++turn) {
    hw::sync();
    const float other = line.values[(hw::thread() + distance) % hw::threads()];
    wait<kWait>();
    line.values[hw::thread()] = other;
  }
  hw::sync();
  y[hw::thread()] = line.values[hw::thread()];
}

TEST(races_of_reads_with_later_writes) {
  std::vector<float> y(96);
  for (int distance : {1, 32, 95}) {
    check_found({"a race in", "shift", "wrote it at", "read it at"}, {.threads = 96}, &shift<Wait::kNone>,
                y.data(), distance, 3);
    check_found({"a race in"}, {.threads = 96}, &shift<Wait::kWarp>, y.data(), distance, 1);
    check_silent({.threads = 96}, &shift<Wait::kBlock>, y.data(), distance, 3);
  }
  check_silent({.threads = 32}, &shift<Wait::kWarp>, y.data(), 5, 4);
}

// All threads read a value, one writes it.
template <Wait kWait>
HEBB_KERNEL void read_by_all(float* x, float* y, int writer) {
  const float value = *x;
  wait<kWait>();
  if (hw::thread() == writer) *x = value + 1;
  y[hw::thread()] = value;
}

TEST(races_of_a_writer_with_any_of_many_readers) {
  std::vector<float> x(1), y(128);
  for (int writer : {0, 1, 31, 32, 127}) {
    check_found({"a race in"}, {.threads = 128}, &read_by_all<Wait::kNone>, x.data(), y.data(), writer);
    check_found({"a race in"}, {.threads = 128}, &read_by_all<Wait::kWarp>, x.data(), y.data(), writer);
    check_found({"a race in"}, {.threads = 32}, &read_by_all<Wait::kNone>, x.data(), y.data(), writer % 32);
    check_silent({.threads = 32}, &read_by_all<Wait::kWarp>, x.data(), y.data(), writer % 32);
    check_silent({.threads = 128}, &read_by_all<Wait::kBlock>, x.data(), y.data(), writer);
  }
}

// Each block writes `count` values, `step` behind those of the block before.
HEBB_KERNEL void write_parts(float* y, int count, int step) {
  if (hw::thread() < count) y[hw::block() * step + hw::thread()] = 1;
}

// A block reads what another one writes; the grid's order makes it right on the emulator.
HEBB_KERNEL void read_before(float* y) {
  const int first = hw::block() * hw::threads() + hw::thread();
  y[first] = hw::block() > 0 ? y[first - hw::threads()] : 1;
}

TEST(races_of_blocks) {
  std::vector<float> y(200);
  races::forget_names();
  races::name(y.data(), 4 * y.size(), "operand 7");
  check_silent({.threads = 32, .blocks = 3}, &write_parts, y.data(), 20, 20);
  check_found({"write_parts about byte 80 of operand 7: thread 20 of block (0, 0, 0) wrote it at tests/csrc",
               "thread 0 of block (1, 0, 0) wrote it at tests/csrc", "nothing orders blocks of a grid"},
              {.threads = 32, .blocks = 3}, &write_parts, y.data(), 21, 20);
  check_found({"of block (0, 0, 0) wrote it", "of block (1, 0, 0) read it"}, {.threads = 32, .blocks = 2},
              &read_before, y.data());
  check_silent({.threads = 32, .blocks = 1}, &read_before, y.data());
  races::forget_names();
}

HEBB_KERNEL void read_all(const float* x, float* y, int size) {
  float sum = 0;
  for (int i = 0; i < size; ++i) sum += x[i];
  y[hw::block() * hw::threads() + hw::thread()] = sum;
}
HEBB_KERNEL void write_one(float* x, int block) {
  if (hw::block() == block && hw::thread() == 0) x[3] = 1;
}
HEBB_KERNEL void read_and_write(float* x, float* y, int block) {
  y[hw::block() * hw::threads() + hw::thread()] = x[3];
  if (hw::block() == block) {
    hw::sync();
    if (hw::thread() == 0) x[3] = 1;
  }
}

TEST(races_of_a_block_that_writes_what_others_have_read) {
  std::vector<float> x(40), y(3 * 64);
  const Grid grid{.threads = 64, .blocks = 3};
  check_silent(grid, &read_all, x.data(), y.data(), 40);
  // Grids are ordered: what one has read the next may write.
  for (int block : {0, 1, 2}) check_silent(grid, &write_one, x.data(), block);
  for (int block : {0, 1, 2})
    check_found({"orders blocks"}, grid, &read_and_write, x.data(), y.data(), block);
  check_silent({.threads = 64}, &read_and_write, x.data(), y.data(), 0);
}

// Threads that are neighbours have items that are.
template <class T>
HEBB_KERNEL void count_up(T* y) {
  const int at = hw::block() * hw::threads() + hw::thread();
  y[at] = static_cast<T>(y[at] + 1);
}
template <class T>
HEBB_KERNEL void read_wider(uint8_t* x, T* y) {
  x[hw::thread()] = 1;
  if (hw::thread() % sizeof(T) == 0) y[hw::thread()] = *reinterpret_cast<T*>(x + hw::thread());
}

TEST(races_are_not_seen_in_neighbours) {
  alignas(16) uint8_t bytes[256] = {};
  uint64_t wide[64] = {};
  const Grid grid{.threads = 32, .blocks = 2};
  for (int offset : {0, 1, 3}) check_silent(grid, &count_up<uint8_t>, bytes + offset);
  for (int offset : {0, 2})
    check_silent(grid, &count_up<uint16_t>, reinterpret_cast<uint16_t*>(bytes + offset));
  check_silent(grid, &count_up<uint64_t>, wide);
  std::vector<uint64_t> y(32);
  check_silent({.threads = 32}, &read_wider<uint8_t>, bytes, reinterpret_cast<uint8_t*>(y.data()));
  check_found({"a race in"}, {.threads = 32}, &read_wider<uint16_t>, bytes,
              reinterpret_cast<uint16_t*>(y.data()));
  check_found({"a race in"}, {.threads = 32}, &read_wider<uint32_t>, bytes,
              reinterpret_cast<uint32_t*>(y.data()));
  check_found({"a race in"}, {.threads = 32}, &read_wider<uint64_t>, bytes, y.data());
}

struct alignas(16) Quad {
  float x[4];
};
struct Odd {
  float x[5];
};
// Records that begin `step` values apart.
template <class Record>
HEBB_KERNEL void write_records(float* y, int step) {
  *reinterpret_cast<Record*>(y + hw::thread() * step) = Record{};
}

TEST(races_of_records) {
  alignas(16) float y[32 * 8] = {};
  check_silent({.threads = 32}, &write_records<Quad>, y, 4);
  check_found({"a race in"}, {.threads = 32}, &write_records<Quad>, y, 0);
  check_silent({.threads = 32}, &write_records<Odd>, y, 5);
  check_found({"a race in"}, {.threads = 32}, &write_records<Odd>, y, 4);
}

enum class Besides { kNothing, kRead, kWrite };

template <Besides kBesides>
HEBB_KERNEL void take_smallest(uint64_t* least, const uint64_t* x, uint64_t* y) {
  const int at = hw::block() * hw::threads() + hw::thread();
  hw::atomic_min(least, x[at]);
  hw::sync();
  if (kBesides == Besides::kRead) y[at] = *least;
  if (kBesides == Besides::kWrite && hw::thread() == 0) *least = 0;
}

TEST(races_of_atomics_with_what_is_none) {
  std::vector<uint64_t> x(128), y(128);
  uint64_t least = 0;
  for (size_t i = 0; i < x.size(); ++i) x[i] = 1000 - 7 * i % 64;
  const Grid one{.threads = 64}, two{.threads = 64, .blocks = 2};
  for (const Grid& grid : {one, two}) {
    least = 2000;
    check_silent(grid, &take_smallest<Besides::kNothing>, &least, x.data(), y.data());
  }
  CHECK_EQ(least, 1000 - uint64_t{63});
  check_silent(one, &take_smallest<Besides::kRead>, &least, x.data(), y.data());
  check_silent(one, &take_smallest<Besides::kWrite>, &least, x.data(), y.data());
  check_found({"changed it as an atomic at", "orders blocks"}, two, &take_smallest<Besides::kRead>, &least,
              x.data(), y.data());
  check_found({"changed it as an atomic at"}, two, &take_smallest<Besides::kWrite>, &least, x.data(),
              y.data());
}

HEBB_KERNEL void dynamic(float* y, int distance) {
  auto* all = hw::dynamic_shared<float>();
  all[hw::thread()] = 1;
  y[hw::thread()] = all[(hw::thread() + distance) % hw::threads()];
}

// After a race the emulator goes on as before.
TEST(races_are_of_one_grid) {
  std::vector<float> y(64);
  const Grid grid{.threads = 64, .shared_bytes = 64 * sizeof(float)};
  for (int i = 0; i < 3; ++i) {
    check_silent(grid, &dynamic, y.data(), 0);
    check_found({"of 256 bytes of shared memory"}, grid, &dynamic, y.data(), 1);
  }
}

}  // namespace
}  // namespace hebb::testing

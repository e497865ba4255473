// The emulator of CUDA grids, by kernels that are right and kernels with one thing wrong.
#if defined(__x86_64__)

#include <cmath>
#include <string>
#include <vector>

#include "check.h"
#include "core/error.h"
#include "kernels/cuda/launch.h"

namespace hebb::testing {
namespace {

namespace hw = kernels::cuda::hw;
using kernels::cuda::Grid;
using kernels::cuda::emulator::Order;

constexpr Order kOrders[] = {Order::kForward, Order::kBackward, Order::kShuffled};

template <class... A>
void launch(const Grid& grid, Order order, A... arguments) {
  stream::DeviceContext context;
  kernels::cuda::emulator::Queue queue{order};
  context.queue = &queue;
  kernels::cuda::launch(context, grid, arguments...);
}

// What is said of a launch that goes wrong; "" of one that goes well.
template <class... A>
std::string said(const Grid& grid, Order order, A... arguments) {
  try {
    launch(grid, order, arguments...);
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

bool contains(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

struct Line {
  float values[256];
};

// A block's values in reverse.
template <bool kWaits>
HEBB_KERNEL void reverse(const float* x, float* y) {
  auto& line = hw::shared<Line>();
  const int first = hw::block() * hw::threads();
  line.values[hw::thread()] = x[first + hw::thread()];
  if (kWaits) hw::sync();
  y[first + hw::thread()] = line.values[hw::threads() - 1 - hw::thread()];
}

TEST(cuda_blocks_share_memory_between_barriers) {
  std::vector<float> x(5 * 96), y(x.size());
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
  for (Order order : kOrders) {
    std::fill(y.begin(), y.end(), -1.0f);
    launch({.threads = 96, .blocks = 5}, order, &reverse<true>, x.data(), y.data());
    for (size_t i = 0; i < x.size(); ++i) CHECK_EQ(y[i], x[i / 96 * 96 + 95 - i % 96]);
  }
}

// Without the barrier a thread reads what none has written yet in this block: NaN.
TEST(cuda_a_missing_barrier_shows) {
  const std::vector<float> x(2 * 96, 3.0f);
  for (Order order : kOrders) {
    std::vector<float> y(x.size(), 0.0f);
    launch({.threads = 96, .blocks = 2}, order, &reverse<false>, x.data(), y.data());
    int wrong = 0;
    for (float value : y) wrong += std::isnan(value);
    CHECK(wrong > 0);
  }
}

struct Sums {
  double of_warp[32];
};

HEBB_DEVICE double warp_sum(double value) {
  for (int distance = 16; distance > 0; distance /= 2) value += hw::shuffle_xor(value, distance);
  return value;
}

HEBB_KERNEL void row_sums(const double* x, double* y, int columns) {
  double sum = 0;
  for (int j = hw::thread(); j < columns; j += hw::threads()) sum += x[hw::block() * columns + j];
  sum = warp_sum(sum);
  auto& sums = hw::shared<Sums>();
  if (hw::lane() == 0) sums.of_warp[hw::warp()] = sum;
  hw::sync();
  if (hw::warp() > 0) return;
  sum = warp_sum(hw::lane() < hw::threads() / hw::kLanes ? sums.of_warp[hw::lane()] : 0);
  if (hw::lane() == 0) y[hw::block()] = sum;
}

// Warps may end while others go on.
TEST(cuda_lanes_exchange_values) {
  const int columns = 1000, rows = 7;
  std::vector<double> x(columns * rows), y(rows);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<double>(i % 13) - 5;
  for (int threads : {32, 256, 1024}) {
    for (Order order : kOrders) {
      launch({.threads = threads, .blocks = rows}, order, &row_sums, x.data(), y.data(), columns);
      for (int i = 0; i < rows; ++i) {
        double want = 0;
        for (int j = 0; j < columns; ++j) want += x[static_cast<size_t>(i * columns + j)];
        CHECK_EQ(y[static_cast<size_t>(i)], want);
      }
    }
  }
}

HEBB_KERNEL void lanes(int* down, unsigned* odd, int* own) {
  const int at = hw::thread();
  down[at] = hw::shuffle_down(at, 3);
  odd[at] = hw::ballot(at % 2 == 1);
  auto* all = hw::dynamic_shared<int>();
  all[at] = at;
  hw::sync();
  own[at] = all[at ^ 33] + hw::block(0) + 10 * hw::block(1) + 100 * hw::block(2) + 1000 * hw::blocks(2);
}

TEST(cuda_threads_know_their_place) {
  std::vector<int> down(64), own(64);
  std::vector<unsigned> odd(64);
  for (Order order : kOrders) {
    const Grid grid{
        .threads = 64, .blocks = 2, .blocks_y = 3, .blocks_z = 4, .shared_bytes = 64 * sizeof(int)};
    launch(grid, order, &lanes, down.data(), odd.data(), own.data());
    for (int i = 0; i < 64; ++i) {
      const auto at = static_cast<size_t>(i);
      CHECK_EQ(down[at], i % 32 + 3 < 32 ? i + 3 : i);
      CHECK_EQ(odd[at], 0xaaaaaaaau);
      CHECK_EQ(own[at], (i ^ 33) + 1 + 20 + 300 + 4000);
    }
  }
}

HEBB_KERNEL void leaves_one_out(int thread) {
  if (hw::thread() != thread) hw::sync();
}

HEBB_KERNEL void leaves_a_lane_out(int thread) {
  if (hw::thread() != thread) hw::sync_warp();
}

HEBB_KERNEL void meets_at_two_places() {
  if (hw::thread() < 40)
    hw::sync();
  else
    hw::sync();
}

HEBB_KERNEL void writes_behind(int at) {
  auto& line = hw::shared<Line>();
  line.values[hw::thread()] = 1;
  // As a wrong index would.
  if (hw::thread() == 0) *(line.values + at) = 1;
}

TEST(cuda_what_would_hang_or_spoil_is_said) {
  for (Order order : kOrders) {
    const std::string hang = said({.threads = 64, .blocks = 3}, order, &leaves_one_out, 40);
    CHECK(contains(
        hang,
        "cuda emulator: block (0, 0, 0): threads wait for others that do not come: 0 to 39 for the block"));
    CHECK(contains(hang, "41 to 63 for the block at line") && contains(hang, "1 have ended"));
    const std::string lanes_hang = said({.threads = 96}, order, &leaves_a_lane_out, 40);
    CHECK(contains(lanes_hang, "do not come: 32 to 39 for a warp at line"));
    CHECK(contains(lanes_hang, "41 to 63 for a warp at line") && contains(lanes_hang, "65 have ended"));
    CHECK_EQ(said({.threads = 64}, order, &leaves_a_lane_out, 99), std::string());
    CHECK(contains(said({.threads = 64}, order, &meets_at_two_places), "wait at different barriers"));
    CHECK_EQ(said({.threads = 256}, order, &writes_behind, 255), std::string());
    for (int at : {256, 300, -1})
      CHECK(contains(said({.threads = 256}, order, &writes_behind, at),
                     "shared memory of 1024 bytes was written"));
    CHECK(contains(said({.threads = 48}, order, &leaves_one_out, 99),
                   "a block has 48 threads; a multiple of 32"));
    // And all is well again afterwards.
    CHECK_EQ(said({.threads = 64, .blocks = 3}, order, &leaves_one_out, 99), std::string());
  }
}

}  // namespace
}  // namespace hebb::testing

#endif

// The runtime of CUDA devices on the emulator, whose queue does what it is given as late as it can.
#if defined(__x86_64__)

#include "check.h"
#include "core/error.h"
#include "device/cuda/runtime.h"
#include "library/driver.h"

#include <cstring>
#include <numeric>
#include <vector>

namespace hebb::testing {
namespace {

stream::CudaApi emulated_api() {
  stream::CudaApi api{};
  library::fill_driver(api);
  return api;
}

struct Emulated {
  explicit Emulated(stream::CudaApi with = emulated_api()) : api(with) {
    cuda::Library library{&api, "", {}};
    api.open(0, &library.info);
    runtime = std::make_unique<cuda::CudaRuntime>(library);
  }
  ~Emulated() {
    for (void* data : memory) api.release(data);
  }
  char* allocate(size_t bytes) {
    memory.push_back(nullptr);
    CHECK_EQ(api.allocate(&memory.back(), bytes), 0);
    return static_cast<char*>(memory.back());
  }
  // What lies on the device, after everything.
  std::vector<char> contents(const char* data, size_t bytes) {
    std::vector<char> there(bytes);
    const auto landing = runtime->download(there.data(), data, bytes);
    runtime->finish();
    if (landing) std::memcpy(there.data(), landing.get(), bytes);
    return there;
  }

  stream::CudaApi api;
  std::unique_ptr<cuda::CudaRuntime> runtime;
  std::vector<void*> memory;
};

std::vector<char> pattern(size_t bytes, unsigned seed) {
  std::vector<char> values(bytes);
  uint32_t word = seed;
  for (char& value : values) {
    word = word * 1664525 + 1013904223;
    value = static_cast<char>(word >> 24);
  }
  return values;
}

// From memory that is written over as soon as an upload returns.
void upload_and_spoil(Emulated& device, char* to, const std::vector<char>& values) {
  std::vector<char> from = values;
  device.runtime->upload(to, from.data(), from.size());
  std::fill(from.begin(), from.end(), char{0x5a});
}

TEST(cuda_uploads_of_any_size_keep_what_they_were_given) {
  Emulated device;
  const size_t piece = cuda::kStagingPiece;
  for (size_t bytes : {size_t{1}, size_t{63}, size_t{64}, size_t{65}, piece - 1, piece, piece + 1, 3 * piece,
                       cuda::kStagingPieces * piece, 5 * piece + 4097}) {
    const auto values = pattern(bytes, static_cast<unsigned>(bytes));
    char* to = device.allocate(bytes);
    upload_and_spoil(device, to, values);
    CHECK(device.contents(to, bytes) == values);
  }
}

TEST(cuda_uploads_share_pieces_and_wait_before_they_fill_one_again) {
  Emulated device;
  std::vector<std::vector<char>> all;
  std::vector<char*> places;
  // Twice around the ring, in sizes that end nowhere near a piece's end; nothing waits in between.
  for (size_t total = 0, i = 0; total < 2 * cuda::kStagingPieces * cuda::kStagingPiece; ++i) {
    all.push_back(pattern(1 + i * 70001 % 1500000, static_cast<unsigned>(i)));
    places.push_back(device.allocate(all.back().size()));
    upload_and_spoil(device, places.back(), all.back());
    total += all.back().size();
  }
  for (size_t i = 0; i < all.size(); ++i) CHECK(device.contents(places[i], all[i].size()) == all[i]);
}

TEST(cuda_uploads_without_pinned_memory_are_copied_by_the_driver) {
  stream::CudaApi api = emulated_api();
  static int left;
  left = 2;  // one is the runtime's own
  api.allocate_host = [](void** data, size_t bytes) {
    return left-- > 0 ? emulated_api().allocate_host(data, bytes) : int{stream::kCudaOutOfMemory};
  };
  Emulated device(api);
  const auto values = pattern(3 * cuda::kStagingPiece, 5);
  char* to = device.allocate(values.size());
  upload_and_spoil(device, to, values);
  CHECK(device.contents(to, values.size()) == values);
  // Landings are refused as well.
  CHECK(device.contents(to, 100) == std::vector<char>(values.begin(), values.begin() + 100));
}

TEST(cuda_uploads_go_on_after_an_event_that_could_not_be_recorded) {
  stream::CudaApi api = emulated_api();
  static bool fails;
  fails = true;
  api.record_event = [](void* event, void* queue) {
    return fails ? 1 : emulated_api().record_event(event, queue);
  };
  Emulated device(api);
  const auto values = pattern(6 * cuda::kStagingPiece, 9);
  char* to = device.allocate(values.size());
  CHECK_THROWS(device.runtime->upload(to, values.data(), values.size()), "refused");
  fails = false;
  upload_and_spoil(device, to, values);
  CHECK(device.contents(to, values.size()) == values);
}

TEST(cuda_points_are_reached_in_order) {
  Emulated device;
  const auto ones = pattern(1000, 1), twos = pattern(1000, 2);
  char* x = device.allocate(1000);
  std::vector<char> first(1000), second(1000);
  upload_and_spoil(device, x, ones);
  const auto landing = device.runtime->download(first.data(), x, 1000);
  const auto point = device.runtime->point();
  upload_and_spoil(device, x, twos);
  const auto later = device.runtime->download(second.data(), x, 1000);
  const auto end = device.runtime->point();
  CHECK(landing != nullptr && later != nullptr && landing != later);
  CHECK(device.runtime->reached(0));
  CHECK(!device.runtime->reached(point));
  CHECK(device.runtime->reached(point));
  CHECK(std::memcmp(landing.get(), ones.data(), 1000) == 0);
  CHECK(std::memcmp(later.get(), twos.data(), 1000) != 0);
  while (!device.runtime->reached(end)) continue;
  CHECK(device.runtime->reached(point));
  CHECK(std::memcmp(later.get(), twos.data(), 1000) == 0);
}

TEST(cuda_landings_are_used_again_when_they_are_let_go) {
  Emulated device;
  const auto values = pattern(5000, 3);
  char* x = device.allocate(values.size());
  upload_and_spoil(device, x, values);
  char to = 0;
  const void* address = device.runtime->download(&to, x, 5000).get();
  const auto held = device.runtime->download(&to, x, 5000);
  CHECK(held.get() == address);
  CHECK(device.runtime->download(&to, x, 5000).get() != address);
  // As much as is kept; then the driver copies, and waits.
  std::vector<std::shared_ptr<const void>> all;
  char* large = device.allocate(cuda::kMostLanding);
  std::vector<char> there(cuda::kMostLanding);
  const size_t most = cuda::kAllLandings / cuda::kMostLanding;
  for (size_t i = 0; i < most; ++i)
    all.push_back(device.runtime->download(there.data(), large, there.size()));
  CHECK(std::count(all.begin(), all.end(), nullptr) > 0);
  all.clear();
  CHECK(device.runtime->download(there.data(), large, there.size()) != nullptr);
  CHECK(device.runtime->download(there.data(), large, 0) == nullptr);
}

TEST(cuda_memory_that_is_released_stays_until_the_queue_is_through) {
  Emulated device;
  const auto values = pattern(100000, 4);
  char* to = device.allocate(values.size());
  void* between = nullptr;
  CHECK_EQ(device.api.allocate(&between, values.size()), 0);
  upload_and_spoil(device, static_cast<char*>(between), values);
  device.runtime->copy(to, between, values.size());
  device.api.release(between);
  CHECK(device.contents(to, values.size()) == values);
}

}  // namespace
}  // namespace hebb::testing

#endif

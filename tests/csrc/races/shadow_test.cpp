// The memory of the race checker itself. Apart from races_test.cpp, which is compiled as kernels are.
#include "kernels/cuda/races/shadow.h"
#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "check.h"

namespace hebb::testing {
namespace {

namespace races = kernels::cuda::races;
using races::Kind;
using races::Moment;
using races::Shadow;

constexpr uintptr_t kGlobal = 40960, kShared = 81920;
constexpr size_t kBytes = 8;  // of each

// Remembers all that was ever touched in a grid.
class History {
 public:
  bool races(const Moment& moment, uintptr_t address, size_t bytes, bool writes) {
    const Touch now{moment, address, bytes, writes};
    const bool found = std::any_of(all_.begin(), all_.end(), [&](const Touch& before) {
      return before.address < address + bytes && address < before.address + before.bytes &&
             (writes || before.writes) && !is_ordered(before, now);
    });
    all_.push_back(now);
    return found;
  }

 private:
  struct Touch {
    Moment moment;
    uintptr_t address;
    size_t bytes;
    bool writes;
  };
  static bool is_ordered(const Touch& a, const Touch& b) {
    if (a.moment.block != b.moment.block) return a.address >= kShared;
    const bool same_warp = a.moment.thread / 32 == b.moment.thread / 32;
    return a.moment.thread == b.moment.thread || a.moment.block_barriers < b.moment.block_barriers ||
           (same_warp && a.moment.warp_barriers < b.moment.warp_barriers);
  }
  std::vector<Touch> all_;
};

// Threads of two warps touch a few bytes at random, with barriers at random, up to their first race. How many
// touches that took.
int run_to_first_race(Shadow& shadow, std::mt19937& random, int writes_of_hundred) {
  const auto below = [&](int count) { return static_cast<int>(random() % static_cast<unsigned>(count)); };
  const int threads[] = {0, 1, 2, 32, 33};
  History history;
  shadow.begin_grid();
  shadow.share(kShared, kBytes);
  int touches = 0;
  for (int block = 0; block < 3; ++block) {
    Moment moments[5];
    uint32_t ids[5];
    const auto begin = [&](int thread, uint32_t block_barriers, uint32_t warp_barriers) {
      moments[thread] = {block, threads[thread], block_barriers, warp_barriers};
      ids[thread] = shadow.add(moments[thread]);
    };
    for (int thread = 0; thread < 5; ++thread) begin(thread, 0, 0);
    for (int step = 0; step < 40; ++step) {
      const int event = below(10), warp = below(2);
      for (int thread = 0; thread < 5; ++thread) {
        const Moment& m = moments[thread];
        if (event == 0) begin(thread, m.block_barriers + 1, m.warp_barriers);
        if (event == 1 && m.thread / 32 == warp) begin(thread, m.block_barriers, m.warp_barriers + 1);
      }
      const int thread = below(5);
      const size_t bytes = size_t{1} << below(3);
      const uintptr_t address = (below(2) ? kShared : kGlobal) + bytes * (random() % (kBytes / bytes));
      const bool writes = below(100) < writes_of_hundred;
      shadow.run(ids[thread]);
      shadow.touch(address, bytes, writes ? Kind::kWrite : Kind::kRead, 1);
      ++touches;
      const bool races = history.races(moments[thread], address, bytes, writes);
      CHECK_EQ(shadow.race() != nullptr, races);
      if (races) return touches;
    }
  }
  return touches;
}

TEST(races_are_found_when_they_happen_and_not_before) {
  constexpr int kWritesOfHundred[] = {3, 10, 50};
  std::mt19937 random(11);
  int longest = 0;
  std::unique_ptr<Shadow> shadow;
  for (int grid = 0; grid < 60000; ++grid) {
    // A new one has not met single bytes yet.
    if (grid % 10 == 0) shadow = std::make_unique<Shadow>();
    longest = std::max(longest, run_to_first_race(*shadow, random, kWritesOfHundred[grid % 3]));
  }
  CHECK(longest > 80);
}

// Whether the last of some touches of one word races with those before.
struct Step {
  int thread;
  Kind kind;
};
bool last_races(const std::vector<Step>& steps) {
  Shadow shadow;
  shadow.begin_grid();
  std::map<int, uint32_t> ids;
  for (const Step& step : steps) {
    CHECK(shadow.race() == nullptr);
    if (ids.count(step.thread) == 0) ids[step.thread] = shadow.add({0, step.thread, 0, 0});
    shadow.run(ids[step.thread]);
    shadow.touch(kGlobal, 4, step.kind, 1);
  }
  return shadow.race() != nullptr;
}

TEST(races_of_atomics_with_each_other_are_none) {
  constexpr Kind kRead = Kind::kRead, kWrite = Kind::kWrite, kAtomic = Kind::kAtomic;
  CHECK(!last_races({{0, kAtomic}, {1, kAtomic}, {40, kAtomic}, {0, kAtomic}}));
  for (const Kind other : {kRead, kWrite}) {
    CHECK(last_races({{0, kAtomic}, {40, other}}));
    CHECK(last_races({{0, other}, {40, kAtomic}}));
    CHECK(last_races({{0, kAtomic}, {40, kAtomic}, {40, other}}));
    CHECK(last_races({{0, kAtomic}, {0, other}, {40, kAtomic}}));
    CHECK(!last_races({{0, kAtomic}, {0, other}, {0, kAtomic}}));
  }
}

// After so much memory, or so many moments, what was known is forgotten: between grids alone.
TEST(races_of_grids_with_much_memory) {
  Shadow shadow;
  const int pages = 4100;
  for (int grid = 0; grid < 3; ++grid) {
    shadow.begin_grid();
    const uint32_t first = shadow.add({0, 0, 0, 0}), second = shadow.add({0, 40, 0, 0});
    shadow.run(first);
    for (uintptr_t page = 1; page <= pages; ++page) shadow.touch(page * 4096 + page, 1, Kind::kWrite, page);
    shadow.run(second);
    for (uintptr_t page = 1; page <= pages; ++page)
      shadow.touch(page * 4096 + page + 1, 1, Kind::kWrite, page);
    CHECK(shadow.race() == nullptr);
    shadow.touch(7 * 4096 + 7, 1, Kind::kRead, 99);
    CHECK(shadow.race() != nullptr);
    CHECK_EQ(shadow.race()->address, uintptr_t{7 * 4096 + 7});
    CHECK_EQ(uint32_t{shadow.race()->first.line}, 7u);
    CHECK_EQ(uint32_t{shadow.race()->second.line}, 99u);
  }
}

}  // namespace
}  // namespace hebb::testing

#include "kernels/cuda/races.h"

#include <algorithm>
#include <array>
#include <vector>

#include "core/error.h"
#include "kernels/cuda/races/hooks.h"
#include "kernels/cuda/races/report.h"

namespace hebb::kernels::cuda::races {
namespace {

struct Memory {
  uintptr_t data;
  size_t bytes;
  std::string name;
};

struct Checker {
  Shadow shadow;
  const void* kernel = nullptr;
  int block = -1;
  std::vector<std::array<int, 3>> blocks;  // of the grid
  int thread = 0;
  std::vector<uint32_t> moments;  // of each thread; 0: not yet any
  std::vector<Memory> shared, named;
};

thread_local Checker checker;

uintptr_t address_of(const void* data) { return reinterpret_cast<uintptr_t>(data); }

// A new moment of the running thread, behind what it has passed.
void run_behind(uint32_t block_barriers, uint32_t warp_barriers) {
  uint32_t& own = checker.moments[static_cast<size_t>(checker.thread)];
  own = checker.shadow.add({checker.block, checker.thread, block_barriers, warp_barriers});
  checker.shadow.run(own);
}

const Moment& current() {
  return checker.shadow.moment(checker.moments[static_cast<size_t>(checker.thread)]);
}

std::string where(uintptr_t address) {
  for (const auto* list : {&checker.shared, &checker.named}) {
    for (const Memory& memory : *list)
      if (address - memory.data < memory.bytes)
        return text("byte %zu of %s", address - memory.data, memory.name.c_str());
  }
  return text("the memory at 0x%zx", address);
}

std::string who(const Access& access, const CodePlace& place) {
  constexpr const char* kVerbs[] = {"read it", "wrote it", "changed it as an atomic"};
  const Moment& moment = checker.shadow.moment(access.moment);
  const auto& block = checker.blocks[static_cast<size_t>(moment.block)];
  return text("thread %d of block (%d, %d, %d) %s at %s", moment.thread, block[0], block[1], block[2],
              kVerbs[access.kind], place.line.c_str());
}

}  // namespace

void begin_grid(const void* kernel) {
  checker.kernel = kernel;
  checker.block = -1;
  checker.blocks.clear();
  checker.shared.clear();
  checker.shadow.begin_grid();
}

void begin_block(const int (&block)[3]) {
  ++checker.block;
  checker.blocks.push_back({block[0], block[1], block[2]});
  std::fill(checker.moments.begin(), checker.moments.end(), 0);
}

void run_thread(int thread, const char* stack, size_t stack_bytes) {
  checker.thread = thread;
  const auto at = static_cast<size_t>(thread);
  if (checker.moments.size() <= at) checker.moments.resize(at + 1);
  if (checker.moments[at] == 0) {
    run_behind(0, 0);
  } else {
    checker.shadow.run(checker.moments[at]);
  }
  watch = {&checker.shadow, address_of(stack), stack_bytes};
}

void stop() { watch.shadow = nullptr; }

void pass_block() { run_behind(current().block_barriers + 1, current().warp_barriers); }
void pass_warp() { run_behind(current().block_barriers, current().warp_barriers + 1); }

void share(const void* data, size_t bytes) {
  checker.shadow.share(address_of(data), bytes);
  checker.shared.push_back({address_of(data), bytes, text("%zu bytes of shared memory", bytes)});
}

std::string report() {
  const Race* race = checker.shadow.race();
  if (race == nullptr) return "";
  const bool one_block = checker.shadow.moment(race->first.moment).block == checker.block;
  const auto places = places_of({address_of(checker.kernel), race->first.line, race->second.line});
  return text("a race in %s about %s: %s, %s; %s", places[0].function.c_str(), where(race->address).c_str(),
              who(race->first, places[1]).c_str(), who(race->second, places[2]).c_str(),
              one_block ? "a barrier between them would be right" : "nothing orders blocks of a grid");
}

void name(const void* data, size_t bytes, const std::string& name) {
  checker.named.push_back({address_of(data), bytes, name});
}
void forget_names() { checker.named.clear(); }

}  // namespace hebb::kernels::cuda::races

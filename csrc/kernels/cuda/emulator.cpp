#include "kernels/cuda/emulator.h"

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "core/error.h"
#include "kernels/cuda/fibres.h"
#include "kernels/cuda/races.h"

namespace hebb::kernels::cuda::emulator {
namespace {

constexpr int kMostThreads = 1024;
constexpr size_t kZone = 256;  // bytes around shared memory
constexpr unsigned char kPoison = 0xff;

// Where some threads meet. What they bring lies in one of two places in turn: one that is ahead by a meeting
// writes to the other.
struct Meeting {
  const char* name;
  int members;
  int arrived = 0;
  int line = 0;
  uint64_t count = 0;
  unsigned char brought[2][kLanes][kMostBytes] = {};
};

struct Thread {
  Place place;
  Meeting* waits_at = nullptr;
  uint64_t meeting = 0;
  uint64_t exchanges = 0;
};

struct SharedMemory {
  const void* key;
  size_t size;
  std::vector<unsigned char> bytes;  // with a zone on both sides

  unsigned char* data() { return bytes.data() + kZone; }
  bool is_whole() const {
    const auto is_poison = [](unsigned char byte) { return byte == kPoison; };
    const auto zone = static_cast<std::ptrdiff_t>(kZone);
    return std::all_of(bytes.begin(), bytes.begin() + zone, is_poison) &&
           std::all_of(bytes.end() - zone, bytes.end(), is_poison);
  }
};

[[noreturn]] void fail(const std::string& detail) {
  throw Error(ErrorKind::kInternal, "cuda emulator", detail);
}

class Machine {
 public:
  void run(const Grid& grid, Order order, const Work& work);

  Thread& current() { return threads_[static_cast<size_t>(fibres_.current())]; }
  void meet(Meeting& meeting, int line);
  Meeting& block_meeting() { return block_; }
  Meeting& warp_meeting() { return warps_[static_cast<size_t>(fibres_.current() / kLanes)]; }
  void* shared(const void* key, size_t bytes);

 private:
  void start_block(const Grid& grid, const int (&block)[3], const Work& work);
  void run_block(Order order);
  bool can_run(int thread) const;
  std::string who_waits() const;
  std::string name_of_block() const;

  Fibres fibres_;
  std::vector<Thread> threads_;
  Meeting block_{.name = "the block", .members = 0};
  std::vector<Meeting> warps_;
  std::vector<SharedMemory> shared_;
  std::mt19937 random_;
  size_t dynamic_bytes_ = 0;
  std::string failure_;
};

thread_local Machine* machine = nullptr;

std::string Machine::name_of_block() const {
  const auto& at = threads_[0].place.block;
  return text("block (%d, %d, %d)", at[0], at[1], at[2]);
}

// Cannot throw: it is called on the stack of a fibre, which is not resumed after a failure.
void Machine::meet(Meeting& meeting, int line) {
  if (meeting.arrived > 0 && meeting.line != line && failure_.empty()) {
    failure_ =
        text("%s: threads of %s wait at different barriers, of lines %d and %d; all have to come to the same",
             name_of_block().c_str(), meeting.name, meeting.line, line);
  }
  meeting.line = line;
  if (failure_.empty() && ++meeting.arrived == meeting.members) {
    meeting.arrived = 0;
    ++meeting.count;
    return;
  }
  Thread& thread = current();
  thread.waits_at = &meeting;
  thread.meeting = meeting.count;
  fibres_.yield();
  thread.waits_at = nullptr;
}

void* Machine::shared(const void* key, size_t bytes) {
  for (auto& memory : shared_)
    if (memory.key == key) return memory.data();
  const size_t size = key == nullptr ? dynamic_bytes_ : bytes;
  shared_.push_back({key, size, std::vector<unsigned char>(size + 2 * kZone, kPoison)});
  races::share(shared_.back().data(), size);
  return shared_.back().data();
}

void Machine::start_block(const Grid& grid, const int (&block)[3], const Work& work) {
  for (int i = 0; i < grid.threads; ++i) {
    Thread& thread = threads_[static_cast<size_t>(i)];
    thread = {};
    thread.place.thread = i;
    thread.place.threads = grid.threads;
    std::copy(block, block + 3, thread.place.block);
    thread.place.blocks[0] = grid.blocks, thread.place.blocks[1] = grid.blocks_y,
    thread.place.blocks[2] = grid.blocks_z;
  }
  block_ = {.name = "the block", .members = grid.threads};
  warps_.assign(static_cast<size_t>(grid.threads / kLanes), Meeting{.name = "a warp", .members = kLanes});
  for (auto& memory : shared_) std::fill(memory.bytes.begin(), memory.bytes.end(), kPoison);
  races::begin_block(block);
  fibres_.start(grid.threads, work.body, work.argument);
}

bool Machine::can_run(int thread) const {
  const Thread& t = threads_[static_cast<size_t>(thread)];
  return !fibres_.done(thread) && (t.waits_at == nullptr || t.waits_at->count != t.meeting);
}

std::string Machine::who_waits() const {
  std::string who = name_of_block() + ": threads wait for others that do not come:";
  for (size_t i = 0; i < threads_.size(); ++i) {
    const Meeting* meeting = threads_[i].waits_at;
    if (meeting == nullptr) continue;
    const size_t first = i;
    while (i + 1 < threads_.size() && threads_[i + 1].waits_at == meeting) ++i;
    who += text(" %zu to %zu for %s at line %d;", first, i, meeting->name, meeting->line);
  }
  const auto ended = std::count_if(threads_.begin(), threads_.end(),
                                   [](const Thread& thread) { return thread.waits_at == nullptr; });
  return who + text(" %td have ended", ended);
}

void Machine::run_block(Order order) {
  const int count = static_cast<int>(threads_.size());
  std::vector<int> turns(threads_.size());
  for (int i = 0; i < count; ++i)
    turns[static_cast<size_t>(i)] = order == Order::kBackward ? count - 1 - i : i;
  for (int left = count; left > 0;) {
    if (order == Order::kShuffled) std::shuffle(turns.begin(), turns.end(), random_);
    bool moved = false;
    for (int thread : turns) {
      if (!can_run(thread)) continue;
      moved = true;
      races::run_thread(thread, fibres_.bottom(thread), Fibres::kStackBytes);
      fibres_.resume(thread);
      races::stop();
      if (failure_.empty()) failure_ = races::report();
      if (!failure_.empty()) fail(failure_);
      if (fibres_.done(thread)) --left;
    }
    if (!moved) fail(who_waits());
  }
  for (const auto& memory : shared_) {
    if (!memory.is_whole())
      fail(text("%s: shared memory of %zu bytes was written before or behind itself", name_of_block().c_str(),
                memory.size));
  }
}

void Machine::run(const Grid& grid, Order order, const Work& work) {
  if (grid.threads < 1 || grid.threads > kMostThreads || grid.threads % kLanes != 0)
    fail(text("a block has %d threads; a multiple of %d from %d to %d would be right", grid.threads, kLanes,
              kLanes, kMostThreads));
  threads_.resize(static_cast<size_t>(grid.threads));
  shared_.clear();
  failure_.clear();
  random_.seed(7);
  dynamic_bytes_ = grid.shared_bytes;
  races::begin_grid(work.kernel);
  int block[3];
  for (block[2] = 0; block[2] < grid.blocks_z; ++block[2]) {
    for (block[1] = 0; block[1] < grid.blocks_y; ++block[1]) {
      for (block[0] = 0; block[0] < grid.blocks; ++block[0]) {
        start_block(grid, block, work);
        run_block(order);
      }
    }
  }
}

}  // namespace

void run(const Grid& grid, Order order, const Work& work) {
  static thread_local Machine own;
  machine = &own;
  own.run(grid, order, work);
}

const Place& place() { return machine->current().place; }

void* shared(const void* key, size_t bytes) { return machine->shared(key, bytes); }

void wait_for_block(int line) {
  machine->meet(machine->block_meeting(), line);
  races::pass_block();
}

void wait_for_warp(int line) {
  machine->meet(machine->warp_meeting(), line);
  races::pass_warp();
}

void exchange(const void* value, void* all, size_t bytes, int line) {
  Thread& thread = machine->current();
  Meeting& warp = machine->warp_meeting();
  auto& brought = warp.brought[thread.exchanges++ % 2];
  std::memcpy(brought[thread.place.thread % kLanes], value, bytes);
  machine->meet(warp, line);
  for (int i = 0; i < kLanes; ++i)
    std::memcpy(static_cast<char*>(all) + static_cast<size_t>(i) * bytes, brought[i], bytes);
}

}  // namespace hebb::kernels::cuda::emulator

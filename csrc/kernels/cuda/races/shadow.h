// Shadow: who touched each byte of memory last, as far as it can still race with what comes.
//
// A moment is what one thread does between two barriers. Moments are numbered as they begin; each knows how
// many barriers its thread has passed, so that two of them tell whether they are ordered.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

namespace hebb::kernels::cuda::races {

struct Moment {
  int block;  // of the grid, in the order blocks run
  int thread;
  uint32_t block_barriers, warp_barriers;  // that the thread has passed
};

enum class Kind : uint32_t { kRead, kWrite, kAtomic };

struct Access {
  uint32_t moment = 0;  // 0: none
  uint32_t kind : 2 = 0;
  uint32_t line : 30 = 0;  // the address in the program that a hook returns to
};
static_assert(sizeof(Access) == 8);

// Two accesses that race.
struct Race {
  uintptr_t address;
  size_t bytes;
  Access first, second;
};

class Shadow {
 public:
  // Forgets what was before: grids are ordered.
  void begin_grid();
  void share(uintptr_t data, size_t bytes) { shared_.push_back({data, bytes}); }

  // Its number.
  uint32_t add(const Moment& moment);
  const Moment& moment(uint32_t id) const { return moments_[id - first_]; }
  // Accesses from here on are of this moment.
  void run(uint32_t id) { id_ = id, now_ = moment(id); }

  // The running moment accesses memory. Only the first race of a grid is kept.
  void touch(uintptr_t address, size_t bytes, Kind kind, uintptr_t line);
  const Race* race() const { return has_race_ ? &race_ : nullptr; }

 private:
  // What has to be known of some bytes. Reads by two warps race with whoever writes, those of one warp with
  // it unless they are from before its last barrier: two that differ as much as any do are enough.
  struct Cell {
    Access write;
    Access reads[2];
    Access earlier;  // a read by a block before
  };
  static constexpr size_t kPage = 4096, kWord = 4;
  // Words of four bytes have one cell, or one for each byte once some of them were accessed alone.
  struct Page {
    Cell words[kPage / kWord];
    std::unique_ptr<Cell[]> bytes;
    bool is_split[kPage / kWord] = {};
  };
  struct Shared {
    uintptr_t data;
    size_t bytes;
  };
  struct Found {
    uintptr_t page = 0;
    Page* shadow = nullptr;
  };

  Page& page_of(uintptr_t page);
  static void split(Page& page, size_t word);
  void check(Cell& cell, uintptr_t address, size_t bytes, Access now);
  void check_read(Cell& cell, uintptr_t address, size_t bytes, Access now);
  void check_write(Cell& cell, uintptr_t address, size_t bytes, Access now);
  void keep_read(Cell& cell, Access now);
  bool is_ordered(const Access& before, uintptr_t address) const;
  bool is_shared(uintptr_t address) const;

  std::unordered_map<uintptr_t, std::unique_ptr<Page>> pages_;
  std::vector<Found> found_ = std::vector<Found>(kFound);  // pages, by the last bits of their number
  static constexpr size_t kFound = 256;
  std::vector<Moment> moments_;  // of this grid
  std::vector<Shared> shared_;
  uint32_t first_ = 1, next_ = 1, id_ = 0;
  Moment now_{};
  Race race_{};
  bool has_race_ = false;
};

}  // namespace hebb::kernels::cuda::races

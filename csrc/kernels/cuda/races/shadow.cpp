#include "kernels/cuda/races/shadow.h"

#include <algorithm>

namespace hebb::kernels::cuda::races {
namespace {

constexpr int kLanes = 32;
constexpr size_t kMostPages = 4096;  // 16 MiB of memory, 128 MiB of shadow
constexpr uint32_t kMostMoments = 1u << 31;

bool is_one_warp(const Moment& a, const Moment& b) { return a.thread / kLanes == b.thread / kLanes; }

}  // namespace

void Shadow::begin_grid() {
  moments_.clear();
  shared_.clear();
  has_race_ = false;
  first_ = next_;
  if (pages_.size() <= kMostPages && first_ < kMostMoments) return;
  first_ = next_ = 1;
  pages_.clear();
  std::fill(found_.begin(), found_.end(), Found{});
}

uint32_t Shadow::add(const Moment& moment) {
  moments_.push_back(moment);
  return next_++;
}

Shadow::Page& Shadow::page_of(uintptr_t page) {
  Found& found = found_[page % kFound];
  if (found.shadow != nullptr && found.page == page) return *found.shadow;
  auto& shadow = pages_[page];
  if (shadow == nullptr) shadow = std::make_unique<Page>();
  found = {page, shadow.get()};
  return *shadow;
}

void Shadow::split(Page& page, size_t word) {
  if (page.is_split[word]) return;
  page.is_split[word] = true;
  if (page.bytes == nullptr) page.bytes = std::make_unique<Cell[]>(kPage);
  std::fill_n(&page.bytes[word * kWord], kWord, page.words[word]);
}

void Shadow::touch(uintptr_t address, size_t bytes, Kind kind, uintptr_t line) {
  if (has_race_) return;
  const Access now{id_, static_cast<uint32_t>(kind), static_cast<uint32_t>(line) & 0x3fffffffu};
  for (const uintptr_t end = address + bytes; address < end;) {
    Page& page = page_of(address / kPage);
    const size_t at = address % kPage, word = at / kWord;
    const size_t here = std::min(kWord - at % kWord, static_cast<size_t>(end - address));
    if (here < kWord) split(page, word);
    if (page.is_split[word]) {
      for (size_t i = 0; i < here; ++i) check(page.bytes[at + i], address + i, 1, now);
    } else {
      check(page.words[word], address, kWord, now);
    }
    address += here;
  }
}

// What a moment has touched once it may touch again: whoever else came in between would have raced with it.
void Shadow::check(Cell& cell, uintptr_t address, size_t bytes, Access now) {
  const bool wrote =
      cell.write.moment == now.moment && cell.write.kind == static_cast<uint32_t>(Kind::kWrite);
  if (wrote) return;
  if (now.kind != static_cast<uint32_t>(Kind::kRead)) return check_write(cell, address, bytes, now);
  if (cell.reads[0].moment != now.moment) check_read(cell, address, bytes, now);
}

bool Shadow::is_shared(uintptr_t address) const {
  return std::any_of(shared_.begin(), shared_.end(), [address](const Shared& shared) {
    return address >= shared.data && address < shared.data + shared.bytes;
  });
}

// Whether all that the thread of `before` did then comes before what runs now, on whatever device.
bool Shadow::is_ordered(const Access& before, uintptr_t address) const {
  if (before.moment < first_) return true;
  const Moment& then = moment(before.moment);
  if (then.block != now_.block) return is_shared(address);
  if (then.thread == now_.thread || then.block_barriers < now_.block_barriers) return true;
  return is_one_warp(then, now_) && then.warp_barriers < now_.warp_barriers;
}

void Shadow::check_read(Cell& cell, uintptr_t address, size_t bytes, Access now) {
  if (!is_ordered(cell.write, address)) {
    race_ = {address, bytes, cell.write, now};
    has_race_ = true;
    return;
  }
  keep_read(cell, now);
}

void Shadow::keep_read(Cell& cell, Access now) {
  Access &a = cell.reads[0], &b = cell.reads[1];
  if (a.moment < first_) {
    cell.earlier = b = {};
    a = now;
    return;
  }
  const Moment& of_a = moment(a.moment);
  if (of_a.block != now_.block || of_a.block_barriers < now_.block_barriers) {
    if (of_a.block != now_.block) cell.earlier = a;
    b = {};
    a = now;
    return;
  }
  // From here on in the same block, between the same barriers of it.
  const bool has_two_warps = b.moment != 0 && !is_one_warp(of_a, moment(b.moment));
  if (has_two_warps) return;
  if (!is_one_warp(of_a, now_)) {
    b = now;
  } else if (of_a.warp_barriers < now_.warp_barriers) {
    b = {};
    a = now;
  } else if (of_a.thread != now_.thread) {
    b = now;
  }
}

void Shadow::check_write(Cell& cell, uintptr_t address, size_t bytes, Access now) {
  const bool atomics = now.kind == cell.write.kind && now.kind == static_cast<uint32_t>(Kind::kAtomic);
  const Access* others[] = {&cell.reads[0], &cell.reads[1], &cell.earlier, &cell.write};
  for (const Access* other : others) {
    if (is_ordered(*other, address)) continue;
    // Atomics do not race with each other. The first is left, so that what is none meets another thread's.
    if (atomics && other == &cell.write) return;
    race_ = {address, bytes, *other, now};
    has_race_ = true;
    return;
  }
  // Reads stay: what is ordered behind this is behind them too.
  cell.write = now;
}

}  // namespace hebb::kernels::cuda::races

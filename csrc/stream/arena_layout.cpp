// Lives of buffers, and their places.
#include "stream/arena_layout.h"

#include <algorithm>

namespace hebb::stream {

namespace {

constexpr int64_t kAlign = 64;
// Blocks of whole pages start at different lines of theirs: equal offsets in a page are mistaken for the same
// address by loads that follow stores.
constexpr int64_t kPage = 4096;

struct Life {
  int buffer;
  int64_t size;
  int first;
  int last;
};

int64_t rounded(int64_t bytes) {
  const int64_t size = (std::max<int64_t>(bytes, 1) + kAlign - 1) / kAlign * kAlign;
  return size % kPage == 0 ? size + 5 * kAlign : size;
}

std::vector<Life> lives_of(const Program& program) {
  std::vector<Life> lives(program.buffers.size(), {-1, 0, -1, -1});
  for (size_t i = 0; i < program.commands.size(); ++i) {
    for (const auto& operand : program.commands[i].operands) {
      if (!program.is_temporary(operand.buffer)) continue;
      Life& life = lives[static_cast<size_t>(operand.buffer)];
      if (life.first < 0) {
        life = {operand.buffer, rounded(program.buffers[static_cast<size_t>(operand.buffer)].bytes),
                static_cast<int>(i), 0};
      }
      life.last = static_cast<int>(i);
    }
  }
  std::erase_if(lives, [](const Life& life) { return life.buffer < 0; });
  return lives;
}

}  // namespace

ArenaLayout plan_arena(const Program& program) {
  ArenaLayout layout;
  layout.offsets.assign(program.buffers.size(), -1);
  std::vector<Life> lives = lives_of(program);
  std::stable_sort(lives.begin(), lives.end(), [](const Life& a, const Life& b) { return a.size > b.size; });
  struct Placed {
    int64_t offset;
    Life life;
  };
  std::vector<Placed> placed;  // by offset
  for (const Life& life : lives) {
    int64_t offset = 0;
    for (const Placed& other : placed) {
      if (other.life.last < life.first || life.last < other.life.first) continue;
      if (other.offset >= offset + life.size) break;
      offset = std::max(offset, other.offset + other.life.size);
    }
    layout.offsets[static_cast<size_t>(life.buffer)] = offset;
    layout.bytes = std::max(layout.bytes, offset + life.size);
    const auto at = std::lower_bound(placed.begin(), placed.end(), offset,
                                     [](const Placed& p, int64_t value) { return p.offset < value; });
    placed.insert(at, {offset, life});
  }
  return layout;
}

}  // namespace hebb::stream

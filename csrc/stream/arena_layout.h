// ArenaLayout: where the temporaries of a program lie in one block of memory.
#pragma once

#include <cstdint>
#include <vector>

#include "stream/program.h"

namespace hebb::stream {

struct ArenaLayout {
  std::vector<int64_t> offsets;  // by buffer; -1 for what is no temporary or never used
  int64_t bytes = 0;
};

// Buffers that are never alive together share memory: the largest are placed first, each at the lowest offset
// that is free during its life (greedy by size, Pisarchyk and Lee 2020).
ArenaLayout plan_arena(const Program& program);

}  // namespace hebb::stream

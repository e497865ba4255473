// Places of temporaries: nothing that is alive overlaps, and little is wasted, on programs made at random.
#include "stream/arena_layout.h"

#include <algorithm>
#include <numeric>
#include <random>

#include "check.h"
#include "kernels/elementwise.h"

namespace hebb::testing {
namespace {

using stream::Origin;
using stream::PlanCommand;
using stream::PlanOperand;
using stream::Program;

constexpr int64_t kAlign = 64;
// What a buffer may take beyond its bytes: up to a whole line, and lines that set large ones apart.
constexpr int64_t kMostExtra = 6 * kAlign;

void use(PlanCommand& command, int buffer, stream::Role role) {
  PlanOperand operand;
  operand.buffer = buffer;
  operand.view.role = role;
  command.operands.push_back(operand);
}

// Commands that write one buffer and read up to three, some of them no temporaries.
Program random_program(unsigned seed, int buffers, int commands) {
  std::mt19937 generator(seed);
  const auto below = [&](int64_t end) { return static_cast<int>(generator() % static_cast<uint64_t>(end)); };
  Program program;
  for (int i = 0; i < buffers; ++i) {
    const Origin origin = below(6) == 0 ? Origin::kArgument : Origin::kTemporary;
    const int64_t sizes[] = {below(100), below(5000), 4096 * below(9)};
    program.add_buffer(origin, i, sizes[below(3)]);
  }
  for (int i = 0; i < commands; ++i) {
    PlanCommand command;
    command.slot = &kernels::add;
    // Buffers near i / commands of the list: lives are short, a few long.
    const auto near = [&] {
      if (below(10) == 0) return below(buffers);
      return std::min(buffers - 1, i * buffers / commands + below(6));
    };
    use(command, near(), stream::Role::kOut);
    for (int k = below(4); k > 0; --k) use(command, near(), stream::Role::kIn);
    if (below(3) == 0) use(command, stream::kNoBuffer, stream::Role::kIn);
    program.commands.push_back(std::move(command));
  }
  return program;
}

struct Life {
  int first = -1, last = -1;
};

std::vector<Life> lives_of(const Program& program) {
  std::vector<Life> lives(program.buffers.size());
  for (size_t i = 0; i < program.commands.size(); ++i) {
    for (const auto& operand : program.commands[i].operands) {
      if (!program.is_temporary(operand.buffer)) continue;
      Life& life = lives[static_cast<size_t>(operand.buffer)];
      if (life.first < 0) life.first = static_cast<int>(i);
      life.last = static_cast<int>(i);
    }
  }
  return lives;
}

void check_layout(const Program& program) {
  const stream::ArenaLayout layout = stream::plan_arena(program);
  const std::vector<Life> lives = lives_of(program);
  std::vector<int64_t> alive(program.commands.size());
  int64_t all = 0;
  CHECK_EQ(layout.offsets.size(), program.buffers.size());
  for (size_t a = 0; a < lives.size(); ++a) {
    const int64_t offset = layout.offsets[a], bytes = program.buffers[a].bytes;
    if (lives[a].first < 0) {
      CHECK_EQ(offset, -1);
      continue;
    }
    CHECK(offset >= 0 && offset % kAlign == 0);
    CHECK(offset + bytes <= layout.bytes);
    all += bytes + kMostExtra;
    for (int i = lives[a].first; i <= lives[a].last; ++i) alive[static_cast<size_t>(i)] += bytes;
    for (size_t b = 0; b < a; ++b) {
      const bool together =
          lives[b].first >= 0 && lives[a].first <= lives[b].last && lives[b].first <= lives[a].last;
      if (!together) continue;
      CHECK(offset + bytes <= layout.offsets[b] || layout.offsets[b] + program.buffers[b].bytes <= offset);
      // Also of no bytes: two buffers have two addresses.
      CHECK(offset != layout.offsets[b]);
    }
  }
  CHECK(layout.bytes <= all);
  for (const int64_t bytes : alive) CHECK(layout.bytes >= bytes);
}

TEST(arena_layout_keeps_what_is_alive_apart) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    check_layout(random_program(seed, 1 + static_cast<int>(seed % 60), 1 + static_cast<int>(seed * 7 % 90)));
  }
}

// The numbers of buffers are names: others in other order are placed as well.
TEST(arena_layout_holds_for_every_numbering) {
  const Program program = random_program(1, 50, 80);
  std::vector<int> number(program.buffers.size());
  std::iota(number.begin(), number.end(), 0);
  std::mt19937 generator(2);
  for (int round = 0; round < 20; ++round) {
    std::shuffle(number.begin(), number.end(), generator);
    Program other = program;
    for (size_t i = 0; i < number.size(); ++i)
      other.buffers[static_cast<size_t>(number[i])] = program.buffers[i];
    for (auto& command : other.commands) {
      for (auto& operand : command.operands) {
        if (operand.buffer != stream::kNoBuffer) operand.buffer = number[static_cast<size_t>(operand.buffer)];
      }
    }
    check_layout(other);
  }
}

TEST(arena_layout_does_not_depend_on_the_order_of_operands) {
  Program program = random_program(3, 50, 80);
  const stream::ArenaLayout layout = stream::plan_arena(program);
  std::mt19937 generator(4);
  for (auto& command : program.commands)
    std::shuffle(command.operands.begin(), command.operands.end(), generator);
  const stream::ArenaLayout other = stream::plan_arena(program);
  CHECK(layout.offsets == other.offsets);
  CHECK_EQ(layout.bytes, other.bytes);
}

// A chain needs the two largest neighbours, not the sum.
TEST(arena_layout_reuses_what_a_chain_leaves) {
  Program program;
  for (int i = 0; i < 20; ++i) program.add_buffer(Origin::kTemporary, 0, 1000);
  for (int i = 1; i < 20; ++i) {
    PlanCommand command;
    use(command, i, stream::Role::kOut);
    use(command, i - 1, stream::Role::kIn);
    program.commands.push_back(command);
  }
  CHECK_EQ(stream::plan_arena(program).bytes, 2 * 1024);
  check_layout(program);
}

TEST(arena_layout_of_nothing_is_empty) {
  CHECK_EQ(stream::plan_arena(Program{}).bytes, 0);
  Program unused;
  unused.add_buffer(Origin::kTemporary, 0, 1000);
  unused.add_buffer(Origin::kOutput, 0, 1000);
  PlanCommand command;
  use(command, 1, stream::Role::kOut);
  unused.commands.push_back(command);
  CHECK_EQ(stream::plan_arena(unused).bytes, 0);
  CHECK_EQ(stream::plan_arena(unused).offsets[0], -1);
}

// Blocks of whole pages would all start at the same place in a page.
TEST(arena_layout_starts_pages_at_different_lines) {
  Program program;
  PlanCommand command;
  for (int i = 0; i < 8; ++i)
    use(command, program.add_buffer(Origin::kTemporary, 0, 8192), stream::Role::kOut);
  program.commands.push_back(command);
  const auto layout = stream::plan_arena(program);
  for (size_t a = 0; a < 8; ++a) {
    for (size_t b = 0; b < a; ++b) CHECK(layout.offsets[a] % 4096 != layout.offsets[b] % 4096);
  }
}

}  // namespace
}  // namespace hebb::testing

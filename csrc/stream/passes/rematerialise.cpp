// Rematerialisation: a result that is cheap to make is made again where it is needed late, instead of kept.
#include <algorithm>
#include <bit>
#include <map>
#include <optional>

#include "stream/passes/passes.h"
#include "stream/passes/usage.h"

namespace hebb::stream::passes {

namespace {

// Smaller buffers are not worth a second computation.
constexpr int64_t kLeastBytes = 64 << 10;
// What a byte of memory is worth: a narrow product is made again, a wide one kept.
constexpr double kFlopsPerByte = 20;
// How many results may have to be made again for one.
constexpr int kDeepest = 8;

// The commands that make results again: what a result is made of comes before it.
struct Recipe {
  std::vector<PlanCommand> commands;
  std::map<int, int> stands_for;  // buffers made again

  // Whether a buffer made by the recipe is used by command `i` of it last: not by later ones, nor by those
  // from `next` on.
  bool ends_at(int fresh, size_t i, const std::vector<BufferUse>& uses, int next) const {
    int old = kNoBuffer;
    for (const auto& [from, to] : stands_for) old = to == fresh ? from : old;
    if (old == kNoBuffer) return false;
    const auto& readers = uses[static_cast<size_t>(old)].readers;
    if (!readers.empty() && readers.back() >= next) return false;
    for (size_t k = i + 1; k < commands.size(); ++k) {
      for (const auto& operand : commands[k].operands) {
        if (operand.buffer == fresh) return false;
      }
    }
    return true;
  }
};

// The largest of any stretch of a list, in constant time (Bender and Farach-Colton 2000).
class Highest {
 public:
  explicit Highest(std::vector<int64_t> values) : levels_{std::move(values)} {
    for (size_t width = 1; 2 * width <= levels_[0].size(); width *= 2) {
      const auto& below = levels_.back();
      std::vector<int64_t> level(below.size() - width);
      for (size_t i = 0; i < level.size(); ++i) level[i] = std::max(below[i], below[i + width]);
      levels_.push_back(std::move(level));
    }
  }

  // Of elements first..last.
  int64_t of(int first, int last) const {
    const auto count = static_cast<size_t>(last - first + 1);
    const auto level = static_cast<size_t>(std::bit_width(count)) - 1;
    const auto& row = levels_[level];
    return std::max(row[static_cast<size_t>(first)],
                    row[static_cast<size_t>(last) + 1 - (size_t{1} << level)]);
  }

 private:
  std::vector<std::vector<int64_t>> levels_;
};

class Rematerialiser {
 public:
  Rematerialiser(Program& program, int64_t budget) : program_(program), budget_(budget) {}

  void run() {
    const size_t rounds = program_.commands.size();
    for (size_t round = 0; round < rounds; ++round) {
      uses_ = uses_of(program_);
      if (!improve()) return;
    }
  }

 private:
  // A buffer between two of its uses, across the command at which most bytes of temporaries are alive.
  struct Gap {
    int buffer;
    int next;
    int64_t alive;
  };

  // By command: bytes of the temporaries alive. An operand that ends in an in-place command makes room for
  // its result.
  std::vector<int64_t> live_bytes() const {
    std::vector<int64_t> change(program_.commands.size() + 1);
    std::vector<bool> taken(program_.commands.size());
    for (size_t b = 0; b < uses_.size(); ++b) {
      if (!program_.is_temporary(static_cast<int>(b)) || uses_[b].writers.empty()) continue;
      change[static_cast<size_t>(uses_[b].writers.front())] += program_.buffers[b].bytes;
      const auto last = static_cast<size_t>(last_use(b));
      const PlanCommand& end = program_.commands[last];
      const bool makes_room = end.slot->traits.in_place && !taken[last] &&
                              uses_[b].writers.back() < last_use(b) &&
                              bytes_of_buffer(end.operands[0].buffer) == program_.buffers[b].bytes;
      if (makes_room) taken[last] = true;
      change[makes_room ? last : last + 1] -= program_.buffers[b].bytes;
    }
    for (size_t i = 1; i < change.size(); ++i) change[i] += change[i - 1];
    return change;
  }

  int last_use(size_t buffer) const {
    const BufferUse& use = uses_[buffer];
    return std::max(use.writers.back(), use.readers.empty() ? 0 : use.readers.back());
  }

  std::vector<Gap> gaps() {
    alive_ = live_bytes();
    const int64_t peak = *std::max_element(alive_.begin(), alive_.end());
    const Highest alive(alive_);
    std::vector<Gap> found;
    for (size_t b = 0; b < uses_.size(); ++b) {
      const BufferUse& use = uses_[b];
      if (!program_.is_temporary(static_cast<int>(b)) || use.writers.size() != 1) continue;
      if (program_.buffers[b].bytes < kLeastBytes) continue;
      int from = use.writers[0];
      for (const int reader : use.readers) {
        if (reader > from + 1) {
          const int64_t most = alive.of(from + 1, reader - 1);
          if (most == peak && most > budget_) found.push_back({static_cast<int>(b), reader, most});
        }
        from = reader;
      }
    }
    std::stable_sort(found.begin(), found.end(), [&](const Gap& a, const Gap& b) {
      return program_.buffers[static_cast<size_t>(a.buffer)].bytes >
             program_.buffers[static_cast<size_t>(b.buffer)].bytes;
    });
    return found;
  }

  // Makes one buffer again after a gap instead of keeping it; false where none can be.
  bool improve() {
    for (const Gap& gap : gaps()) {
      Recipe recipe;
      if (!make(gap.buffer, gap.next, recipe, 0) || !lowers(gap, recipe)) continue;
      // What stands right before its use already is there as late as can be.
      if (uses_[static_cast<size_t>(gap.buffer)].writers[0] + static_cast<int>(recipe.commands.size()) >=
          gap.next)
        continue;
      insert(gap.next, recipe);
      drop_dead(program_);
      return true;
    }
    return false;
  }

  // Whether the most alive while the recipe runs is less than the gap had.
  bool lowers(const Gap& gap, const Recipe& recipe) const {
    int64_t alive = alive_[static_cast<size_t>(gap.next)] - bytes_of_buffer(gap.buffer), most = alive;
    for (size_t i = 0; i < recipe.commands.size(); ++i) {
      const PlanCommand& command = recipe.commands[i];
      int64_t freed = 0, largest = 0;
      for (size_t k = 1; k < command.operands.size(); ++k) {
        const int buffer = command.operands[k].buffer;
        if (buffer == kNoBuffer || !recipe.ends_at(buffer, i, uses_, gap.next)) continue;
        freed += bytes_of_buffer(buffer);
        largest = std::max(largest, bytes_of_buffer(buffer));
      }
      alive += bytes_of_buffer(command.operands[0].buffer);
      // In place, the result takes the memory of an operand that ends here.
      most = std::max(most, command.slot->traits.in_place ? alive - largest : alive);
      alive -= freed;
    }
    return most < gap.alive;
  }

  // The command that makes the buffer again from what is there at `at`, and what it needs; false where that
  // is not cheap.
  bool make(int buffer, int at, Recipe& recipe, int depth) {
    if (recipe.stands_for.contains(buffer)) return true;
    const BufferUse& use = uses_[static_cast<size_t>(buffer)];
    if (depth > kDeepest || use.writers.size() != 1) return false;
    const PlanCommand& maker = program_.commands[static_cast<size_t>(use.writers[0])];
    std::optional<PlanCommand> again = repeated(maker, buffer);
    if (!again) return false;
    for (const size_t k : inputs_to_make(*again, use.writers[0], at, recipe, depth)) {
      PlanOperand& input = again->operands[k];
      if (!program_.is_temporary(input.buffer) || !make(input.buffer, at, recipe, depth + 1)) return false;
      input.buffer = recipe.stands_for.at(input.buffer);
    }
    const int fresh =
        program_.add_buffer(Origin::kTemporary, 0, program_.buffers[static_cast<size_t>(buffer)].bytes);
    again->operands[0].buffer = fresh;
    recipe.stands_for.emplace(buffer, fresh);
    recipe.commands.push_back(std::move(*again));
    return true;
  }

  // The operands that are not there at `at`, that with the most to make first: what is made before waits
  // while it is (Sethi and Ullman 1970).
  std::vector<size_t> inputs_to_make(const PlanCommand& command, int then, int at, const Recipe& recipe,
                                     int depth) {
    std::vector<std::pair<size_t, size_t>> sizes;
    for (size_t k = 1; k < command.operands.size(); ++k) {
      const int buffer = command.operands[k].buffer;
      if (buffer == kNoBuffer || available(buffer, then, at)) continue;
      Recipe trial = recipe;
      const size_t before = trial.commands.size();
      const size_t buffers = program_.buffers.size();
      if (program_.is_temporary(buffer)) make(buffer, at, trial, depth + 1);
      program_.buffers.resize(buffers);
      sizes.emplace_back(trial.commands.size() - before, k);
    }
    std::stable_sort(sizes.begin(), sizes.end(),
                     [](const auto& a, const auto& b) { return a.first > b.first; });
    std::vector<size_t> order;
    for (const auto& [size, k] : sizes) order.push_back(k);
    return order;
  }

  // A command with the buffer as its one result, or nothing.
  std::optional<PlanCommand> repeated(const PlanCommand& maker, int buffer) const {
    const PlanOperand& result = maker.operands[0];
    if (result.buffer != buffer || result.view.role != Role::kOut || !is_whole(program_, result))
      return std::nullopt;
    size_t results = 0;
    while (results < maker.operands.size() && maker.operands[results].writes()) ++results;
    const Traits& traits = maker.slot->traits;
    if (results == 1 && traits.elementwise) return maker;
    const bool cheap = maker.slot->flops != nullptr &&
                       flops_of(maker) <= kFlopsPerByte * static_cast<double>(bytes_of_buffer(buffer));
    if (results == 1 && cheap && !traits.guard && !traits.writes_state) return maker;
    if (maker.slot->again == nullptr || results == maker.operands.size()) return std::nullopt;
    PlanCommand command = maker;
    command.slot = maker.slot->again;
    command.operands = {maker.operands[0], maker.operands[results]};
    for (size_t k = 1; k < results; ++k) {
      command.operands.push_back(maker.operands[k]);
      command.operands.back().view.role = Role::kIn;
    }
    command.operands.insert(command.operands.end(),
                            maker.operands.begin() + static_cast<std::ptrdiff_t>(results) + 1,
                            maker.operands.end());
    return command;
  }

  int64_t bytes_of_buffer(int buffer) const { return program_.buffers[static_cast<size_t>(buffer)].bytes; }

  // Whether the buffer holds at `at` what it held at `then`, and is alive there anyway.
  bool available(int buffer, int then, int at) const {
    const BufferUse& use = uses_[static_cast<size_t>(buffer)];
    const auto later = std::upper_bound(use.writers.begin(), use.writers.end(), then);
    if (later != use.writers.end() && *later < at) return false;
    if (!program_.is_temporary(buffer)) return true;
    return last_use(static_cast<size_t>(buffer)) >= at;
  }

  void insert(int at, Recipe& recipe) {
    // What was made again on the way serves its later readers too.
    for (size_t i = static_cast<size_t>(at); i < program_.commands.size(); ++i) {
      for (auto& operand : program_.commands[i].operands) {
        const auto found = recipe.stands_for.find(operand.buffer);
        if (found != recipe.stands_for.end() && !operand.writes()) operand.buffer = found->second;
      }
    }
    program_.commands.insert(program_.commands.begin() + at, std::make_move_iterator(recipe.commands.begin()),
                             std::make_move_iterator(recipe.commands.end()));
  }

  Program& program_;
  int64_t budget_;
  std::vector<BufferUse> uses_;
  std::vector<int64_t> alive_;
};

}  // namespace

void rematerialise(Program& program, int64_t budget) { Rematerialiser(program, budget).run(); }

}  // namespace hebb::stream::passes

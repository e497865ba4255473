// Rematerialisation: a result that is cheap to make is made again where it is needed late, instead of kept.
#include <algorithm>
#include <map>
#include <optional>

#include "stream/passes/passes.h"
#include "stream/passes/usage.h"

namespace hebb::stream::passes {

namespace {

// Smaller buffers are not worth a second computation.
constexpr int64_t kLeastBytes = 64 << 10;
// How many results may have to be made again for one.
constexpr int kDeepest = 12;

// First the results, then what they are made of, each before its use.
struct Recipe {
  std::vector<PlanCommand> commands;
  std::map<int, int> stands_for;  // buffers made again
};

class Rematerialiser {
 public:
  Rematerialiser(Program& program, int64_t budget) : program_(program), budget_(budget) {}

  void run() {
    const size_t rounds = program_.commands.size();
    for (size_t round = 0; round < rounds; ++round) {
      uses_ = uses_of(program_);
      const auto [peak, bytes] = highest();
      if (bytes <= budget_ || !improve(peak)) return;
    }
  }

 private:
  // The command at which most bytes of temporaries are alive.
  std::pair<int, int64_t> highest() const {
    std::vector<int64_t> change(program_.commands.size() + 1);
    for (size_t b = 0; b < uses_.size(); ++b) {
      if (!program_.is_temporary(static_cast<int>(b)) || uses_[b].writers.empty()) continue;
      change[static_cast<size_t>(uses_[b].writers.front())] += program_.buffers[b].bytes;
      change[static_cast<size_t>(last_use(b)) + 1] -= program_.buffers[b].bytes;
    }
    int64_t live = 0, most = 0;
    int at = 0;
    for (size_t i = 0; i < program_.commands.size(); ++i) {
      live += change[i];
      if (live > most) {
        most = live;
        at = static_cast<int>(i);
      }
    }
    return {at, most};
  }

  int last_use(size_t buffer) const {
    const BufferUse& use = uses_[buffer];
    return std::max(use.writers.back(), use.readers.empty() ? 0 : use.readers.back());
  }

  // Makes the largest buffer that only waits at `peak` again after it; false where there is none.
  bool improve(int peak) {
    std::vector<size_t> waiting;
    for (size_t b = 0; b < uses_.size(); ++b) {
      if (program_.buffers[b].bytes >= kLeastBytes && waits(b, peak)) waiting.push_back(b);
    }
    std::stable_sort(waiting.begin(), waiting.end(), [&](size_t a, size_t b) {
      return program_.buffers[a].bytes > program_.buffers[b].bytes;
    });
    for (const size_t buffer : waiting) {
      const auto& readers = uses_[buffer].readers;
      const int next = *std::upper_bound(readers.begin(), readers.end(), peak);
      Recipe recipe;
      if (make(static_cast<int>(buffer), next, recipe, 0)) {
        insert(next, recipe);
        return true;
      }
    }
    return false;
  }

  bool waits(size_t buffer, int peak) const {
    const BufferUse& use = uses_[buffer];
    if (!program_.is_temporary(static_cast<int>(buffer)) || use.writers.size() != 1) return false;
    if (use.writers[0] >= peak || last_use(buffer) <= peak) return false;
    return !std::binary_search(use.readers.begin(), use.readers.end(), peak);
  }

  // The command that makes the buffer again from what is there at `at`, and what it needs; false where that is not cheap.
  bool make(int buffer, int at, Recipe& recipe, int depth) {
    if (recipe.stands_for.contains(buffer)) return true;
    const BufferUse& use = uses_[static_cast<size_t>(buffer)];
    if (depth > kDeepest || use.writers.size() != 1) return false;
    const PlanCommand& maker = program_.commands[static_cast<size_t>(use.writers[0])];
    std::optional<PlanCommand> again = repeated(maker, buffer);
    if (!again) return false;
    for (size_t k = 1; k < again->operands.size(); ++k) {
      PlanOperand& input = again->operands[k];
      if (input.buffer == kNoBuffer || available(input.buffer, use.writers[0], at)) continue;
      if (!program_.is_temporary(input.buffer) || !make(input.buffer, at, recipe, depth + 1)) return false;
      input.buffer = recipe.stands_for.at(input.buffer);
    }
    const int fresh = program_.add_buffer(Origin::kTemporary, 0, program_.buffers[static_cast<size_t>(buffer)].bytes);
    again->operands[0].buffer = fresh;
    recipe.stands_for.emplace(buffer, fresh);
    recipe.commands.push_back(std::move(*again));
    return true;
  }

  // A command with the buffer as its one result, or nothing.
  std::optional<PlanCommand> repeated(const PlanCommand& maker, int buffer) const {
    const PlanOperand& result = maker.operands[0];
    if (result.buffer != buffer || result.view.role != Role::kOut || !is_whole(program_, result)) return std::nullopt;
    size_t results = 0;
    while (results < maker.operands.size() && maker.operands[results].writes()) ++results;
    if (results == 1 && maker.slot->traits.elementwise) return maker;
    if (maker.slot->again == nullptr || results == maker.operands.size()) return std::nullopt;
    PlanCommand command = maker;
    command.slot = maker.slot->again;
    command.operands = {maker.operands[0], maker.operands[results]};
    for (size_t k = 1; k < results; ++k) {
      command.operands.push_back(maker.operands[k]);
      command.operands.back().view.role = Role::kIn;
    }
    command.operands.insert(command.operands.end(), maker.operands.begin() + static_cast<std::ptrdiff_t>(results) + 1,
                            maker.operands.end());
    return command;
  }

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
};

}  // namespace

void rematerialise(Program& program, int64_t budget) { Rematerialiser(program, budget).run(); }

}  // namespace hebb::stream::passes

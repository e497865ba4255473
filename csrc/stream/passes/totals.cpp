// Totals: many results that are only added up become one command that adds while it computes. Gradients of a
// weight that a loop uses many times are such: each would be as large as the weight, written, kept until the
// end of the loop and read again.
#include <cstring>
#include <unordered_map>

#include "stream/passes/passes.h"
#include "stream/passes/usage.h"

namespace hebb::stream::passes {

namespace {

// Results of commands that are added one after the other.
struct Sum {
  std::vector<size_t> terms, additions;  // commands
};

class Totals {
 public:
  explicit Totals(Program& program) : program_(program), uses_(uses_of(program)) {}

  void run() {
    for (size_t i = 0; i < program_.commands.size(); ++i) {
      if (is_term(program_.commands[i])) {
        sums_[result(i).buffer] = {{i}, {}};
      } else {
        add(i);
      }
    }
    std::vector<bool> gone(program_.commands.size());
    for (const auto& [buffer, sum] : sums_) {
      if (sum.terms.size() > 1 && worthwhile(sum) && steady(sum)) replace(sum, gone);
    }
    erase_commands(program_, gone);
  }

 private:
  const PlanOperand& result(size_t command) const { return program_.commands[command].operands[0]; }

  const BufferUse& use(const PlanOperand& operand) const {
    return uses_[static_cast<size_t>(operand.buffer)];
  }

  // Written at once, as a whole, and only here.
  bool is_fresh(const PlanOperand& operand) const {
    return operand.view.role == Role::kOut && is_whole(program_, operand) && use(operand).writers.size() == 1;
  }

  bool is_term(const PlanCommand& command) const {
    const Slot& slot = *command.slot;
    if (slot.total == nullptr || slot.totals == nullptr || command.tiles != nullptr) return false;
    return is_fresh(command.operands[0]) && slot.totals(CommandView(command).command());
  }

  // The sum that an operand of an addition stands for, where nothing else needs it.
  const Sum* sum_of(const PlanOperand& operand, const PlanOperand& total) const {
    const auto found = sums_.find(operand.buffer);
    if (found == sums_.end() || !program_.is_temporary(operand.buffer)) return nullptr;
    const bool same = is_whole(program_, operand) && operand.view.dtype == total.view.dtype &&
                      operand.view.size() == total.view.size();
    return same && use(operand).readers.size() == 1 ? &found->second : nullptr;
  }

  // Terms of one sum differ in their operands alone.
  bool alike(size_t one, size_t other) const {
    const PlanCommand &a = program_.commands[one], &b = program_.commands[other];
    const Operand &x = a.operands[0].view, &y = b.operands[0].view;
    return a.slot == b.slot && a.params == b.params && a.operands.size() == b.operands.size() &&
           x.dtype == y.dtype && x.rank == y.rank && std::memcmp(x.shape, y.shape, sizeof x.shape) == 0;
  }

  void add(size_t command) {
    const PlanCommand& source = program_.commands[command];
    if (!source.slot->traits.addition || source.operands.size() != 3 || !is_fresh(source.operands[0])) return;
    const PlanOperand &a = source.operands[1], &b = source.operands[2];
    const Sum *left = sum_of(a, source.operands[0]), *right = sum_of(b, source.operands[0]);
    if (left == nullptr || right == nullptr || a.buffer == b.buffer) return;
    // Only a single term can come next: a sum of sums has other bits. Either may stand first.
    if (right->terms.size() > 1) std::swap(left, right);
    if (right->terms.size() > 1 || !alike(left->terms[0], right->terms[0])) return;
    Sum sum = *left;
    sum.terms.push_back(right->terms[0]);
    sum.additions.push_back(command);
    sums_.erase(a.buffer);
    sums_.erase(b.buffer);
    sums_[source.operands[0].buffer] = std::move(sum);
  }

  // What the terms read lives until all are added: less than what they would have written.
  bool worthwhile(const Sum& sum) const {
    for (const size_t term : sum.terms) {
      int64_t read = 0;
      const auto& operands = program_.commands[term].operands;
      for (size_t k = 1; k < operands.size(); ++k) read += operands[k].view.size();
      if (read > operands[0].view.size()) return false;
    }
    return true;
  }

  // Nothing that the terms read is written before all are added.
  bool steady(const Sum& sum) const {
    const auto last = static_cast<int>(sum.additions.back());
    for (const size_t term : sum.terms) {
      for (const auto& operand : program_.commands[term].operands) {
        if (operand.buffer == kNoBuffer || operand.writes()) continue;
        for (const int writer : use(operand).writers) {
          if (writer > static_cast<int>(term) && writer <= last) return false;
        }
      }
    }
    return true;
  }

  void replace(const Sum& sum, std::vector<bool>& gone) {
    const PlanCommand& first = program_.commands[sum.terms[0]];
    PlanCommand total;
    total.slot = first.slot->total;
    total.site = first.site;
    const auto count = static_cast<int64_t>(sum.terms.size());
    std::memcpy(total.params.data(), &count, sizeof count);
    total.operands.push_back(first.operands[0]);
    const size_t last = sum.additions.back();
    total.operands[0].buffer = result(last).buffer;
    for (const size_t term : sum.terms) {
      const auto& operands = program_.commands[term].operands;
      total.operands.insert(total.operands.end(), operands.begin() + 1, operands.end());
    }
    for (const size_t term : sum.terms) gone[term] = true;
    for (const size_t addition : sum.additions) gone[addition] = addition != last;
    program_.commands[last] = std::move(total);
  }

  Program& program_;
  std::vector<BufferUse> uses_;
  std::unordered_map<int, Sum> sums_;  // by the buffer of their result
};

}  // namespace

void add_up(Program& program) { Totals(program).run(); }

}  // namespace hebb::stream::passes

// Trials of methods in turn, so that what else the machine does meets all of them alike.
#include "stream/measure.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <new>
#include <random>
#include <utility>
#include <vector>

#include "stream/operand.h"

namespace hebb::stream {

namespace {

using Clock = std::chrono::steady_clock;

// A trial calls a method until about this has passed; each has so many trials, more while there is time left.
constexpr double kTrialMs = 3;
constexpr size_t kFewestRounds = 5, kMostRounds = 25;
constexpr double kBudgetMs = 100;
constexpr int64_t kMostCalls = 1000;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Values of a pattern that no cache line or vector meets twice in the same place.
template <class T, class F>
void write_pattern(void* data, int64_t count, const std::vector<float>& values, F&& convert) {
  T* to = static_cast<T*>(data);
  for (int64_t i = 0; i < count; ++i) to[i] = convert(values[static_cast<size_t>(i) % values.size()]);
}

class Trial {
 public:
  Trial(const TunableCommand& tunable, std::vector<Operand> operands)
      : slot_(*tunable.command->slot), choice_(tunable.choice), operands_(std::move(operands)) {
    blocks_.resize(operands_.size());
    for (size_t i = 0; i < operands_.size(); ++i) {
      // Headers of its own: those of the memory are of now, while this runs later.
      if (operands_[i].data != nullptr) operands_[i].block = &blocks_[i];
    }
    std::memcpy(params_, tunable.command->params.data(), kParamBytes);
  }

  void run(Stream& stream, int threads, double* times) {
    fill();
    std::vector<Contender> contenders;
    for (int64_t method = 1; method < slot_.methods->count; ++method) {
      if (choice_.allows(method)) warm_up(stream, threads, method, contenders);
    }
    const auto start = Clock::now();
    for (size_t round = 0; round < kMostRounds; ++round) {
      if (round >= kFewestRounds && ms_since(start) > kBudgetMs) break;
      for (auto& contender : contenders)
        contender.ms.push_back(time(stream, threads, contender.method, contender.calls));
      // Who comes first differs from round to round.
      std::rotate(contenders.begin(), contenders.end() - (contenders.empty() ? 0 : 1), contenders.end());
    }
    for (auto& contender : contenders) times[contender.method] = median(std::move(contender.ms));
  }

 private:
  struct Contender {
    int64_t method;
    int64_t calls;
    std::vector<double> ms = {};
  };

  // Normal numbers, since zeros may be faster; whole numbers may be places, for which only 0 is sure to be
  // one.
  void fill() {
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    std::vector<float> values(4099);
    for (float& value : values) value = normal(random);
    for (Operand& operand : operands_) {
      if (operand.data == nullptr) continue;
      const Reach reach(operand);
      const int64_t count = reach.elements();
      void* data = static_cast<char*>(operand.data) - reach.before * item_size(operand.dtype);
      switch (operand.dtype) {
        case DType::kF32:
          write_pattern<float>(data, count, values, [](float x) { return x; });
          break;
        case DType::kF64:
          write_pattern<double>(data, count, values, [](float x) { return static_cast<double>(x); });
          break;
        case DType::kF16:
          write_pattern<F16>(data, count, values, [](float x) { return to_f16(x); });
          break;
        case DType::kBF16:
          write_pattern<BF16>(data, count, values, [](float x) { return to_bf16(x); });
          break;
        default:
          std::memset(data, 0, static_cast<size_t>(count * item_size(operand.dtype)));
      }
    }
  }

  // A method that finds no memory does not take part.
  void warm_up(Stream& stream, int threads, int64_t method, std::vector<Contender>& contenders) {
    try {
      time(stream, threads, method, 1);
      const double ms = std::max(time(stream, threads, method, 1), 1e-4);
      contenders.push_back({method, std::clamp(static_cast<int64_t>(kTrialMs / ms), int64_t{1}, kMostCalls)});
    } catch (const std::bad_alloc&) {
    }
  }

  // Milliseconds of one of `calls` calls.
  double time(Stream& stream, int threads, int64_t method, int64_t calls) {
    Command command;
    command.slot = &slot_;
    command.operand_count = static_cast<int>(operands_.size());
    command.operands = operands_.data();
    std::memcpy(command.params, params_, kParamBytes);
    std::memcpy(command.params + slot_.methods->offset, &method, sizeof method);
    const auto start = Clock::now();
    for (int64_t i = 0; i < calls; ++i) stream.runtime().run(command, threads);
    stream.runtime().finish();
    return ms_since(start) / static_cast<double>(calls);
  }

  const Slot& slot_;
  MethodChoice choice_;
  std::vector<Operand> operands_;
  std::vector<Block> blocks_;
  unsigned char params_[kParamBytes];
};

}  // namespace

void measure_methods(Stream& stream, const TunableCommand& tunable, int threads, double* times,
                     Stream::Task done) {
  // Freed as this returns: what gets the memory next is submitted later, and so runs later.
  std::vector<std::unique_ptr<Storage>> memory;
  std::vector<Operand> operands;
  for (const PlanOperand& source : tunable.command->operands) {
    operands.push_back(source.view);
    if (source.buffer == kNoBuffer) continue;
    const Reach reach(source.view);
    const int64_t item = item_size(source.view.dtype);
    memory.push_back(
        std::make_unique<Storage>(stream.allocate(static_cast<size_t>(reach.elements() * item))));
    operands.back().data = static_cast<char*>(memory.back()->block()->data) + reach.before * item;
  }
  std::fill(times, times + tunable.command->slot->methods->count, 0.0);
  auto trial = std::make_shared<Trial>(tunable, std::move(operands));
  stream.then(
      [&stream, trial, threads, times, done = std::move(done)](const Error*) {
        try {
          trial->run(stream, threads, times);
        } catch (const std::bad_alloc&) {
        }
        done(nullptr);
      },
      nullptr);
}

}  // namespace hebb::stream

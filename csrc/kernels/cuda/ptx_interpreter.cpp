// Runs the threads of a grid, one after the other: they share nothing but memory.
#include "kernels/cuda/ptx_interpreter.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <random>

#include "core/error.h"

namespace hebb::kernels::cuda::emulator {

namespace {

constexpr int64_t kMostSteps = 50'000'000;

class PtxThread {
 public:
  PtxThread(const PtxKernel& kernel, const char* arguments, const std::vector<PtxMemory>* memory)
      : kernel_(kernel),
        arguments_(arguments),
        memory_(memory),
        registers_(static_cast<size_t>(kernel.registers)),
        written_(registers_.size()) {}

  void run(const Grid& grid, int block, int thread) {
    special_[0] = static_cast<uint64_t>(thread);
    special_[1] = static_cast<uint64_t>(grid.threads);
    special_[2] = static_cast<uint64_t>(block);
    special_[3] = static_cast<uint64_t>(grid.blocks);
    std::fill(written_.begin(), written_.end(), 0);
    size_t at = 0;
    for (int64_t step = 0; step < kMostSteps; ++step) {
      if (at >= kernel_.code.size()) throw Error(ErrorKind::kInternal, "ptx", "a thread runs past the end");
      at_ = &kernel_.code[at++];
      if (at_->guard >= 0 && (read_register(static_cast<size_t>(at_->guard)) != 0) == at_->unless) continue;
      if (at_->kind == PtxInstruction::kReturn) return;
      if (at_->kind == PtxInstruction::kBranch) {
        at = static_cast<size_t>(at_->target);
      } else {
        execute();
      }
    }
    fail("a thread takes no end");
  }

 private:
  [[noreturn]] void fail(const std::string& why) const {
    throw Error(ErrorKind::kInternal, "ptx", "line " + std::to_string(at_->line) + ": " + why);
  }

  uint64_t read_register(size_t index) const {
    if (!written_[index]) fail("a register is read that nothing was written to");
    return registers_[index];
  }
  uint64_t read(const PtxArgumentUse& from) const {
    if (from.kind == PtxArgumentUse::kImmediate) return from.bits;
    if (from.kind == PtxArgumentUse::kSpecial) return special_[from.bits];
    return read_register(from.bits);
  }
  void write(const PtxArgumentUse& to, uint64_t value) {
    registers_[to.bits] = value;
    written_[to.bits] = 1;
  }

  char* address() const {
    const size_t values = at_->kind == PtxInstruction::kLoad ? at_->to.size() : at_->from.size() - 1;
    const uint64_t first = read(at_->from[0]) + static_cast<uint64_t>(at_->offset);
    const uint64_t bytes = values * static_cast<uint64_t>(at_->bytes);
    if (first % bytes != 0) fail("an address is not aligned");
    const auto holds = [&](const PtxMemory& memory) {
      const auto begin = reinterpret_cast<uint64_t>(memory.data);
      return first >= begin && first + bytes <= begin + memory.bytes;
    };
    if (memory_ != nullptr && std::none_of(memory_->begin(), memory_->end(), holds))
      fail("memory that is not the kernel's");
    return reinterpret_cast<char*>(first);
  }

  void execute() {
    const PtxInstruction& op = *at_;
    const auto bytes = static_cast<size_t>(op.bytes);
    uint64_t in[3] = {}, value = 0;
    switch (op.kind) {
      case PtxInstruction::kCompute:
        for (size_t i = 0; i < op.from.size(); ++i) in[i] = read(op.from[i]);
        return write(op.to[0], op.compute(in));
      case PtxInstruction::kLoadParameter:
        std::memcpy(&value, arguments_ + op.offset, bytes);
        return write(op.to[0], value);
      case PtxInstruction::kLoad: {
        const char* from = address();
        for (const auto& to : op.to) {
          value = 0;
          std::memcpy(&value, from, bytes);
          write(to, value);
          from += bytes;
        }
        return;
      }
      case PtxInstruction::kStore: {
        char* to = address();
        for (size_t i = 1; i < op.from.size(); ++i, to += bytes) {
          value = read(op.from[i]);
          std::memcpy(to, &value, bytes);
        }
        return;
      }
      case PtxInstruction::kSplit: {
        value = read(op.from[0]);
        const uint64_t mask = (uint64_t{1} << 8 * bytes) - 1;
        write(op.to[0], value & mask);
        return write(op.to[1], value >> 8 * bytes & mask);
      }
      default:
        return write(op.to[0], read(op.from[0]) | read(op.from[1]) << 8 * bytes);
    }
  }

  const PtxKernel& kernel_;
  const char* arguments_;
  const std::vector<PtxMemory>* memory_;
  std::vector<uint64_t> registers_;
  std::vector<uint8_t> written_;
  uint64_t special_[4] = {};
  const PtxInstruction* at_ = nullptr;
};

}  // namespace

PtxModule::PtxModule(const std::string& text) : kernels_(parse_ptx(text)) {}

void PtxModule::run(const std::string& entry, const Grid& grid, Order order, const void* arguments,
                    size_t bytes, const std::vector<PtxMemory>* memory) const {
  const auto found = kernels_.find(entry);
  if (found == kernels_.end()) throw Error(ErrorKind::kInternal, "ptx", "no kernel " + entry);
  const PtxKernel& kernel = found->second;
  if (bytes != kernel.argument_bytes)
    throw Error(ErrorKind::kInternal, "ptx",
                text("%zu bytes of arguments instead of %zu", bytes, kernel.argument_bytes));
  if (grid.threads > kernel.most_threads || grid.threads < 1 || grid.blocks < 1)
    throw Error(ErrorKind::kInternal, "ptx", text("a grid of %d x %d threads", grid.blocks, grid.threads));
  std::vector<int> threads(static_cast<size_t>(grid.blocks) * static_cast<size_t>(grid.threads));
  std::iota(threads.begin(), threads.end(), 0);
  if (order == Order::kBackward) std::reverse(threads.begin(), threads.end());
  if (order == Order::kShuffled) std::shuffle(threads.begin(), threads.end(), std::mt19937(1));
  PtxThread thread(kernel, static_cast<const char*>(arguments), memory);
  for (const int index : threads) thread.run(grid, index / grid.threads, index % grid.threads);
}

}  // namespace hebb::kernels::cuda::emulator

// Program: a recorded step as data. Passes turn one program into a better one; a replay runs it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "stream/command.h"
#include "stream/tile_program.h"

namespace hebb::stream {

// Whose memory a buffer is.
enum class Origin : uint8_t {
  kTemporary,  // a place in the arena
  kArgument,   // what the caller passes
  kState,      // a state's own memory, at a fixed address
  kGradient,   // a state's .grad at entry
  kCaptured,   // a tensor from outside
  kRandom,     // {seed, base} of this call's draws
  kOutput,     // allocated for each call
  kPack        // kept across runs: panels of what no command writes, made by the first commands
};

struct Buffer {
  Origin origin = Origin::kTemporary;
  int index = 0;  // which argument, state, gradient, captured tensor, output or pack
  int64_t bytes = 0;
};

inline constexpr int kNoBuffer = -1;

struct PlanOperand {
  Operand view;            // its data and block are filled in by the replay
  int buffer = kNoBuffer;  // a constant has none
  int64_t offset = 0;      // of the first element, in bytes

  bool reads() const { return view.role != Role::kOut; }
  bool writes() const { return view.role != Role::kIn; }
};

struct PlanCommand {
  const Slot* slot = nullptr;
  std::vector<PlanOperand> operands;  // outputs first
  std::array<unsigned char, kParamBytes> params{};
  // As Command::tiles. What a prologue makes has no buffer: it is nowhere in memory.
  std::shared_ptr<const TileProgram> tiles;
  // Where the operands of the program begin: its outputs, then its inputs. The slot's own result among the
  // inputs has the role of an output: nothing of it is read that was there before the command.
  size_t tile_operands = 0;
  // Not 0 for what is computed again on purpose, to save memory.
  uint32_t repetition = 0;
  // Where JavaScript asked for it: 0 for unknown.
  uint64_t site = 0;

  size_t own_operands() const { return tiles ? tile_operands : operands.size(); }
  template <class P>
  const P& param() const {
    return *reinterpret_cast<const P*>(params.data());
  }
};

struct Program {
  std::vector<Buffer> buffers;
  std::vector<PlanCommand> commands;

  int add_buffer(Origin origin, int index, int64_t bytes) {
    buffers.push_back({origin, index, bytes});
    return static_cast<int>(buffers.size()) - 1;
  }
  bool is_temporary(int buffer) const {
    return buffer != kNoBuffer && buffers[static_cast<size_t>(buffer)].origin == Origin::kTemporary;
  }
};

// A planned command as a slot's functions take it; without memory. The source outlives it.
class CommandView {
 public:
  explicit CommandView(const PlanCommand& source);
  CommandView(const CommandView&) = delete;
  CommandView& operator=(const CommandView&) = delete;
  const Command& command() const { return command_; }

 private:
  std::vector<Operand> operands_;
  Command command_;
};

// By buffer: whether a command uses it.
std::vector<bool> used_buffers(const Program& program);

// The pack that a command makes; -1 for none.
int pack_made_by(const Program& program, const PlanCommand& command);

// Appends what tells apart views of one buffer.
void append_view(std::string& key, const Operand& view);
template <class T>
void append_bytes(std::string& key, const T& value) {
  key.append(reinterpret_cast<const char*>(&value), sizeof value);
}

// Floating point operations and bytes touched by a command, as its slot counts them.
double flops_of(const PlanCommand& command);
double bytes_of(const PlanCommand& command);

// "f32[8, 4]" and "stride=1,1 groups=1": an operand, and the parameters but for the one at `left_out`.
std::string view_text(const Operand& view);
std::string parameters_text(const Layout& layout, const unsigned char* params, int left_out = -1);

// One line per command.
std::string program_text(const Program& program);

}  // namespace hebb::stream

// Runs a tile program over any part of its index space: each tile goes through all instructions before the
// next one, so that values between them never leave the cache.
#pragma once

#include "kernels/cpu/philox_tile.h"
#include "kernels/cpu/tiles.h"
#include "stream/tile_program.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

// All tiles of a thread together stay in the first cache.
constexpr int64_t kTileBytes = 24576;
constexpr int64_t kLongestTile = 4 * kTile;
// Tiles of equal offsets in a page are mistaken for the same address by loads that follow stores.
constexpr int64_t kTileGap = 64;

// The words of elements first..first + count - 1.
inline void draw_words(const stream::Operand& seed, int64_t counter, int64_t first, int64_t count,
                       uint32_t* words) {
  alignas(64) uint32_t tile[kTileWords];
  const uint64_t key = static_cast<uint64_t>(seed.as<int64_t>()[0]);
  const uint64_t base = static_cast<uint64_t>(seed.as<int64_t>()[1]) + static_cast<uint64_t>(counter);
  for (int64_t done = 0; done < count;) {
    const int64_t block = (first + done) / 4, skipped = (first + done) % 4;
    const int64_t n = least(kTileWords - skipped, count - done);
    philox_tile(key, base + static_cast<uint64_t>(block), tile);
    __builtin_memcpy(words + done, tile + skipped, static_cast<size_t>(n) * sizeof *words);
    done += n;
  }
}

// Elements start..start+count-1 of the index space, and as many again every `step`, `rows` times.
struct Piece {
  int64_t start, count;
  int64_t rows = 1, step = 0;
};

// A program and its operands: outputs, contiguous and of one shape, then inputs. It must stay where it is
// put, since constants lie in it; threads may run pieces of it side by side.
class TileRunner {
 public:
  void prepare(const stream::TileProgram& program, const stream::Operand* operands, int count) {
    program_ = &program;
    operands_ = operands;
    walk_ = walk_over(operands, count);
    if (walk_.size == 0) return;
    periodic_ = false;
    for (int k = 0; k < program.read_count; ++k) {
      const int index = program.output_count + program.reads[k].input;
      set_input(input_[k], walk_, index, operands[index], program.reads[k].dtype);
      periodic_ = periodic_ || repeats(input_[k]);
    }
    for (int i = 0; i < program.instruction_count; ++i) {
      const stream::TileInstruction& instruction = program.instructions[i];
      convert_[i] = instruction.slot ? nullptr : convert_row(instruction.to, instruction.from);
    }
    tiles_ = program.registers + program.read_count;
    set_outputs();
    const int64_t item = widest();
    const int64_t fitting = kTileBytes / (item * most(1, tiles_)) / kTile * kTile;
    tiling_ = tiling_of(walk_, most(kTile, least(kLongestTile, fitting)));
    const int64_t longest = tiling_.length + (periodic_ ? walk_.inner() : 0);
    tile_bytes_ = ceil_div(longest * item, 64) * 64 + kTileGap;
  }

  // Of the index space.
  HEBB_INLINE int64_t size() const { return walk_.size; }
  HEBB_INLINE int64_t longest_tile() const { return tiling_.length; }
  // Passes over an element.
  HEBB_INLINE int64_t work() const { return program_->instruction_count; }
  // Memory that a thread works in.
  HEBB_INLINE int64_t bytes() const { return tiles_ * tile_bytes_; }

  // On one thread. Its memory: the registers, a tile for each read, then those of outputs. Where `to` is
  // given the first output lies there, row after row, instead of in its own memory.
  void run(const Piece& piece, char* memory, char* to = nullptr) const {
    Values values;
    const int64_t filled = least(tiling_.length, piece.count) + (periodic_ ? walk_.inner() : 0);
    for (int k = 0; k < program_->read_count; ++k) {
      values.at[k] = read_tile(memory, k);
      // Contents that repeat start at the first column of any row.
      if (input_[k].fetch == Fetch::kOnce)
        gather(walk_, input_[k], 0, least(filled, walk_.size), read_tile(memory, k));
    }
    for (int64_t row = 0; row < piece.rows; ++row) {
      const int64_t end = piece.start + row * piece.step + piece.count;
      char* first = to ? to + ((row + 1) * piece.count - end) * output_[0].item : output_[0].data;
      for (int64_t start = end - piece.count; start < end;) {
        int64_t count = least(tiling_.length, end - start);
        if (tiling_.within_rows) count = least(count, walk_.inner() - start % walk_.inner());
        run_tile(start, count, values, memory, first);
        start += count;
      }
    }
  }

 private:
  struct Output {
    char* data;
    int64_t item;
    // Where an input in the same memory is needed after it is made: the tile it is held in until all is
    // read, or -1.
    int64_t own_tile;
  };

  // The values of a tile: reads first, then results.
  struct Values {
    const void* at[stream::kTileReads + stream::kTileInstructions];
  };

  HEBB_INLINE char* tile_at(char* memory, int64_t index) const { return memory + index * tile_bytes_; }
  HEBB_INLINE char* read_tile(char* memory, int k) const { return tile_at(memory, program_->registers + k); }

  // Filled once with the columns of a short row, again and again.
  HEBB_INLINE bool repeats(const Input& input) const {
    return input.fetch == Fetch::kOnce && walk_.inner_stride(input.index) != 0;
  }

  void set_outputs() {
    for (int k = 0; k < program_->output_count; ++k) {
      Output& output = output_[k];
      output.data = operands_[k].as<char>();
      output.item = item_size(operands_[k].dtype);
      output.own_tile = overwrites_needed(k) ? tiles_++ : -1;
    }
  }

  // Whether output k, written at once, would destroy what a later instruction reads. An element-wise formula
  // may write over its own operand.
  bool overwrites_needed(int k) const {
    int maker = 0;
    while (program_->instructions[maker].place != program_->registers + k) ++maker;
    const stream::Slot* slot = program_->instructions[maker].slot;
    const bool over_operand = slot && slot->traits.elementwise && !slot->traits.predicate;
    for (int r = 0; r < program_->read_count; ++r) {
      const stream::Operand& operand = operands_[program_->output_count + program_->reads[r].input];
      if (input_[r].fetch != Fetch::kDirect || operand.data != operands_[k].data) continue;
      if (last_use(r) > maker || (last_use(r) == maker && !over_operand)) return true;
    }
    return false;
  }

  // The last instruction with value r as an operand; -1 for none.
  int last_use(int r) const {
    for (int i = program_->instruction_count; i-- > 0;) {
      const stream::TileInstruction& instruction = program_->instructions[i];
      for (int k = 0; k < instruction.arity; ++k) {
        if (instruction.in[k] == r) return i;
      }
    }
    return -1;
  }

  // Bytes of the widest element that lies in a tile.
  int64_t widest() const {
    int64_t item = 1;
    for (int k = 0; k < program_->read_count; ++k) item = most(item, item_size(program_->reads[k].dtype));
    for (int i = 0; i < program_->instruction_count; ++i)
      item = most(item, item_size(program_->instructions[i].to));
    return item;
  }

  HEBB_INLINE void run_instruction(int index, Values& values, void* result, int64_t start,
                                   int64_t count) const {
    const stream::TileInstruction& instruction = program_->instructions[index];
    const void* in[3];
    for (int k = 0; k < instruction.arity; ++k) in[k] = values.at[instruction.in[k]];
    values.at[program_->read_count + index] = result;
    if (instruction.arity == 0) {
      const stream::Operand& seed = operands_[program_->output_count + instruction.seed];
      return draw_words(seed, instruction.counter, start, count, static_cast<uint32_t*>(result));
    }
    if (convert_[index]) return convert_[index](result, 1, in[0], 1, count);
    instruction.slot->tiles[stream::tile_index(instruction.from)](result, in, static_cast<int>(count),
                                                                  instruction.scalars);
  }

  HEBB_INLINE void fetch(int64_t start, int64_t count, Values& values, char* memory) const {
    for (int k = 0; k < program_->read_count; ++k) {
      const Input& input = input_[k];
      if (input.fetch == Fetch::kDirect) values.at[k] = direct(walk_, tiling_, input, start);
      if (input.fetch == Fetch::kGather) gather(walk_, input, start, count, read_tile(memory, k));
      if (periodic_ && repeats(input))
        values.at[k] = read_tile(memory, k) + start % walk_.inner() * input.tile_item;
    }
  }

  // `first` is where the first output would have element 0.
  void run_tile(int64_t start, int64_t count, Values& values, char* memory, char* first) const {
    fetch(start, count, values, memory);
    for (int i = 0; i < program_->instruction_count; ++i) {
      const int place = program_->instructions[i].place;
      char* result = tile_at(memory, place);
      if (place >= program_->registers) {
        const Output& output = output_[place - program_->registers];
        char* data = place == program_->registers ? first : output.data;
        result = output.own_tile < 0 ? data + start * output.item : tile_at(memory, output.own_tile);
      }
      run_instruction(i, values, result, start, count);
    }
    for (int k = 0; k < program_->output_count; ++k) {
      const Output& output = output_[k];
      if (output.own_tile < 0) continue;
      __builtin_memcpy(output.data + start * output.item, tile_at(memory, output.own_tile),
                       static_cast<size_t>(count * output.item));
    }
  }

  const stream::TileProgram* program_;
  const stream::Operand* operands_;
  Walk walk_;
  Tiling tiling_;
  bool periodic_;  // a read repeats
  Input input_[stream::kTileReads];
  Output output_[stream::kTileOutputs];
  ConvertRow convert_[stream::kTileInstructions];
  int64_t tiles_;       // of each thread
  int64_t tile_bytes_;  // of each tile
};

// Elements start..start+count-1, on all threads; memory(thread) has room for the runner. A task is as long as
// that of a single cheap formula.
template <class F>
HEBB_INLINE void run_range(stream::Context& context, const TileRunner& runner, int64_t start, int64_t count,
                           F&& memory) {
  const int64_t tile = runner.longest_tile(), size = tile * task_grain(tile * most(1, runner.work() / 2));
  context.parallel(ceil_div(count, size), [&](int64_t task, int thread) {
    const int64_t first = task * size;
    runner.run({start + first, least(size, count - first)}, memory(thread));
  });
}

}  // namespace
}  // namespace hebb::kernels::HEBB_ISA

// Runs a tile program: each tile of the index space goes through all instructions before the next one, so
// that values between them never leave the cache.
#include "kernels/fused.h"

#include "kernels/cpu/philox_tile.h"
#include "kernels/cpu/tiles.h"
#include "stream/context.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

using stream::Command;
using stream::Context;
using stream::kTileInstructions;
using stream::kTileOutputs;
using stream::kTileReads;
using stream::Operand;
using stream::TileInstruction;
using stream::TileProgram;

// All tiles of a thread together stay in the first cache.
constexpr int64_t kTileBytes = 24576;
constexpr int64_t kLongestTile = 4 * kTile;
// Tiles of equal offsets in a page are mistaken for the same address by loads that follow stores.
constexpr int64_t kTileGap = 64;

struct Output {
  char* data;
  int64_t item;
  int64_t
      own_tile;  // where an input lies in the same memory: the tile it is held in until all is read, or -1
};

struct Job {
  const TileProgram* program;
  const Operand* operands;
  Walk walk;
  Tiling tiling;
  Input input[kTileReads];
  Output output[kTileOutputs];
  ConvertRow convert[kTileInstructions];
  int64_t tiles;       // of each thread
  int64_t tile_bytes;  // of each tile
};

// The values of a tile: reads first, then results.
struct Values {
  const void* at[kTileReads + kTileInstructions];
};

// The words of elements first..first + count - 1.
void draw_words(const Operand& seed, int64_t counter, int64_t first, int64_t count, uint32_t* words) {
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

HEBB_INLINE void run_instruction(const Job& job, int index, Values& values, void* result, int64_t start,
                                 int64_t count) {
  const TileInstruction& instruction = job.program->instructions[index];
  const void* in[3];
  for (int k = 0; k < instruction.arity; ++k) in[k] = values.at[instruction.in[k]];
  values.at[job.program->read_count + index] = result;
  if (instruction.arity == 0) {
    const Operand& seed = job.operands[job.program->output_count + instruction.seed];
    return draw_words(seed, instruction.counter, start, count, static_cast<uint32_t*>(result));
  }
  if (job.convert[index]) return job.convert[index](result, 1, in[0], 1, count);
  instruction.slot->tiles[stream::tile_index(instruction.from)](result, in, static_cast<int>(count),
                                                                instruction.scalars);
}

// Tiles first..last-1, on one thread. Its memory: the registers, a tile for each read, then those of outputs.
void run_tiles(const Job& job, int64_t first, int64_t last, char* memory) {
  const TileProgram& program = *job.program;
  const Walk& walk = job.walk;
  const int64_t inner = walk.inner();
  const auto tile_at = [&](int64_t index) { return memory + index * job.tile_bytes; };
  Values values;
  for (int k = 0; k < program.read_count; ++k) {
    values.at[k] = tile_at(program.registers + k);
    if (job.input[k].fetch == Fetch::kOnce)
      gather_once(walk, job.tiling, job.input[k], tile_at(program.registers + k));
  }
  for (int64_t tile = first; tile < last; ++tile) {
    const int64_t start = job.tiling.start(tile, inner), count = job.tiling.size(tile, inner, walk.size);
    for (int k = 0; k < program.read_count; ++k) {
      const Input& input = job.input[k];
      if (input.fetch == Fetch::kDirect) values.at[k] = direct(walk, job.tiling, input, start);
      if (input.fetch == Fetch::kGather) gather(walk, input, start, count, tile_at(program.registers + k));
    }
    for (int i = 0; i < program.instruction_count; ++i) {
      const int place = program.instructions[i].place;
      char* result = tile_at(place);
      if (place >= program.registers) {
        const Output& output = job.output[place - program.registers];
        result = output.own_tile < 0 ? output.data + start * output.item : tile_at(output.own_tile);
      }
      run_instruction(job, i, values, result, start, count);
    }
    for (int k = 0; k < program.output_count; ++k) {
      const Output& output = job.output[k];
      if (output.own_tile < 0) continue;
      __builtin_memcpy(output.data + start * output.item, tile_at(output.own_tile),
                       static_cast<size_t>(count * output.item));
    }
  }
}

void set_outputs(Job& job, const Command& command) {
  for (int k = 0; k < job.program->output_count; ++k) {
    Output& output = job.output[k];
    output.data = command[k].as<char>();
    output.item = item_size(command[k].dtype);
    output.own_tile = -1;
    for (int i = job.program->output_count; i < command.operand_count; ++i) {
      if (command[i].data == output.data) output.own_tile = job.tiles;
    }
    if (output.own_tile >= 0) ++job.tiles;
  }
}

// Bytes of the widest element that lies in a tile.
int64_t widest(const TileProgram& program) {
  int64_t item = 1;
  for (int k = 0; k < program.read_count; ++k) item = most(item, item_size(program.reads[k].dtype));
  for (int i = 0; i < program.instruction_count; ++i)
    item = most(item, item_size(program.instructions[i].to));
  return item;
}

void run_fused(const Command& command, Context& context) {
  const TileProgram& program = *command.tiles;
  Job job;
  job.program = &program;
  job.operands = command.operands;
  job.walk = walk_over(command.operands, command.operand_count);
  if (job.walk.size == 0) return;
  for (int k = 0; k < program.read_count; ++k) {
    const int index = program.output_count + program.reads[k].input;
    set_input(job.input[k], job.walk, index, command[index], program.reads[k].dtype);
  }
  for (int i = 0; i < program.instruction_count; ++i) {
    const TileInstruction& instruction = program.instructions[i];
    job.convert[i] = instruction.slot ? nullptr : convert_row(instruction.to, instruction.from);
  }
  job.tiles = program.registers + program.read_count;
  set_outputs(job, command);
  const int64_t item = widest(program);
  const int64_t fitting = kTileBytes / (item * most(1, job.tiles)) / kTile * kTile;
  job.tiling = tiling_of(job.walk, most(kTile, least(kLongestTile, fitting)));
  job.tile_bytes = ceil_div(job.tiling.length * item, 64) * 64 + kTileGap;

  // A task is as long as that of a single cheap formula.
  const int64_t grain = task_grain(job.tiling.length * most(1, program.instruction_count / 2));
  context.parallel(ceil_div(job.tiling.count, grain), [&](int64_t task, int thread) {
    char* memory = context.scratch<char>(thread, job.tiles * job.tile_bytes);
    run_tiles(job, task * grain, least(job.tiling.count, (task + 1) * grain), memory);
  });
}

}  // namespace

void fill_fused() { kernels::fused.cpu = &run_fused; }

}  // namespace hebb::kernels::HEBB_ISA

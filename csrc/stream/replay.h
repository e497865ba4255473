// Replay: a program made ready to run again and again, on the executor thread.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/storage.h"
#include "stream/arena_layout.h"
#include "stream/graphs.h"
#include "stream/program.h"
#include "stream/runtime.h"

namespace hebb::stream {

class Stream;

// Memory given to one run.
struct Binding {
  void* data = nullptr;
  Block* block = nullptr;
};

// When each command of a run began and ended, in nanoseconds of the steady clock.
struct Timing {
  std::vector<int64_t> begin;
  std::vector<int64_t> end;
};

// What differs from run to run.
struct Run {
  std::vector<Binding> bindings;  // in the order of Replay::bound()
  void* arena = nullptr;
  const Block* seed = nullptr;  // {seed, 0}; null where nothing is drawn
  uint64_t base = 0;            // the counter of the run's first draw
  std::vector<bool> made;       // by pack: what need not be made again
  std::shared_ptr<Timing> timing;
};

// Made by the submitting thread, which keeps what it points to alive; run and ended anywhere.
class Replay {
 public:
  // `states` are the blocks of the program's states, by their number; `random` is memory of the device for
  // {seed, base} of a run, null where nothing is drawn.
  Replay(const Runtime& runtime, const Program& program, const ArenaLayout& layout,
         const std::vector<Block*>& states, void* random);
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;

  // The buffers that a run must bind.
  const std::vector<int>& bound() const { return bound_; }
  int64_t arena_bytes() const { return arena_bytes_; }

  void run(Stream& stream, const Run& run, int threads, uint64_t ticket);

 private:
  struct Place {
    size_t operand;
    int64_t offset;
  };
  struct Check {
    size_t command;
    uint64_t site;
  };

  void add(const Runtime& runtime, const PlanCommand& command, const Program& program,
           const ArenaLayout& layout, const std::vector<Block*>& states);
  void connect();
  void bind(const Run& run);
  void place_draws(Runtime& runtime, const Run& run);
  void forget_copies(Stream& stream, const Run& run) const;
  void poison_outputs(const Run& run, uint32_t fault);
  bool fits_graph(const Runtime& runtime, const Run& run) const;
  GraphCache::Key memory_of(const Run& run) const;
  void make_packs(Stream& stream, const Run& run, int threads, uint64_t ticket);
  void run_command(Stream& stream, const Run& run, size_t index, int threads, uint64_t ticket);
  uint32_t check_inputs(Stream& stream, int threads, uint64_t ticket);

  std::vector<Command> commands_;
  std::vector<size_t> packs_;  // the pack that each of the first commands makes
  std::vector<size_t> first_operand_;
  std::vector<uint64_t> sites_;
  std::vector<Operand> operands_;
  std::vector<std::shared_ptr<const TileProgram>> tiles_;
  std::vector<int> bound_;
  std::vector<std::vector<Place>> bound_places_;  // as bound_
  std::vector<bool> bound_written_;
  // What commands write of that and of states.
  std::vector<bool> bound_changed_;
  std::vector<Block*> changed_;
  std::vector<Binding> last_;
  std::vector<Place> arena_places_;
  void* last_arena_ = nullptr;
  int64_t arena_bytes_ = 0;
  std::vector<std::unique_ptr<Block>> blocks_;  // by buffer, for what no run binds
  // What is known to be bad before anything is written: guards of arguments.
  std::vector<Check> checks_;
  void* random_;
  GraphCache graphs_;
  // Guards that are not among the checks: whether a run goes on depends on what they see on the way.
  bool has_open_guards_ = false;
};

}  // namespace hebb::stream

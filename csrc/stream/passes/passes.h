// The passes: each takes a program and leaves one that gives the same results. They know no command by name,
// only what slots tell of themselves.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "stream/plan.h"
#include "stream/tuning.h"

namespace hebb::stream::passes {

// Commands take the methods that `tuning` names for their keys; the only pass that may change how results are
// rounded.
void set_methods(Program& program, const Tuning& tuning);

// Removes commands whose results nothing uses.
void drop_dead(Program& program);

// A command that repeats an earlier one on the same values is left out; its readers take the earlier result.
void merge_common(Program& program);

// Results that are only added up, one after the other, are added by the one command that makes them all.
void add_up(Program& program);

// An update of many states becomes one for each large state, as early as its gradient is there, and one for
// the small ones where it stood: gradients die young.
void split_updates(Program& program);

// While more than `budget` bytes of temporaries are alive at once: results of element-wise commands, and of
// slots that say how, are made again after the peak instead of kept across it.
void rematerialise(Program& program, int64_t budget);

// An element-wise command becomes the epilogue of the command that makes what it reads, where that one has
// the trait: it runs over each piece of the result while that is in cache. A result that nothing else reads
// lies where the program writes.
void append_epilogues(Program& program);

// An element-wise command becomes the prologue of the one command that reads what it makes, where that one
// has the trait: its result is made piece by piece and is never in memory.
void prepend_prologues(Program& program);

// What several commands would bring into panels is packed once, before the first; where the program never
// writes it, once for all runs.
void pack_once(Program& program);

// A result takes the memory of an operand that dies with it, where its kernel allows.
void reuse_in_place(Program& program);

struct Pass {
  const char* name;
  std::function<void(Program&)> run;
};

// Runs the passes in order; tells of each where `reports` is not null.
void run_all(const std::vector<Pass>& list, Program& program, std::vector<PassReport>* reports);

}  // namespace hebb::stream::passes

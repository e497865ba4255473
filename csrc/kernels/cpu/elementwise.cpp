// Runs an element-wise slot: brings operands tile by tile into the compute type, applies the formula, stores
// the result.
#include "kernels/cpu/formula_tile.h"

#include "kernels/cpu/tiles.h"
#include "kernels/elementwise.h"
#include "stream/context.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

using stream::Command;
using stream::Context;
using stream::Operand;

// Operands of a formula.
constexpr int kMaxInputs = 3;
// Where nothing is converted or gathered, a tile is as long as a task.
constexpr int64_t kDirectTile = kTaskElements;

struct Job {
  Walk walk;
  Tiling tiling;
  stream::TileFunction formula;
  const double* scalars;
  int inputs;
  Input input[kMaxInputs];
  char* out;
  int64_t out_item;
  ConvertRow convert_out;  // null where the formula writes the output itself
};

// Tiles first..last-1, on one thread.
void run_tiles(const Job& job, int64_t first, int64_t last) {
  alignas(64) char tiles[kMaxInputs + 1][kTile * sizeof(double)];
  const void* in[kMaxInputs];
  const Walk& walk = job.walk;
  const int64_t inner = walk.inner();
  for (int k = 0; k < job.inputs; ++k) {
    in[k] = tiles[k];
    if (job.input[k].fetch == Fetch::kOnce) gather_once(walk, job.tiling, job.input[k], tiles[k]);
  }
  for (int64_t tile = first; tile < last; ++tile) {
    const int64_t start = job.tiling.start(tile, inner), count = job.tiling.size(tile, inner, walk.size);
    for (int k = 0; k < job.inputs; ++k) {
      const Input& input = job.input[k];
      if (input.fetch == Fetch::kDirect) in[k] = direct(walk, job.tiling, input, start);
      if (input.fetch == Fetch::kGather) gather(walk, input, start, count, tiles[k]);
    }
    char* out = job.out + start * job.out_item;
    char* result = job.convert_out ? tiles[kMaxInputs] : out;
    job.formula(result, in, static_cast<int>(count), job.scalars);
    if (job.convert_out) job.convert_out(out, 1, result, 1, count);
  }
}

void run_elementwise(const Command& command, Context& context) {
  const auto& params = command.param<ElementwiseParams>();
  const auto compute = static_cast<DType>(params.compute);
  Job job;
  job.walk = walk_over(command.operands, command.operand_count);
  if (job.walk.size == 0) return;
  job.formula = command.slot->tiles[stream::tile_index(compute)];
  job.scalars = params.scalars;

  const Operand& y = command[0];
  job.out = y.as<char>();
  job.out_item = item_size(y.dtype);
  const bool stored_by_formula = command.slot->traits.predicate || y.dtype == compute;
  job.convert_out = stored_by_formula ? nullptr : convert_row(y.dtype, compute);

  bool all_direct = stored_by_formula;
  job.inputs = command.operand_count - 1;
  for (int k = 0; k < job.inputs; ++k) {
    set_input(job.input[k], job.walk, k + 1, command[k + 1], compute);
    all_direct = all_direct && job.input[k].fetch == Fetch::kDirect;
  }
  job.tiling = tiling_of(job.walk, all_direct ? kDirectTile : kTile);

  const int64_t grain = task_grain(job.tiling.length);
  context.parallel(ceil_div(job.tiling.count, grain), [&](int64_t task, int) {
    run_tiles(job, task * grain, least(job.tiling.count, (task + 1) * grain));
  });
}

}  // namespace

void fill_elementwise() {
#define HEBB_FILL_FORMULA(name, formula, operands, numbers) \
  fill_##numbers<formula, operands>(kernels::name);         \
  kernels::name.cpu = &run_elementwise;
#define HEBB_FILL_PREDICATE(name, formula, operands) \
  fill_predicate<formula, operands>(kernels::name);  \
  kernels::name.cpu = &run_elementwise;
  HEBB_FORMULAS(HEBB_FILL_FORMULA)
  HEBB_PREDICATES(HEBB_FILL_PREDICATE)
#undef HEBB_FILL_FORMULA
#undef HEBB_FILL_PREDICATE
}

}  // namespace hebb::kernels::HEBB_ISA

// Runs an element-wise slot: brings operands tile by tile into the compute type, applies the formula, stores
// the result.
#include "kernels/cpu/formula_tile.h"

#include "kernels/cpu/convert.h"
#include "kernels/cpu/tasks.h"
#include "kernels/cpu/walk.h"
#include "kernels/elementwise.h"
#include "stream/context.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

using stream::Command;
using stream::Context;
using stream::Operand;

constexpr int kMaxInputs = kMaxOperands - 1;
// Elements of a tile that is converted or gathered: all of a formula's tiles stay in L1.
constexpr int64_t kTile = 256;
// Where nothing is, a tile is as long as a task.
constexpr int64_t kDirectTile = kTaskElements;

enum class Fetch {
  kDirect,  // the memory itself
  kOnce,    // the same contents for every tile: filled once a task
  kGather   // converted or gathered for every tile
};

struct Input {
  Fetch fetch;
  const char* data;
  alignas(8) char constant[8];  // what data points at where the operand has no memory
  int64_t item;
  ConvertRow convert;
  int index;  // of its strides in the walk
};

// How the index space is cut: tiles lie within a row, or hold whole rows, or (rank 0 and 1) cut the one row.
struct Tiling {
  bool within_rows;
  int64_t length;   // elements of a tile, at most
  int64_t per_row;  // tiles of a row, where they lie within rows
  int64_t count;

  HEBB_INLINE int64_t start(int64_t tile, int64_t inner) const {
    return within_rows ? tile / per_row * inner + tile % per_row * length : tile * length;
  }
  HEBB_INLINE int64_t size(int64_t tile, int64_t inner, int64_t total) const {
    return within_rows ? least(length, inner - tile % per_row * length)
                       : least(length, total - tile * length);
  }
};

struct Job {
  Walk walk;
  Tiling tiling;
  stream::TileFunction formula;
  const double* scalars;
  int64_t compute_item;
  int inputs;
  Input input[kMaxInputs];
  char* out;
  int64_t out_item;
  ConvertRow convert_out;  // null where the formula writes the output itself
};

// Consecutive in memory over the whole walk.
bool runs_on(const Walk& walk, int operand) {
  int64_t expected = 1;
  for (int axis = walk.rank - 1; axis >= 0; --axis) {
    if (walk.strides[operand][axis] != expected) return false;
    expected *= walk.shape[axis];
  }
  return true;
}

// The same in every row.
bool repeats_by_row(const Walk& walk, int operand) {
  for (int axis = 0; axis < walk.rank - 1; ++axis) {
    if (walk.strides[operand][axis] != 0) return false;
  }
  return true;
}

Fetch fetch_of(const Job& job, const Operand& operand, DType compute, bool long_rows) {
  const int index = job.input[job.inputs].index;
  const bool in_place = operand.dtype == compute && !operand.is_constant();
  if (in_place && runs_on(job.walk, index)) return Fetch::kDirect;
  if (repeats_by_row(job.walk, index)) {
    if (job.walk.inner_stride(index) == 0) return Fetch::kOnce;
    if (!long_rows && job.walk.rank > 1) return Fetch::kOnce;
  }
  if (in_place && long_rows && job.walk.inner_stride(index) == 1) return Fetch::kDirect;
  return Fetch::kGather;
}

Tiling tiling_of(const Walk& walk, bool long_rows, bool all_direct) {
  const int64_t inner = walk.inner();
  Tiling tiling;
  tiling.within_rows = long_rows;
  tiling.per_row = 1;
  if (long_rows) {
    tiling.length = least(inner, all_direct ? kDirectTile : kTile);
    tiling.per_row = ceil_div(inner, tiling.length);
    tiling.count = walk.size / inner * tiling.per_row;
    return tiling;
  }
  tiling.length = all_direct ? kDirectTile : walk.rank > 1 ? kTile / inner * inner : kTile;
  tiling.count = ceil_div(walk.size, tiling.length);
  return tiling;
}

void gather(const Job& job, const Input& input, int64_t start, int64_t count, char* tile) {
  const Walk& walk = job.walk;
  const int64_t inner = walk.inner(), stride = walk.inner_stride(input.index);
  Place place(walk, start);
  int64_t left = walk.rank == 0 ? 1 : inner - place.at[walk.rank - 1];
  for (int64_t done = 0; done < count;) {
    const int64_t n = least(left, count - done);
    const char* from = input.data + place.offset(walk, input.index) * input.item;
    input.convert(tile + done * job.compute_item, 1, from, stride, n);
    done += n;
    left = inner;
    place.next_row(walk);
  }
}

HEBB_INLINE int64_t direct_offset(const Job& job, const Input& input, int64_t start) {
  if (!job.tiling.within_rows || runs_on(job.walk, input.index)) return start;
  return Place(job.walk, start).offset(job.walk, input.index);
}

// Tiles first..last-1, on one thread.
void run_tiles(const Job& job, int64_t first, int64_t last) {
  alignas(64) char tiles[kMaxInputs + 1][kTile * sizeof(double)];
  const void* in[kMaxInputs];
  const Walk& walk = job.walk;
  const int64_t inner = walk.inner();
  for (int k = 0; k < job.inputs; ++k) {
    in[k] = tiles[k];
    if (job.input[k].fetch == Fetch::kOnce) {
      // Row-periodic contents start at the first column of any row; a tile never exceeds the index space.
      gather(job, job.input[k], 0, least(job.tiling.length, walk.size), tiles[k]);
    }
  }
  for (int64_t tile = first; tile < last; ++tile) {
    const int64_t start = job.tiling.start(tile, inner), count = job.tiling.size(tile, inner, walk.size);
    for (int k = 0; k < job.inputs; ++k) {
      const Input& input = job.input[k];
      if (input.fetch == Fetch::kDirect) in[k] = input.data + direct_offset(job, input, start) * input.item;
      if (input.fetch == Fetch::kGather) gather(job, input, start, count, tiles[k]);
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
  job.compute_item = item_size(compute);

  const Operand& y = command[0];
  job.out = y.as<char>();
  job.out_item = item_size(y.dtype);
  const bool stored_by_formula = command.slot->traits.predicate || y.dtype == compute;
  job.convert_out = stored_by_formula ? nullptr : convert_row(y.dtype, compute);

  const bool long_rows = job.walk.rank > 1 && job.walk.inner() >= kTile;
  bool all_direct = stored_by_formula;
  for (job.inputs = 0; job.inputs < command.operand_count - 1; ++job.inputs) {
    const Operand& operand = command[job.inputs + 1];
    Input& input = job.input[job.inputs];
    input.index = job.inputs + 1;
    input.data = operand.as<char>();
    if (operand.is_constant()) {
      // Rounded to its own dtype, as memory would have been.
      convert_row(operand.dtype, DType::kF64)(input.constant, 1, &operand.constant, 1, 1);
      input.data = input.constant;
    }
    input.item = item_size(operand.dtype);
    input.convert = convert_row(compute, operand.dtype);
    input.fetch = fetch_of(job, operand, compute, long_rows);
    all_direct = all_direct && input.fetch == Fetch::kDirect;
  }
  job.tiling = tiling_of(job.walk, long_rows, all_direct);

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

// Attention on the tile unit of AMX, laid over the kernels of AVX-512: which commands it takes, by their
// precision and shape alone. Softmax, its gradient and all sums are f32.
//
// Parts of heads whose values are not all finite are computed in f32 instead: what tiles hold beside them
// would make NaN of an infinity.
#include "kernels/attention.h"

#if defined(__AVX512F__)

#include "kernels/cpu/amx_heads.h"
#include "kernels/cpu/attention_product.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

using namespace amx;
using heads::Part;
using stream::Command;
using stream::Context;

stream::Kernel plain_attention, plain_attention_grad;

// How many terms the unit multiplies with; 0 where it is not for the command: fewer queries, keys or columns
// than a tile has leave most of it idle.
int terms_of(const Sizes& s, const Command& command) {
  const int terms = command[0].dtype == DType::kF32
                        ? terms_of_precision(command.param<AttentionParams>().precision, false)
                        : 0;
  const bool fills = s.queries >= kSide && s.keys >= kDepth && s.depth >= kSide && s.width >= kSide;
  return fills ? terms : 0;
}

// Queries in one task: keys and values are split and packed anew for each, so the more the better, where
// there are still tasks for all threads.
int64_t task_queries(const Sizes& s) {
  constexpr int64_t kMostQueries = 512, kTasks = 32;
  int64_t rows = heads::kTaskQueries;
  while (rows < kMostQueries && s.count * ceil_div(s.queries, 2 * rows) >= kTasks) rows *= 2;
  return rows;
}

template <class Unit, int kTerms>
bool attend_in_tiles(const Command& command, const Sizes& s, const Part& part,
                     const ForwardTiles<kTerms>& space) {
  const heads::ForwardMatrices<float> m(command, part.head);
  TileForward<Unit, kTerms> product(s, m, space);
  const heads::Forward<float, TileForward<Unit, kTerms>> forward{s, m, space.running, product};
  forward.run(part.first, part.rows);
  return product.end();
}

template <class Unit, int kTerms>
void run_attention(const Command& command, Context& context, const Sizes& s) {
  const int64_t rows = task_queries(s), parts = ceil_div(s.queries, rows);
  ForwardTiles<kTerms> tiles(s, rows);
  const int64_t bytes = most(bytes_to_carve([&](Carver& carver) { tiles.carve(carver); }),
                             heads::space_bytes<heads::ForwardSpace, float>(s));
  const int64_t work = least(s.queries, rows) * s.keys * (heads::kWeightCost + s.depth + s.width) / 32;
  parallel_items(context, s.count * parts, task_grain(work), [&](int64_t item, int thread) {
    const int64_t head = item / parts, first = item % parts * rows, last = least(s.queries, first + rows);
    char* memory = context.scratch<char>(thread, bytes);
    ForwardTiles<kTerms> own = tiles;
    Carver carver{memory};
    own.carve(carver);
    if (attend_in_tiles<Unit, kTerms>(command, s, {head, first, last - first}, own)) return;
    for (int64_t i = first; i < last; i += heads::kTaskQueries) {
      heads::attend<float>(command, s, {head, i, least(heads::kTaskQueries, last - i)}, memory);
    }
  });
}

template <class Unit, int kTerms>
bool pull_in_tiles(const Command& command, const Sizes& s, int64_t head, const BackwardTiles<kTerms>& space) {
  const heads::BackwardMatrices<float> m(command, head);
  TileBackward<Unit, kTerms> product(s, m, space);
  const heads::Backward<float, TileBackward<Unit, kTerms>> backward{s, m, space.deltas, product};
  backward.run();
  return product.end();
}

template <class Unit, int kTerms>
void run_attention_grad(const Command& command, Context& context, const Sizes& s) {
  BackwardTiles<kTerms> tiles(s);
  const int64_t bytes = most(bytes_to_carve([&](Carver& carver) { tiles.carve(carver, s); }),
                             heads::space_bytes<heads::BackwardSpace, float>(s));
  const int64_t work = s.queries * s.keys * (heads::kWeightCost + s.depth + s.width) / 12;
  parallel_items(context, s.count, task_grain(work), [&](int64_t head, int thread) {
    char* memory = context.scratch<char>(thread, bytes);
    BackwardTiles<kTerms> own = tiles;
    Carver carver{memory};
    own.carve(carver, s);
    if (pull_in_tiles<Unit, kTerms>(command, s, head, own)) return;
    heads::pull<float>(command, s, head, memory);
  });
}

template <class Unit>
void attention_kernel(const Command& command, Context& context) {
  const Sizes s(command[2], command[4], command.param<AttentionParams>());
  const int terms = terms_of(s, command);
  if (terms == 0) return plain_attention(command, context);
  terms == 1 ? run_attention<Unit, 1>(command, context, s) : run_attention<Unit, 2>(command, context, s);
}

template <class Unit>
void attention_grad_kernel(const Command& command, Context& context) {
  const Sizes s(command[3], command[5], command.param<AttentionParams>());
  const int terms = terms_of(s, command);
  if (terms == 0) return plain_attention_grad(command, context);
  terms == 1 ? run_attention_grad<Unit, 1>(command, context, s)
             : run_attention_grad<Unit, 2>(command, context, s);
}

template <class Unit>
void lay_over() {
  plain_attention = attention.cpu;
  plain_attention_grad = attention_grad.cpu;
  attention.cpu = &attention_kernel<Unit>;
  attention_grad.cpu = &attention_grad_kernel<Unit>;
}

}  // namespace

void fill_amx_attention(bool emulated) { emulated ? lay_over<EmulatedAmx>() : lay_over<Amx>(); }

}  // namespace hebb::kernels::HEBB_ISA

#endif

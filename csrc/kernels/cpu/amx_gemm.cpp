// Matrix products on the tile unit of AMX, laid over the kernels of AVX-512: which commands it takes, by
// their precision and shape alone. All others go to the kernels that were there before.
#include "kernels/gemm.h"
#include "kernels/panels.h"

#if defined(__AVX512F__)

#include "kernels/cpu/amx_nest.h"
#include "kernels/cpu/gemm_run.h"
#include "kernels/cpu/tasks.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

using namespace amx;

stream::Kernel plain_gemm;
stream::Packing (*plain_packing)(const stream::Command& command);
bool (*plain_totals)(const stream::Command& command);

// Multiply-adds that pay for packing both operands into tiles and for taking the unit into use.
constexpr int64_t kLeastWork = int64_t{1} << 18;

// How many terms the unit would multiply the command with; 0 where it is not for it. Fewer rows or columns
// than a tile has, or less depth, leave most of it idle. For f32 it has to be `asked` for.
int possible_terms(const stream::Command& command, bool asked) {
  const int terms = terms_of_precision(command.param<GemmParams>().precision, asked);
  if (terms == 0 || command[0].dtype != DType::kF32) return 0;
  const Batch batch(command[0], command[1], command[2]);
  if (batch.m < kSide || batch.n < kSide || batch.k < kDepth) return 0;
  return batch.m * batch.n * batch.k >= kLeastWork ? terms : 0;
}

// With how many it does.
int terms_of(const stream::Command& command) {
  const int64_t method = command.param<GemmParams>().method;
  return method == kGemmFma ? 0 : possible_terms(command, method == kGemmTiles);
}

stream::MethodChoice choice(const stream::Command& command) {
  const bool possible = possible_terms(command, true) > 0;
  return {1u << kGemmFma | (possible ? 1u << kGemmTiles : 0),
          possible_terms(command, false) > 0 ? kGemmTiles : kGemmFma};
}

template <class Unit, int kTerms>
void run_split(const stream::Command& command, stream::Context& context) {
  const Batch batch(command[0], command[1], command[2]);
  const auto& params = command.param<GemmParams>();
  const bool packed = command[2].in_panels;
  run_products<float>(command, context, batch, [&](int64_t index) {
    int64_t a, b;
    batch.offsets(index, &a, &b);
    return SplitProduct<Unit, kTerms>{
        batch.m,
        batch.n,
        batch.k,
        {command[1].as<float>() + a, batch.a_row, batch.a_k},
        {command[2].as<float>() + (packed ? 0 : b), batch.b_k, batch.b_column},
        {command[0].as<float>() + index * batch.m * batch.n, batch.n},
        {false, params.has_bias ? command[3].as<float>() : nullptr, params.activation},
        packed ? command[2].as<const uint16_t>() : nullptr};
  });
}

template <class Unit>
void gemm_kernel(const stream::Command& command, stream::Context& context) {
  switch (command[0].size() == 0 ? 0 : terms_of(command)) {
    case 1:
      return run_split<Unit, 1>(command, context);
    case 2:
      return run_split<Unit, 2>(command, context);
    case 3:
      return run_split<Unit, 3>(command, context);
    default:
      return plain_gemm(command, context);
  }
}

template <int kTerms>
void pack_kernel(const stream::Command& command, stream::Context& context) {
  const stream::Operand& from = command[1];
  const TilePanels<kTerms> tiles{command[0].as<uint16_t>(), from.shape[2], from.shape[1]};
  const int64_t k_blocks = tiles.blocks();
  parallel_items(
      context, tiles.panels() * k_blocks, task_grain(kBlockDepth<kTerms> * kBand), [&](int64_t item, int) {
        const int64_t panel = item / k_blocks, block = item % k_blocks;
        const int64_t k0 = tile::cut(tiles.depth, k_blocks, block, kDepth);
        const int64_t k1 = tile::cut(tiles.depth, k_blocks, block + 1, kDepth);
        const int64_t left = tiles.columns - panel * kBand;
        *tiles.finite(panel, block) = pack_band<kTerms, Order::kPairs>(
            from.as<const float>(), from.strides[2], from.strides[1], panel * kBand,
            static_cast<int>(left < kBand ? left : kBand), k0, k1 - k0, tiles.panel(panel, k0 / kDepth));
      });
}

// Packing takes a larger part of a product's time than where it is multiplied in f32: more rows still gain.
constexpr int64_t kMostPackedRows = 4096;

stream::Packing packing(const stream::Command& command) {
  const int terms = terms_of(command);
  if (terms == 0) return plain_packing(command);
  const Batch batch(command[0], command[1], command[2]);
  stream::Packing result;
  if (command[2].in_panels || batch.count * batch.m > kMostPackedRows) return result;
  for (int i = 0; i < batch.axes; ++i) {
    if (batch.extents[i] != 1 && batch.b_strides[i] != 0) return result;
  }
  result.operand = 2;
  result.slot = &pack_tiles[terms - 1];
  result.source = command[2];
  result.source.rank = 3;
  const int64_t shape[] = {1, batch.k, batch.n}, strides[] = {0, batch.b_k, batch.b_column};
  for (int i = 0; i < 3; ++i) result.source.shape[i] = shape[i], result.source.strides[i] = strides[i];
  result.dtype = DType::kBF16;
  result.size = terms == 1   ? TilePanels<1>{nullptr, batch.n, batch.k}.size()
                : terms == 2 ? TilePanels<2>{nullptr, batch.n, batch.k}.size()
                             : TilePanels<3>{nullptr, batch.n, batch.k}.size();
  return result;
}

// The tile unit adds onto what a tile holds, in one order: no two products make one here.
bool totals(const stream::Command& command) { return terms_of(command) == 0 && plain_totals(command); }

template <class Unit>
void lay_over() {
  plain_gemm = gemm.cpu;
  plain_packing = gemm.packing;
  plain_totals = gemm.totals;
  gemm.cpu = &gemm_kernel<Unit>;
  gemm.packing = &packing;
  gemm.totals = &totals;
  gemm.choice = &choice;
  pack_tiles[0].cpu = &pack_kernel<1>;
  pack_tiles[1].cpu = &pack_kernel<2>;
  pack_tiles[2].cpu = &pack_kernel<3>;
}

}  // namespace

void fill_amx_gemm(bool emulated) { emulated ? lay_over<EmulatedAmx>() : lay_over<Amx>(); }

}  // namespace hebb::kernels::HEBB_ISA

#endif

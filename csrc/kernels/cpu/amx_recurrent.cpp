// Recurrences in bf16 on the tile unit of AMX, laid over the kernels of AVX-512. Gates, states and all that
// is kept of a step are f32; what the weight is multiplied with is a bf16 copy of the state.
//
// 'high' is left to f32: a step overwrites what it read, so there is no second way for values that are not
// finite, which a single term needs none for.
#include "kernels/recurrent.h"

#if defined(__AVX512F__)

#include "kernels/cpu/amx_tiles.h"
#include "kernels/cpu/carver.h"
#include "kernels/cpu/recurrent_steps.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

using namespace amx;

HEBB_INLINE __mmask16 lanes_of(const AllLanes<float>&) { return 0xffff; }
HEBB_INLINE __mmask16 lanes_of(const SomeLanes<float>& lanes) { return first(static_cast<int>(lanes.n)); }

HEBB_INLINE void store_bf16(V<float> x, uint16_t* to, __mmask16 there) {
  const __m512i words = _mm512_srli_epi32(round_to_bf16<false>((__m512)x.raw), 16);
  _mm512_mask_cvtepi32_storeu_epi16(to, there, words);
}

// As PanelProduct; the states lie there twice, as f32 and as rows of bf16 that are tiles as they lie.
template <class Unit>
class TileProduct {
 public:
  static constexpr int kRows = kBand;
  using Session = Unit;

  TileProduct(Context& context, const stream::Operand& weight, const WeightView& view, int64_t batch)
      : gates_(view.shape[0]),
        depth_(view.shape[1]),
        columns_(view.shape[2]),
        batch_(batch),
        stride_(state_stride<float>(depth_)),
        items_(steps() * kDepth + (steps() % 16 == 0 ? kDepth : 0)) {
    carve_scratch(context, [&](Carver& carver) { carve(carver); });
    pack(context, weight.as<const float>(), view);
  }

  void start(const float* h0) const {
    spread_rows(states_, stride_, h0, batch_, depth_);
    spread_rows<float>(states_ + batch_ * stride_, stride_, nullptr, batch_, depth_);
    // What is behind a row is multiplied with zeros, and must be a number.
    for (int64_t i = 0; i < 2 * copy_size(); ++i) copies_[i] = 0;
    for (int64_t row = 0; row < batch_; ++row) {
      for_channels<float>(depth_, [&](int64_t k, auto lanes) {
        store_bf16(lanes.load(states_ + row * stride_ + k), copies_ + row * items_ + k, lanes_of(lanes));
      });
    }
  }

  HEBB_INLINE int64_t blocks() const { return ceil_div(columns_, kBand); }
  HEBB_INLINE int64_t columns_in(int64_t block) const { return least(kBand, columns_ - block * kBand); }
  HEBB_INLINE int64_t row_work() const { return columns_ * gates_ * (depth_ / 8 + tile::kStoreWork); }
  HEBB_INLINE int64_t stride() const { return stride_; }
  HEBB_INLINE float* state(int64_t step) const { return states_ + step % 2 * batch_ * stride_; }

  template <class Lanes>
  HEBB_INLINE void keep(const Lanes& lanes, V<float> value, int64_t step, int64_t row, int64_t k) const {
    lanes.store(value, state(step) + row * stride_ + k);
    store_bf16(value, copy(step) + row * items_ + k, lanes_of(lanes));
  }

  void multiply(Unit& unit, int64_t step, const StateTile& at, int gates, float* sums,
                int64_t row_step) const {
    const Tiles a{copy(step) + at.row * items_, 0, kSide * items_, 2 * items_, kDepth};
    for (int gate = 0; gate < gates; ++gate) {
      const Tiles b = packed_tiles<1>(weights_ + (at.block * gates_ + gate) * steps() * kBandItems);
      multiply_band<Unit, 1>(unit, a, b, steps(), at.rows, static_cast<int>(columns_in(at.block)),
                             sums + gate * kBand, row_step, false);
    }
  }

 private:
  HEBB_INLINE int64_t steps() const { return ceil_div(depth_, kDepth); }
  // The last tile reads on behind the last row.
  HEBB_INLINE int64_t copy_size() const { return (batch_ + kBand) * items_; }
  HEBB_INLINE uint16_t* copy(int64_t step) const { return copies_ + step % 2 * copy_size(); }

  void carve(Carver& carver) {
    states_ = carver.take<float>(2 * batch_ * stride_);
    copies_ = carver.take<uint16_t>(2 * copy_size());
    weights_ = carver.take<uint16_t>(blocks() * gates_ * steps() * kBandItems);
  }

  void pack(Context& context, const float* weight, const WeightView& view) const {
    context.parallel(blocks() * gates_, [&](int64_t item, int) {
      const int64_t block = item / gates_, gate = item % gates_;
      pack_band<1, Order::kPairs>(weight + gate * view.strides[0], view.strides[2], view.strides[1],
                                  block * kBand, static_cast<int>(columns_in(block)), 0, depth_,
                                  weights_ + item * steps() * kBandItems);
    });
  }

  int64_t gates_, depth_, columns_, batch_, stride_, items_;
  float* states_ = nullptr;
  uint16_t *copies_ = nullptr, *weights_ = nullptr;
};

// Rows and units that fill a tile.
template <bool kForward>
bool takes(const Command& command) {
  const stream::Operand& weight = command[sequence_weight(command, kForward)];
  return command.param<RecurrentParams>().precision == kPrecisionBf16 && command[0].dtype == DType::kF32 &&
         command[0].shape[0] >= kSide && weight.shape[1] >= kDepth;
}

template <stream::Slot& kSlot>
stream::Kernel plain_kernel;
template <stream::Slot& kSlot>
stream::Packing (*plain_packing)(const Command& command);

template <class Unit, class Cell, stream::Slot& kSlot>
void forward_kernel(const Command& command, Context& context) {
  if (!takes<true>(command)) return plain_kernel<kSlot>(command, context);
  forward<float, Cell, TileProduct<Unit>>(command, context);
}
template <class Unit, class Cell, stream::Slot& kSlot>
void gradient_kernel(const Command& command, Context& context) {
  if (!takes<false>(command)) return plain_kernel<kSlot>(command, context);
  backward<float, Cell, TileProduct<Unit>>(command, context);
}

// The weight is packed in each call: little beside the steps.
template <stream::Slot& kSlot, bool kForward>
stream::Packing packing(const Command& command) {
  return takes<kForward>(command) ? stream::Packing{} : plain_packing<kSlot>(command);
}

template <stream::Slot& kSlot, bool kForward>
void lay_over(stream::Kernel kernel) {
  plain_kernel<kSlot> = kSlot.cpu;
  plain_packing<kSlot> = kSlot.packing;
  kSlot.cpu = kernel;
  kSlot.packing = &packing<kSlot, kForward>;
}

template <class Unit, class Cell, class CellGrad, stream::Slot& kForward, stream::Slot& kGradient>
void lay_over_both() {
  lay_over<kForward, true>(&forward_kernel<Unit, Cell, kForward>);
  lay_over<kGradient, false>(&gradient_kernel<Unit, CellGrad, kGradient>);
}

template <class Unit>
void lay_over_all() {
  lay_over_both<Unit, RnnCell<float>, RnnCellGrad<float>, rnn_sequence, rnn_sequence_grad>();
  lay_over_both<Unit, LstmCell<float>, LstmCellGrad<float>, lstm_sequence, lstm_sequence_grad>();
  lay_over_both<Unit, GruCell<float>, GruCellGrad<float>, gru_sequence, gru_sequence_grad>();
}

}  // namespace

void fill_amx_recurrent(bool emulated) { emulated ? lay_over_all<EmulatedAmx>() : lay_over_all<Amx>(); }

}  // namespace hebb::kernels::HEBB_ISA

#endif

// The recurrent kernels, in f32 and f64.
#include "kernels/recurrent.h"

#include "kernels/cpu/recurrent_steps.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

template <class F>
void with_type(const Command& command, F&& f) {
  if (command[0].dtype == DType::kF64) {
    f(double{});
  } else {
    f(float{});
  }
}

template <template <class> class Cell>
void sequence_kernel(const Command& command, Context& context) {
  with_type(command, [&](auto zero) {
    using T = decltype(zero);
    forward<T, Cell<T>, PanelProduct<T>>(command, context);
  });
}

template <template <class> class Cell>
void grad_kernel(const Command& command, Context& context) {
  with_type(command, [&](auto zero) {
    using T = decltype(zero);
    backward<T, Cell<T>, PanelProduct<T>>(command, context);
  });
}

// The weight of h as every step reads it.
template <bool kForward>
stream::Packing sequence_packing(const Command& command) {
  const int weight = sequence_weight(command, kForward);
  const int64_t hidden = command[weight].shape[1], gates = command[weight].shape[0] / hidden;
  const WeightView view = kForward ? forward_view(hidden, gates) : backward_view(hidden, gates);
  const int64_t rows = command[0].shape[0] * command[0].shape[1];
  return tile::packing_of(command, weight, rows, view.shape, view.strides);
}

void fill_slots(stream::Slot& forward, stream::Kernel kernel, stream::Slot& gradient, stream::Kernel back) {
  forward.cpu = kernel;
  forward.packing = &sequence_packing<true>;
  gradient.cpu = back;
  gradient.packing = &sequence_packing<false>;
}

}  // namespace

void fill_recurrent() {
  fill_slots(rnn_sequence, &sequence_kernel<RnnCell>, rnn_sequence_grad, &grad_kernel<RnnCellGrad>);
  fill_slots(lstm_sequence, &sequence_kernel<LstmCell>, lstm_sequence_grad, &grad_kernel<LstmCellGrad>);
  fill_slots(gru_sequence, &sequence_kernel<GruCell>, gru_sequence_grad, &grad_kernel<GruCellGrad>);
}

}  // namespace hebb::kernels::HEBB_ISA

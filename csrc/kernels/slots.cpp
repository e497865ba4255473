#include "kernels/slots.h"

#include "kernels/attention.h"
#include "kernels/conv.h"
#include "kernels/copy.h"
#include "kernels/elementwise.h"
#include "kernels/fused.h"
#include "kernels/gemm.h"
#include "kernels/index.h"
#include "kernels/norm.h"
#include "kernels/optimizer.h"
#include "kernels/panels.h"
#include "kernels/pool.h"
#include "kernels/random.h"
#include "kernels/recurrent.h"
#include "kernels/reduce.h"
#include "kernels/softmax.h"

namespace hebb::kernels {

const std::vector<stream::Slot*>& all_slots() {
  static const std::vector<stream::Slot*> slots = {
#define HEBB_SLOT(name, formula, ...) &kernels::name,
      HEBB_FORMULAS(HEBB_SLOT) HEBB_PREDICATES(HEBB_SLOT)
#undef HEBB_SLOT
          & attention,
      &attention_grad,
      &conv2d,
      &conv2d_input_grad,
      &conv2d_weight_grad,
      &copy,
      &copy_into,
      &assign,
      &arange,
      &fused,
      &gemm,
      &gemm_total,
      &take,
      &index_add,
      &gather,
      &scatter_add,
      &one_hot,
      &layer_norm,
      &layer_norm_grad,
      &batch_norm,
      &batch_norm_eval,
      &batch_norm_grad,
      &batch_norm_update,
      &sgd_step,
      &adam_step,
      &pack_panels,
      &pack_tiles[0],
      &pack_tiles[1],
      &pack_tiles[2],
      &max_pool2d,
      &max_pool2d_grad,
      &max_pool2d_pick,
      &avg_pool2d,
      &avg_pool2d_grad,
      &uniform,
      &normal,
      &bernoulli,
      &randint,
      &dropout,
      &rnn_sequence,
      &lstm_sequence,
      &gru_sequence,
      &rnn_sequence_grad,
      &lstm_sequence_grad,
      &gru_sequence_grad,
      &sum,
      &deviation,
      &square_deviation,
      &max,
      &min,
      &argmax,
      &argmin,
      &cumsum,
      &softmax,
      &log_softmax,
      &softmax_grad,
      &log_softmax_grad,
      &cross_entropy,
      &cross_entropy_grad};
  return slots;
}

}  // namespace hebb::kernels

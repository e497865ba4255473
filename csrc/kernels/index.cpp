// The slots of indexing: names, traits and what their guards say.
#include "kernels/index.h"

namespace hebb::kernels {

// Operands are x and the indices, or the indices alone; what is checked is the indices.
#define HEBB_INDEX_SLOT(slot, inputs, place)                                                        \
  stream::Slot slot{                                                                                \
      .name = #slot,                                                                                \
      .traits = {.min_inputs = inputs, .guard = true},                                              \
      .fault_text = #slot ": index {value} at position {position} is out of range; use 0..{limit}", \
      .checked = place};

HEBB_INDEX_SLOT(take, 2, 2)
HEBB_INDEX_SLOT(index_add, 2, 2)
HEBB_INDEX_SLOT(gather, 2, 2)
HEBB_INDEX_SLOT(scatter_add, 2, 2)
HEBB_INDEX_SLOT(one_hot, 1, 1)

#undef HEBB_INDEX_SLOT

}  // namespace hebb::kernels

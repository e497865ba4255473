// The slots of indexing: names, traits and what their guards say.
#include "kernels/index.h"

namespace hebb::kernels {

#define HEBB_INDEX_FAULT(op) op ": index {value} at position {position} is out of range; use 0..{limit}"

stream::Slot take{"take", {.min_inputs = 2, .guard = true}, nullptr, HEBB_INDEX_FAULT("take"), nullptr, 2};
stream::Slot index_add{
    "index_add", {.min_inputs = 2, .guard = true}, nullptr, HEBB_INDEX_FAULT("index_add"), nullptr, 2};
stream::Slot gather{"gather", {.min_inputs = 2, .guard = true}, nullptr, HEBB_INDEX_FAULT("gather"), nullptr,
                    2};
stream::Slot scatter_add{
    "scatter_add", {.min_inputs = 2, .guard = true}, nullptr, HEBB_INDEX_FAULT("scatter_add"), nullptr, 2};
stream::Slot one_hot{
    "one_hot", {.min_inputs = 1, .guard = true}, nullptr, HEBB_INDEX_FAULT("one_hot"), nullptr, 1};

#undef HEBB_INDEX_FAULT

}  // namespace hebb::kernels

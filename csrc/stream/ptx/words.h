// The random words of elements: word i % 4 of block i / 4 of core/random.h.
#pragma once

#include "stream/ptx/writer.h"

namespace hebb::stream {

// Of element `index` (64 bits).
PtxValue ptx_word(PtxWriter& writer, const PtxValue& seed, const PtxValue& counter, const PtxValue& index);
// The four of block `block` (64 bits), counted from the first element.
std::array<PtxValue, 4> ptx_words(PtxWriter& writer, const PtxValue& seed, const PtxValue& counter,
                                  const PtxValue& block);

}  // namespace hebb::stream

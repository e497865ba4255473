// How items of consecutive elements come from memory and go there: sixteen bytes or less at once.
#pragma once

#include <string>
#include <vector>

#include "stream/ptx/writer.h"

namespace hebb::stream {

// The opcode that reads one element, and the class of register it reads into.
std::string ptx_load_opcode(DType dtype);

// `width` elements from `address` on, as values of `dtype`.
std::vector<PtxValue> ptx_load(PtxWriter& writer, DType dtype, const PtxValue& address, int width);
void ptx_store(PtxWriter& writer, DType dtype, const PtxValue& address, const std::vector<PtxValue>& values);

}  // namespace hebb::stream

// One value from any dtype to any other, as kernels/convert.h does it.
#pragma once

#include "stream/ptx/writer.h"

namespace hebb::stream {

PtxValue ptx_convert(PtxWriter& writer, const PtxValue& value, DType from, DType to);

}  // namespace hebb::stream

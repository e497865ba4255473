// Runs a test body once for every instruction set of the machine, with the kernels of that set in the slots.
#pragma once

#include <vector>

#include "device/cpu/isa.h"
#include "kernels/fill.h"

namespace hebb::testing {

template <class F>
void for_each_isa(F&& body) {
  for (auto isa : {stream::Isa::kV2, stream::Isa::kAvx2, stream::Isa::kAvx512, stream::Isa::kNeon}) {
    if (!cpu::supports(isa)) continue;
    kernels::fill(isa);
    body();
  }
}

// The tile units of the machine: its own, and the emulated one.
inline std::vector<stream::Isa> tile_isas() {
  std::vector<stream::Isa> isas;
  for (auto isa : {stream::Isa::kAmx, stream::Isa::kAmxEmulated})
    if (cpu::supports(isa)) isas.push_back(isa);
  return isas;
}

}  // namespace hebb::testing

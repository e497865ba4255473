// Runs a test body once for every instruction set of the machine, with the kernels of that set in the slots,
// or for every way there is to run kernels: those, and the CUDA kernels on the emulator.
#pragma once

#include <vector>

#include "check.h"
#include "device/cpu/isa.h"
#include "kernels/cuda/emulator.h"
#include "kernels/cuda/fill.h"
#include "kernels/cuda/races.h"
#include "kernels/fill.h"

namespace hebb::testing {

// What a test of the CPU's kernels comes to where they are missing.
inline void skip_without_cpu_kernels() {
  if (kernels::cuda::races::kChecked) throw Skip{"the race checker has no kernels of the CPU"};
}

template <class F>
void for_each_isa([[maybe_unused]] F&& body) {
  skip_without_cpu_kernels();
#if !defined(HEBB_RACES)
  for (auto isa : {stream::Isa::kV2, stream::Isa::kAvx2, stream::Isa::kAvx512, stream::Isa::kNeon}) {
    if (!cpu::supports(isa)) continue;
    kernels::fill(isa);
    body();
  }
#endif
}

#if defined(__x86_64__)
// The order in which the CUDA emulator runs threads while `run` runs CUDA kernels; null while it runs those
// of the CPU.
inline const kernels::cuda::emulator::Order*& cuda_order() {
  static const kernels::cuda::emulator::Order* order = nullptr;
  return order;
}
#endif

// Whether kernels run on the emulator, which takes smaller sizes.
inline bool on_emulator() {
#if defined(__x86_64__)
  return cuda_order() != nullptr;
#else
  return false;
#endif
}

// For slots that have CUDA kernels too.
template <class F>
void for_each_device(F&& body) {
#if !defined(HEBB_RACES)
  for_each_isa(body);
#endif
#if defined(__x86_64__)
  using kernels::cuda::emulator::Order;
  kernels::cuda::fill();
  for (const Order order : {Order::kShuffled, Order::kForward, Order::kBackward}) {
    // Races are found in any order.
    if (kernels::cuda::races::kChecked && order != Order::kShuffled) continue;
    cuda_order() = &order;
    body();
    cuda_order() = nullptr;
  }
#endif
}

// The tile units of the machine: its own, and the emulated one.
inline std::vector<stream::Isa> tile_isas() {
  std::vector<stream::Isa> isas;
  for (auto isa : {stream::Isa::kAmx, stream::Isa::kAmxEmulated})
    if (cpu::supports(isa)) isas.push_back(isa);
  return isas;
}

}  // namespace hebb::testing

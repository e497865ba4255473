// Runs kernels in PTX on the CPU: the part of the language that stream/ptx writes, strictly. What it does not
// know, a register of another type, an address that is not aligned, is an error that names the line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "kernels/cuda/emulator.h"
#include "kernels/cuda/grid.h"
#include "kernels/cuda/ptx_code.h"

namespace hebb::kernels::cuda::emulator {

// Memory that a kernel may touch.
struct PtxMemory {
  const void* data;
  size_t bytes;
};

class PtxModule {
 public:
  explicit PtxModule(const std::string& text);

  // Every thread of the grid, one after the other in this order. Where `memory` is given, no other is
  // touched.
  void run(const std::string& entry, const Grid& grid, Order order, const void* arguments, size_t bytes,
           const std::vector<PtxMemory>* memory = nullptr) const;

 private:
  std::map<std::string, PtxKernel> kernels_;
};

}  // namespace hebb::kernels::cuda::emulator

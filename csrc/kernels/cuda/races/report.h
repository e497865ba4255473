// Places in the program, for reports.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hebb::kernels::cuda::races {

struct CodePlace {
  std::string function;  // "transpose<float>"
  std::string line;      // "csrc/kernels/cuda/copy.cu:75", and from where that is inlined
};

// Where each address is; the address itself where nobody knows more.
std::vector<CodePlace> places_of(const std::vector<uintptr_t>& addresses);

}  // namespace hebb::kernels::cuda::races

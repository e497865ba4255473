// The kernel that packs weights ahead of their products.
#include "kernels/cpu/panels.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

template <class T, class S>
void pack(const stream::Command& command, stream::Context& context) {
  const stream::Operand& from = command[1];
  const tile::Panels<T> panels{command[0].as<T>(), from.shape[2], from.shape[0], from.shape[1]};
  panels.pack(context, from.as<const S>(), from.strides[0], from.strides[1], from.strides[2]);
}

void pack_kernel(const stream::Command& command, stream::Context& context) {
  switch (command[1].dtype) {
    case DType::kF64:
      return pack<double, double>(command, context);
    case DType::kF16:
      return pack<float, F16>(command, context);
    case DType::kBF16:
      return pack<float, BF16>(command, context);
    default:
      return pack<float, float>(command, context);
  }
}

}  // namespace

void fill_panels() { pack_panels.cpu = &pack_kernel; }

}  // namespace hebb::kernels::HEBB_ISA

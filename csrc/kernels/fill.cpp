// Chooses among the namespaces that kernels/cpu is compiled into, one per instruction set.
#include "kernels/fill.h"

namespace hebb::kernels {

#define HEBB_DECLARE(family) void fill_##family();
#define HEBB_CALL(family) fill_##family();
#define HEBB_TABLE(isa)                                 \
  namespace isa {                                       \
  HEBB_KERNEL_FAMILIES(HEBB_DECLARE)                    \
  static void all() { HEBB_KERNEL_FAMILIES(HEBB_CALL) } \
  }

#if defined(__x86_64__)
HEBB_TABLE(v2)
HEBB_TABLE(avx2)
HEBB_TABLE(avx512)

namespace avx512 {
void fill_amx_gemm(bool emulated);
void fill_amx_conv(bool emulated);
void fill_amx_recurrent(bool emulated);
void fill_amx_attention(bool emulated);
}  // namespace avx512

void fill(stream::Isa isa) {
  if (isa == stream::Isa::kAmx || isa == stream::Isa::kAmxEmulated) {
    avx512::all();
    const bool emulated = isa == stream::Isa::kAmxEmulated;
    avx512::fill_amx_gemm(emulated);
    avx512::fill_amx_conv(emulated);
    avx512::fill_amx_recurrent(emulated);
    return avx512::fill_amx_attention(emulated);
  }
  if (isa == stream::Isa::kAvx512) return avx512::all();
  if (isa == stream::Isa::kAvx2) return avx2::all();
  v2::all();
}
#else
HEBB_TABLE(neon)

void fill(stream::Isa) { neon::all(); }
#endif

}  // namespace hebb::kernels

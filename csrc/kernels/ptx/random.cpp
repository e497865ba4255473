// The slots that draw.
#include "kernels/random.h"

#include "kernels/ptx/fill.h"
#include "kernels/ptx/number.h"

namespace hebb::kernels::ptx {
namespace {

// in: x, the word. A word's uniform of 24 bits is below p exactly when its upper 24 bits are below p 2^24,
// rounded up.
template <class T>
PtxValue emit_dropout(PtxWriter& writer, const PtxValue* in) {
  recorder = &writer;
  const Number<double> kept = Number<double>(1) - Number<double>(writer.scalar(0));
  const Number<int32_t> limit = made<int32_t>("cvt.rpi.s32.f64", kept * Number<double>(0x1p24));
  const PtxValue inverse = (Number<double>(1) / kept).known();
  const Number<T> scale(stream::ptx_convert(writer, inverse, DType::kF64, Named<T>::kDType));
  const Number<int32_t> bits = made<int32_t>("shr.u32", Number<int32_t>(in[1]), Number<int32_t>(8));
  return select(bits < limit, Number<T>(in[0]) * scale, Number<T>(0)).known();
}

}  // namespace

void fill_random() {
  kernels::dropout.emit[0] = &emit_dropout<float>;
  kernels::dropout.emit[1] = &emit_dropout<double>;
}

}  // namespace hebb::kernels::ptx

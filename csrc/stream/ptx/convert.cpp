// Conversions as PTX: by its own instructions where they round and saturate as ours do, else by arithmetic.
#include "stream/ptx/convert.h"

namespace hebb::stream {

namespace {

using T = PtxType;

// Round to nearest even; a NaN stays one.
PtxValue bf16_of(PtxWriter& w, const PtxValue& value) {
  const PtxValue bits = w.append(T::kB32, "mov.b32", {value});
  const PtxValue high = w.append(T::kB32, "shr.u32", {bits, PtxValue::of(16)});
  const PtxValue odd = w.append(T::kB32, "and.b32", {high, PtxValue::of(1)});
  const PtxValue bias = w.append(T::kB32, "add.u32", {bits, PtxValue::of(0x7fff)});
  const PtxValue sum = w.append(T::kB32, "add.u32", {bias, odd});
  const PtxValue rounded = w.append(T::kB32, "shr.u32", {sum, PtxValue::of(16)});
  const PtxValue quiet = w.append(T::kB32, "or.b32", {high, PtxValue::of(0x40)});
  const PtxValue is_nan = w.append(T::kPred, "setp.neu.f32", {value, value});
  return w.append(T::kB32, "selp.b32", {quiet, rounded, is_nan});
}

// f32 with its last bit set where digits were lost: rounding that to a bf16 rounds the double once.
PtxValue narrow_to_odd(PtxWriter& w, const PtxValue& value) {
  const PtxValue cut = w.append(T::kF32, "cvt.rz.f32.f64", {value});
  const PtxValue back = w.append(T::kF64, "cvt.f64.f32", {cut});
  const PtxValue inexact = w.append(T::kPred, "setp.ne.f64", {back, value});
  const PtxValue bits = w.append(T::kB32, "mov.b32", {cut});
  const PtxValue odd = w.append(T::kB32, "or.b32", {bits, PtxValue::of(1)});
  return w.append(T::kF32, "mov.b32", {w.append(T::kB32, "selp.b32", {odd, bits, inexact})});
}

PtxValue bool_of(PtxWriter& w, const PtxValue& value) {
  PtxValue is;
  switch (value.type) {
    case T::kF32:
      is = w.append(T::kPred, "setp.neu.f32", {value, PtxValue::of(0.0f)});
      break;
    case T::kF64:
      is = w.append(T::kPred, "setp.neu.f64", {value, PtxValue::of(0.0)});
      break;
    case T::kB64:
      is = w.append(T::kPred, "setp.ne.s64", {value, PtxValue::of(int64_t{0})});
      break;
    default:
      is = w.append(T::kPred, "setp.ne.s32", {value, PtxValue::of(0)});
  }
  return w.append(T::kB32, "selp.b32", {PtxValue::of(1), PtxValue::of(0), is});
}

// PTX saturates; what it makes of a NaN depends on the types.
PtxValue integer_of(PtxWriter& w, const PtxValue& value, DType to) {
  const bool wide = value.type == T::kF64;
  if (to == DType::kI64) {
    const PtxValue whole = w.append(T::kB64, wide ? "cvt.rzi.s64.f64" : "cvt.rzi.s64.f32", {value});
    const PtxValue number = w.append(T::kPred, wide ? "setp.eq.f64" : "setp.eq.f32", {value, value});
    return w.append(T::kB64, "selp.b64", {whole, PtxValue::of(int64_t{0}), number});
  }
  PtxValue whole = w.append(T::kB32, wide ? "cvt.rzi.s32.f64" : "cvt.rzi.s32.f32", {value});
  if (to == DType::kU8) {
    whole = w.append(T::kB32, "max.s32", {whole, PtxValue::of(0)});
    return w.append(T::kB32, "min.s32", {whole, PtxValue::of(255)});
  }
  const PtxValue number = w.append(T::kPred, wide ? "setp.eq.f64" : "setp.eq.f32", {value, value});
  return w.append(T::kB32, "selp.b32", {whole, PtxValue::of(0), number});
}

PtxValue double_of(PtxWriter& w, const PtxValue& value) {
  if (value.type == T::kF64) return value;
  const char* opcode = value.type == T::kF32   ? "cvt.f64.f32"
                       : value.type == T::kB64 ? "cvt.rn.f64.s64"
                                               : "cvt.rn.f64.s32";
  return w.append(T::kF64, opcode, {value});
}

PtxValue float_of(PtxWriter& w, const PtxValue& value) {
  const char* opcode = value.type == T::kF64   ? "cvt.rn.f32.f64"
                       : value.type == T::kB64 ? "cvt.rn.f32.s64"
                                               : "cvt.rn.f32.s32";
  return w.append(T::kF32, opcode, {value});
}

// From the compute types.
PtxValue stored(PtxWriter& w, const PtxValue& value, DType from, DType to) {
  switch (to) {
    case DType::kF32:
      return from == to ? value : float_of(w, value);
    case DType::kF64:
      return double_of(w, value);
    case DType::kF16:
      if (from == DType::kF32) return w.append(T::kB16, "cvt.rn.f16.f32", {value});
      return w.append(T::kB16, "cvt.rn.f16.f64", {double_of(w, value)});
    case DType::kBF16:
      return bf16_of(w, from == DType::kF32 ? value : narrow_to_odd(w, double_of(w, value)));
    case DType::kBool:
      return bool_of(w, value);
    default:
      break;
  }
  if (is_float(from)) return integer_of(w, value, to);
  if (to == DType::kI64) return from == to ? value : w.append(T::kB64, "cvt.s64.s32", {value});
  const PtxValue low = from == DType::kI64 ? w.append(T::kB32, "cvt.u32.u64", {value}) : value;
  return to == DType::kU8 ? w.append(T::kB32, "and.b32", {low, PtxValue::of(255)}) : low;
}

}  // namespace

PtxValue ptx_convert(PtxWriter& writer, const PtxValue& value, DType from, DType to) {
  if (from == to) return value;
  if (from == DType::kF16)
    return stored(writer, writer.append(T::kF32, "cvt.f32.f16", {value}), DType::kF32, to);
  if (from == DType::kBF16) {
    const PtxValue bits = writer.append(T::kB32, "shl.b32", {value, PtxValue::of(16)});
    return stored(writer, writer.append(T::kF32, "mov.b32", {bits}), DType::kF32, to);
  }
  // u8 and bool lie in 32 bits already.
  return stored(writer, value, compute_type(from), to);
}

}  // namespace hebb::stream

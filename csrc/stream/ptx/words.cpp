// Philox4x32-10 as PTX.
#include "stream/ptx/words.h"

namespace hebb::stream {

namespace {

using T = PtxType;

PtxValue word(uint32_t value) { return PtxValue::of(static_cast<int32_t>(value)); }

PtxValue plus(PtxWriter& w, const PtxValue& a, const PtxValue& b) {
  return w.append(T::kB32, "add.u32", {a, b});
}
PtxValue mixed(PtxWriter& w, const PtxValue& a, const PtxValue& b, const PtxValue& c) {
  return w.append(T::kB32, "xor.b32", {w.append(T::kB32, "xor.b32", {a, b}), c});
}

}  // namespace

std::array<PtxValue, 4> ptx_words(PtxWriter& w, const PtxValue& seed, const PtxValue& counter,
                                  const PtxValue& block) {
  const PtxValue key = w.load_once(T::kB64, "ld.global.b64", seed, 0);
  const PtxValue base = w.load_once(T::kB64, "ld.global.b64", seed, 8);
  const PtxValue first = w.append(T::kB64, "add.u64", {base, counter});
  auto [c0, c1] = w.halves(w.append(T::kB64, "add.u64", {first, block}));
  PtxValue c2 = word(0), c3 = word(0);
  // Read in the loops, so that the keys of ten rounds are not kept through them.
  auto [k0, k1] = w.halves(key);
  for (int round = 0; round < 10; ++round) {
    const auto p0 = w.halves(w.append(T::kB64, "mul.wide.u32", {c0, word(0xD2511F53u)}));
    const PtxValue wide = w.append(T::kB64, "mul.wide.u32", {c2, word(0xCD9E8D57u)});
    const auto p1 = w.halves(wide);
    c0 = mixed(w, p1[1], c1, k0);
    c2 = mixed(w, p0[1], c3, k1);
    c1 = p1[0];
    c3 = p0[0];
    if (round == 9) break;
    k0 = plus(w, k0, word(0x9E3779B9u));
    k1 = plus(w, k1, word(0xBB67AE85u));
  }
  return {c0, c1, c2, c3};
}

PtxValue ptx_word(PtxWriter& w, const PtxValue& seed, const PtxValue& counter, const PtxValue& index) {
  const auto words = ptx_words(w, seed, counter, w.append(T::kB64, "shr.u64", {index, PtxValue::of(2)}));
  const PtxValue place = w.append(T::kB32, "cvt.u32.u64", {index});
  const auto bit = [&](int mask) {
    const PtxValue part = w.append(T::kB32, "and.b32", {place, PtxValue::of(mask)});
    return w.append(T::kPred, "setp.ne.s32", {part, PtxValue::of(0)});
  };
  const PtxValue odd = bit(1), second = bit(2);
  const PtxValue low = w.append(T::kB32, "selp.b32", {words[1], words[0], odd});
  const PtxValue high = w.append(T::kB32, "selp.b32", {words[3], words[2], odd});
  return w.append(T::kB32, "selp.b32", {high, low, second});
}

}  // namespace hebb::stream

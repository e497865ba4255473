// Elements of 4 and 8 bytes lie in registers of their own, smaller ones share one of 32 bits.
#include "stream/ptx/memory.h"

namespace hebb::stream {

namespace {

using T = PtxType;

std::string suffix_of(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return "f32";
    case DType::kF64:
      return "f64";
    case DType::kF16:
      return "b16";
    case DType::kBF16:
      return "u16";
    case DType::kI32:
      return "b32";
    case DType::kI64:
      return "b64";
    default:
      return "u8";
  }
}

// "%r1", or "{%r1, %r2}", and the part of the opcode that says so.
struct List {
  std::string vector, text;
};
List list_of(const std::vector<PtxValue>& values) {
  if (values.size() == 1) return {"", values[0].text()};
  std::string text;
  for (const PtxValue& value : values) text += (text.empty() ? "{" : ", ") + value.text();
  return {".v" + std::to_string(values.size()), text + '}'};
}

void load(PtxWriter& w, const std::string& suffix, const std::vector<PtxValue>& to, const PtxValue& address) {
  const List list = list_of(to);
  w.line("ld.global" + list.vector + '.' + suffix + ' ' + list.text + ", [" + address.text() + ']');
}
void store(PtxWriter& w, const std::string& suffix, const std::vector<PtxValue>& from,
           const PtxValue& address) {
  const List list = list_of(from);
  w.line("st.global" + list.vector + '.' + suffix + " [" + address.text() + "], " + list.text);
}

std::vector<PtxValue> fresh(PtxWriter& w, PtxType type, int count) {
  std::vector<PtxValue> values;
  for (int i = 0; i < count; ++i) values.push_back(w.fresh(type));
  return values;
}

// Bytes of one element beside each other in 32 bits; a store cuts off what lies above.
PtxValue field(PtxWriter& w, const PtxValue& word, int bit, int bits) {
  PtxValue part = word;
  if (bit > 0) part = w.append(T::kB32, "shr.u32", {part, PtxValue::of(bit)});
  if (bit + bits < 32) part = w.append(T::kB32, "and.b32", {part, PtxValue::of((1 << bits) - 1)});
  return part;
}

// The elements that share one word.
void unpack(PtxWriter& w, DType dtype, const PtxValue& word, int count, std::vector<PtxValue>& to) {
  if (dtype == DType::kF16) {
    const auto pair = w.halves(word);
    to.insert(to.end(), pair.begin(), pair.end());
    return;
  }
  const int bits = static_cast<int>(8 * item_size(dtype));
  for (int i = 0; i < count; ++i) to.push_back(field(w, word, i * bits, bits));
}
PtxValue pack(PtxWriter& w, DType dtype, const PtxValue* values, int count) {
  if (dtype == DType::kF16) return w.joined(values[0], values[1]);
  PtxValue word = values[0];
  for (int i = 1; i < count; ++i) {
    const auto bit = static_cast<int32_t>(8 * item_size(dtype) * i);
    const PtxValue moved = w.append(T::kB32, "shl.b32", {values[i], PtxValue::of(bit)});
    word = w.append(T::kB32, "or.b32", {word, moved});
  }
  return word;
}

// Words of an item whose elements share them, elements of each, and the opcode's type.
struct Sharing {
  int words, each;
  const char* suffix;
};
Sharing sharing_of(DType dtype, int width) {
  const int bytes = width * static_cast<int>(item_size(dtype));
  if (bytes < 4) return {1, width, "u16"};
  return {bytes / 4, width * 4 / bytes, "b32"};
}

}  // namespace

std::string ptx_load_opcode(DType dtype) { return "ld.global." + suffix_of(dtype); }

std::vector<PtxValue> ptx_load(PtxWriter& writer, DType dtype, const PtxValue& address, int width) {
  if (width == 1 || item_size(dtype) >= 4) {
    const auto values = fresh(writer, ptx_type(dtype), width);
    load(writer, suffix_of(dtype), values, address);
    return values;
  }
  const Sharing sharing = sharing_of(dtype, width);
  const auto words = fresh(writer, T::kB32, sharing.words);
  load(writer, sharing.suffix, words, address);
  std::vector<PtxValue> values;
  for (const PtxValue& word : words) unpack(writer, dtype, word, sharing.each, values);
  return values;
}

void ptx_store(PtxWriter& writer, DType dtype, const PtxValue& address, const std::vector<PtxValue>& values) {
  const int width = static_cast<int>(values.size());
  if (width == 1 || item_size(dtype) >= 4) return store(writer, suffix_of(dtype), values, address);
  const Sharing sharing = sharing_of(dtype, width);
  std::vector<PtxValue> words;
  for (int i = 0; i < sharing.words; ++i)
    words.push_back(pack(writer, dtype, values.data() + i * sharing.each, sharing.each));
  store(writer, sharing.suffix, words, address);
}

}  // namespace hebb::stream

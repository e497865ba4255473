// Registers, sections and the frame of a kernel.
#include "stream/ptx/writer.h"

#include <algorithm>

#include "core/error.h"

namespace hebb::stream {

namespace {

constexpr const char* kSuffixes[] = {"pred", "b16", "b32", "b64", "f32", "f64"};
constexpr const char* kLetters = "phrlfd";

// The opcode that loads bits as they are, by the class of the register.
const char* load_of(PtxType type) {
  switch (type) {
    case PtxType::kB32:
      return "ld.param.b32";
    case PtxType::kF64:
      return "ld.param.f64";
    default:
      return "ld.param.b64";
  }
}

std::string listed(std::initializer_list<PtxValue> values) {
  std::string text;
  for (const PtxValue& value : values) text += (text.empty() ? "" : ", ") + value.text();
  return text;
}

uint64_t hash_of(const std::string& text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

}  // namespace

PtxValue PtxWriter::fresh(PtxType type) {
  PtxValue value;
  value.type = type;
  value.bits = static_cast<uint64_t>(registers_[static_cast<int>(type)]++);
  return value;
}

PtxValue PtxWriter::append(PtxType type, const char* opcode, std::initializer_list<PtxValue> in) {
  const bool once = std::all_of(in.begin(), in.end(), [](const PtxValue& value) { return value.once; });
  if (once) return append_once(type, opcode, listed(in));
  const PtxValue value = fresh(type);
  loops_ += std::string("  ") + opcode + ' ' + value.text() + ", " + listed(in) + ";\n";
  return value;
}

PtxValue PtxWriter::append_once(PtxType type, const std::string& opcode, const std::string& operands) {
  const auto [place, added] = known_.try_emplace(opcode + ' ' + operands);
  if (!added) return place->second;
  PtxValue value = fresh(type);
  value.once = true;
  once_ += "  " + opcode + ' ' + value.text() + ", " + operands + ";\n";
  return place->second = value;
}

std::array<PtxValue, 2> PtxWriter::halves(const PtxValue& value) {
  const bool words = value.type == PtxType::kB64;
  const PtxValue low = fresh(words ? PtxType::kB32 : PtxType::kB16), high = fresh(low.type);
  line(std::string(words ? "mov.b64" : "mov.b32") + " {" + low.text() + ", " + high.text() + "}, " +
       value.text());
  return {low, high};
}

PtxValue PtxWriter::joined(const PtxValue& low, const PtxValue& high) {
  const bool words = low.type == PtxType::kB32;
  const PtxValue value = fresh(words ? PtxType::kB64 : PtxType::kB32);
  line(std::string(words ? "mov.b64 " : "mov.b32 ") + value.text() + ", {" + low.text() + ", " + high.text() +
       "}");
  return value;
}

void PtxWriter::line(const std::string& text) { loops_ += "  " + text + ";\n"; }
void PtxWriter::label(const std::string& name) { loops_ += name + ":\n"; }
std::string PtxWriter::fresh_label() { return "L" + std::to_string(labels_++); }

PtxValue PtxWriter::argument(PtxField field, int index, int sub, PtxType type) {
  const PtxArgument which{field, static_cast<uint8_t>(index), static_cast<uint8_t>(sub)};
  const auto found = std::find(arguments_.begin(), arguments_.end(), which);
  const auto at = found - arguments_.begin();
  if (found == arguments_.end()) arguments_.push_back(which);
  return append_once(type, load_of(type), "[arguments+" + std::to_string(8 * at) + "]");
}

PtxValue PtxWriter::load_once(PtxType type, const char* opcode, const PtxValue& address, int offset) {
  return append_once(type, opcode, '[' + address.text() + '+' + std::to_string(offset) + ']');
}

PtxValue PtxWriter::special(const char* name) { return append_once(PtxType::kB32, "mov.u32", name); }

std::string PtxWriter::finish(int threads, std::string* entry) const {
  std::string body;
  for (int type = 0; type < 6; ++type) {
    if (registers_[type] > 0)
      body += text("  .reg .%s %%%c<%d>;\n", kSuffixes[type], kLetters[type], registers_[type]);
  }
  body += once_ + loops_;
  *entry = text("fused_%016llx", static_cast<unsigned long long>(hash_of(body)));
  return text(
             ".version 7.0\n.target sm_75\n.address_size 64\n"
             ".visible .entry %s(\n  .param .align 8 .b8 arguments[%zu]\n)\n.maxntid %d, 1, 1\n{\n",
             entry->c_str(), 8 * arguments_.size(), threads) +
         body + "}\n";
}

}  // namespace hebb::stream

// Reads modules of PTX line by line, as stream/ptx writes them.
#include <cstdlib>
#include <cstring>
#include <sstream>

#include "core/error.h"
#include "kernels/cuda/ptx_code.h"

namespace hebb::kernels::cuda::emulator {

namespace {

constexpr const char* kSpecial[] = {"%tid.x", "%ntid.x", "%ctaid.x", "%nctaid.x"};

// Bytes in memory of a type, and the registers that may hold it.
struct MemoryType {
  const char* name;
  int bytes;
  const char* letters;
};
constexpr MemoryType kMemoryTypes[] = {{"u8", 1, "r"},  {"u16", 2, "r"}, {"b16", 2, "h"}, {"b32", 4, "r"},
                                       {"b64", 8, "l"}, {"f32", 4, "f"}, {"f64", 8, "d"}};

class Parser {
 public:
  explicit Parser(const std::string& text) : text_(text) {}

  std::map<std::string, PtxKernel> run() {
    expect(".version 7.0");
    expect(".target sm_75");
    expect(".address_size 64");
    while (next()) read_kernel();
    return std::move(kernels_);
  }

 private:
  [[noreturn]] void fail(const std::string& why) const {
    throw Error(ErrorKind::kInternal, "ptx",
                "line " + std::to_string(number_) + ": " + why + ": \"" + line_ + '"');
  }

  // The next line, without what surrounds it.
  bool next() {
    std::string raw;
    do {
      if (!std::getline(text_, raw)) return false;
      ++number_;
      const size_t begin = raw.find_first_not_of(' '), end = raw.find_last_not_of(' ');
      line_ = begin == std::string::npos ? "" : raw.substr(begin, end - begin + 1);
    } while (line_.empty());
    return true;
  }
  void need() {
    if (!next()) fail("the text ends");
  }
  void expect(const char* line) {
    need();
    if (line_ != line) fail(std::string("expected \"") + line + '"');
  }

  void read_kernel() {
    char name[64];
    int count = 0, threads = 0, end = 0;
    if (std::sscanf(line_.c_str(), ".visible .entry %63[a-zA-Z0-9_](%n", name, &end) != 1 || end == 0)
      fail("expected a kernel");
    need();
    end = 0;
    if (std::sscanf(line_.c_str(), ".param .align 8 .b8 arguments[%d]%n", &count, &end) != 1 || end == 0)
      fail("expected the block of arguments");
    if (count > 4096) fail("more than 4096 bytes of arguments");
    expect(")");
    need();
    end = 0;
    if (std::sscanf(line_.c_str(), ".maxntid %d, 1, 1%n", &threads, &end) != 1 || end == 0)
      fail("expected .maxntid");
    expect("{");
    kernel_ = {};
    kernel_.argument_bytes = static_cast<size_t>(count);
    kernel_.most_threads = threads;
    declared_.clear();
    labels_.clear();
    branches_.clear();
    for (need(); line_ != "}"; need()) read_line();
    for (const auto& [at, label] : branches_) {
      if (!labels_.contains(label)) fail("no label " + label);
      kernel_.code[static_cast<size_t>(at)].target = labels_[label];
    }
    if (!kernels_.emplace(name, std::move(kernel_)).second) fail(std::string("a second ") + name);
  }

  void read_line() {
    if (line_.back() == ':') {
      const std::string label = line_.substr(0, line_.size() - 1);
      if (!labels_.emplace(label, static_cast<int>(kernel_.code.size())).second) fail("a second label");
      return;
    }
    if (line_.back() != ';') fail("expected a semicolon");
    if (line_.starts_with(".reg ")) return declare();
    read_instruction(line_.substr(0, line_.size() - 1));
  }

  void declare() {
    constexpr const char* kTypes[] = {"pred p", "b16 h", "b32 r", "b64 l", "f32 f", "f64 d"};
    char type[8], letter = 0;
    int count = 0, end = 0;
    if (std::sscanf(line_.c_str(), ".reg .%7[a-z0-9] %%%c<%d>;%n", type, &letter, &count, &end) != 3 ||
        end == 0)
      fail("not a declaration");
    const std::string both = std::string(type) + ' ' + letter;
    for (const char* known : kTypes) {
      if (both != known) continue;
      if (!declared_.emplace(letter, Declared{kernel_.registers, count}).second) fail("declared twice");
      kernel_.registers += count;
      return;
    }
    fail("registers of another type");
  }

  PtxArgumentUse use(const std::string& word) const {
    PtxArgumentUse made;
    for (size_t i = 0; i < 4; ++i) {
      if (word == kSpecial[i]) return {PtxArgumentUse::kSpecial, 'r', i};
    }
    char* end = nullptr;
    if (word.starts_with("%") && word.size() > 2) {
      const auto found = declared_.find(word[1]);
      const int index = static_cast<int>(std::strtol(word.c_str() + 2, &end, 10));
      if (*end != 0 || found == declared_.end() || index < 0 || index >= found->second.count)
        fail("no register " + word);
      return {PtxArgumentUse::kRegister, word[1], static_cast<uint64_t>(found->second.first + index)};
    }
    made.kind = PtxArgumentUse::kImmediate;
    const bool f32 = word.starts_with("0f"), f64 = word.starts_with("0d");
    if ((f32 && word.size() != 10) || (f64 && word.size() != 18)) fail("not a number: " + word);
    if (f32) made.letter = 'f';
    if (f64) made.letter = 'd';
    made.bits = f32 || f64 ? std::strtoull(word.c_str() + 2, &end, 16) : std::strtoull(word.c_str(), &end, 0);
    if (word.empty() || *end != 0) fail("not an operand: " + word);
    return made;
  }

  // "{%r1, %r2}" or "%r1".
  std::vector<PtxArgumentUse> uses(std::string list) const {
    if (list.starts_with("{")) {
      if (list.back() != '}') fail("an open list");
      list = list.substr(1, list.size() - 2);
    }
    std::vector<PtxArgumentUse> made;
    for (const std::string& word : split(list)) made.push_back(use(word));
    return made;
  }

  // At commas outside braces.
  static std::vector<std::string> split(const std::string& list) {
    std::vector<std::string> parts(1);
    int depth = 0;
    for (const char c : list) {
      depth += (c == '{') - (c == '}');
      if (c == ',' && depth == 0) {
        parts.emplace_back();
      } else if (c != ' ' || !parts.back().empty()) {
        parts.back() += c;
      }
    }
    return parts;
  }

  void read_instruction(std::string text) {
    PtxInstruction made;
    made.line = number_;
    if (text[0] == '@') {
      const size_t space = text.find(' ');
      made.unless = text[1] == '!';
      const PtxArgumentUse guard = use(text.substr(made.unless ? 2 : 1, space - (made.unless ? 2 : 1)));
      if (guard.kind != PtxArgumentUse::kRegister || guard.letter != 'p') fail("not a predicate");
      made.guard = static_cast<int>(guard.bits);
      text = text.substr(space + 1);
    }
    const size_t space = text.find(' ');
    const std::string opcode = text.substr(0, space);
    const auto operands =
        space == std::string::npos ? std::vector<std::string>{} : split(text.substr(space + 1));
    fill(made, opcode, operands);
    kernel_.code.push_back(std::move(made));
  }

  void fill(PtxInstruction& made, const std::string& opcode, const std::vector<std::string>& operands) {
    if (opcode == "ret") {
      if (!operands.empty()) fail("operands of ret");
      made.kind = PtxInstruction::kReturn;
    } else if (opcode == "bra") {
      if (operands.size() != 1) fail("a branch has one target");
      made.kind = PtxInstruction::kBranch;
      branches_.emplace_back(kernel_.code.size(), operands[0]);
    } else if (opcode.starts_with("ld.") || opcode.starts_with("st.")) {
      read_move(made, opcode, operands);
    } else if (operands.size() == 2 && (operands[0][0] == '{' || operands[1][0] == '{')) {
      read_halves(made, opcode, operands);
    } else {
      if (operands.size() < 2) fail("too few operands");
      made.to = uses(operands[0]);
      for (size_t i = 1; i < operands.size(); ++i) made.from.push_back(use(operands[i]));
      std::string types(1, made.to[0].letter);
      for (const auto& from : made.from) types += from.letter;
      const PtxOpcode* known = find_ptx_opcode(opcode, types);
      if (known == nullptr) fail("no opcode " + opcode + " for " + types);
      for (size_t i = 0; i < made.from.size(); ++i) {
        const char letter = known->types[i + 1];
        if (made.from[i].letter == '?' && (letter == 'f' || letter == 'd' || letter == 'p'))
          fail("an integer where none belongs");
      }
      made.compute = known->compute;
    }
    for (const auto& to : made.to) {
      if (to.kind != PtxArgumentUse::kRegister) fail("a result that is no register");
    }
  }

  // {low, high} of twice the width.
  void read_halves(PtxInstruction& made, const std::string& opcode,
                   const std::vector<std::string>& operands) {
    made.to = uses(operands[0]);
    made.from = uses(operands[1]);
    const bool splits = made.to.size() == 2;
    made.kind = splits ? PtxInstruction::kSplit : PtxInstruction::kJoin;
    const auto& pair = splits ? made.to : made.from;
    const auto& whole = splits ? made.from : made.to;
    if (pair.size() != 2 || whole.size() != 1 || pair[0].letter != pair[1].letter) fail("not two halves");
    made.bytes = opcode == "mov.b64" ? 4 : 2;
    const std::string types{whole[0].letter, pair[0].letter};
    if (types != (made.bytes == 4 ? "lr" : "rh") || (made.bytes == 2 && opcode != "mov.b32"))
      fail("halves of other types");
  }

  // ld.param, ld.global and st.global, with [base+offset].
  void read_move(PtxInstruction& made, const std::string& opcode, const std::vector<std::string>& operands) {
    if (operands.size() != 2) fail("a move has two operands");
    std::vector<std::string> parts;
    std::stringstream stream(opcode);
    for (std::string part; std::getline(stream, part, '.');) parts.push_back(part);
    const bool store = parts[0] == "st", parameter = parts.size() > 1 && parts[1] == "param";
    if (parts.size() < 3 || (parts[1] != "global" && (store || !parameter))) fail("no opcode " + opcode);
    made.kind = store       ? PtxInstruction::kStore
                : parameter ? PtxInstruction::kLoadParameter
                            : PtxInstruction::kLoad;
    const std::string& list = operands[store ? 1 : 0];
    std::string place = operands[store ? 0 : 1];
    auto& values = store ? made.from : made.to;
    values = uses(list);
    const bool vector = parts.size() == 4;
    if (parts.size() > 4 || values.size() != (vector ? static_cast<size_t>(parts[2][1] - '0') : 1))
      fail("another number of values");
    if (vector && parts[2] != "v2" && parts[2] != "v4") fail("no such vector");
    const MemoryType* type = nullptr;
    for (const MemoryType& known : kMemoryTypes) {
      if (parts.back() == known.name) type = &known;
    }
    if (type == nullptr) fail("no opcode " + opcode);
    for (const auto& value : values) {
      if (value.kind == PtxArgumentUse::kRegister && !std::strchr(type->letters, value.letter))
        fail("a register of another type");
      if (value.kind == PtxArgumentUse::kSpecial) fail("a special register");
    }
    made.bytes = type->bytes;
    read_address(made, place, parameter);
  }

  void read_address(PtxInstruction& made, const std::string& place, bool parameter) {
    if (place.size() < 3 || place[0] != '[' || place.back() != ']') fail("not an address");
    const std::string inside = place.substr(1, place.size() - 2);
    const size_t plus = inside.find('+');
    const std::string base = inside.substr(0, plus);
    if (plus != std::string::npos) made.offset = std::strtoll(inside.c_str() + plus + 1, nullptr, 10);
    if (parameter) {
      const auto end = static_cast<size_t>(made.offset + made.bytes);
      if (base != "arguments" || end > kernel_.argument_bytes || made.offset % made.bytes != 0)
        fail("beyond the arguments");
      return;
    }
    const PtxArgumentUse address = use(base);
    if (address.kind != PtxArgumentUse::kRegister || address.letter != 'l') fail("not an address");
    made.from.insert(made.from.begin(), address);
  }

  struct Declared {
    int first, count;
  };

  std::stringstream text_;
  std::string line_;
  int number_ = 0;
  std::map<std::string, PtxKernel> kernels_;

  // Of the kernel that is being read.
  PtxKernel kernel_;
  std::map<char, Declared> declared_;
  std::map<std::string, int> labels_;
  std::vector<std::pair<size_t, std::string>> branches_;
};

}  // namespace

std::map<std::string, PtxKernel> parse_ptx(const std::string& text) { return Parser(text).run(); }

}  // namespace hebb::kernels::cuda::emulator

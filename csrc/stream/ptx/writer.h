// PtxWriter: the text of a kernel while it grows. What depends on no element goes before the loops by itself,
// once for all that ask for it.
#pragma once

#include <array>
#include <initializer_list>
#include <string>
#include <unordered_map>
#include <vector>

#include "stream/ptx/arguments.h"
#include "stream/ptx/value.h"

namespace hebb::stream {

class PtxWriter {
 public:
  // `opcode` with a result of `type` and these operands.
  PtxValue append(PtxType type, const char* opcode, std::initializer_list<PtxValue> in);
  // The two halves of a value of 64 bits as 32 bits, of 32 as 16.
  std::array<PtxValue, 2> halves(const PtxValue& value);
  PtxValue joined(const PtxValue& low, const PtxValue& high);

  // A register that nothing is in yet, for what `line` writes.
  PtxValue fresh(PtxType type);
  // Into the loops as it stands; a semicolon is added.
  void line(const std::string& text);
  void label(const std::string& name);
  std::string fresh_label();

  // An argument as 64 bits, of which the low 32 may be asked for alone.
  PtxValue argument(PtxField field, int index = 0, int sub = 0, PtxType type = PtxType::kB64);
  // Parameter k of the formula that is being written.
  PtxValue scalar(int k) { return argument(PtxField::kScalar, instruction_, k, PtxType::kF64); }
  void begin_instruction(int index) { instruction_ = index; }
  // Loads once what lies at a uniform address.
  PtxValue load_once(PtxType type, const char* opcode, const PtxValue& address, int offset);
  // A special register.
  PtxValue special(const char* name);

  // The whole module, and the name of its one kernel, which follows from its text.
  std::string finish(int threads, std::string* entry) const;
  std::vector<PtxArgument> take_arguments() { return std::move(arguments_); }

 private:
  PtxValue append_once(PtxType type, const std::string& opcode, const std::string& operands);

  std::string once_;
  std::string loops_;
  std::unordered_map<std::string, PtxValue> known_;  // what once_ has made, by its text
  std::vector<PtxArgument> arguments_;
  int registers_[6] = {};
  int labels_ = 0;
  int instruction_ = 0;
};

}  // namespace hebb::stream

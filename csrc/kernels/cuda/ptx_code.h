// Kernels in PTX, read: what the interpreter runs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace hebb::kernels::cuda::emulator {

// Registers, immediates and results, all as the low bits of 64.
using PtxCompute = uint64_t (*)(const uint64_t* in);

// The registers of an opcode's result and operands, a letter each: p(red), h(alf) 16 bits, r 32 bits, l(ong)
// 64 bits, f(loat), d(ouble).
struct PtxOpcode {
  const char* name;
  const char* types;
  PtxCompute compute;
};
// Null where there is none of that name for such registers; '?' fits whatever the name allows.
const PtxOpcode* find_ptx_opcode(const std::string& name, const std::string& types);

struct PtxArgumentUse {
  enum Kind { kRegister, kImmediate, kSpecial } kind = kRegister;
  char letter = '?';
  uint64_t bits = 0;  // of an immediate; else which register
};

struct PtxInstruction {
  enum Kind { kCompute, kLoadParameter, kLoad, kStore, kSplit, kJoin, kBranch, kReturn } kind = kCompute;
  int line = 0;
  int guard = -1;  // a predicate, or none
  bool unless = false;
  PtxCompute compute = nullptr;
  std::vector<PtxArgumentUse> to, from;
  int bytes = 0;       // of an element in memory, or of a half
  int64_t offset = 0;  // behind the address
  int target = 0;      // of a branch
};

struct PtxKernel {
  size_t argument_bytes = 0;
  int most_threads = 0;
  int registers = 0;
  std::vector<PtxInstruction> code;
};

// All kernels of a module, by name. Throws Error(kInternal) with the line of what it does not understand.
std::map<std::string, PtxKernel> parse_ptx(const std::string& text);

}  // namespace hebb::kernels::cuda::emulator

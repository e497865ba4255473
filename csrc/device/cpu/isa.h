// Which instruction sets this processor and system can run, and the choice among them (HEBB_ISA forces one).
#pragma once

#include <cstdint>
#include <string>

#include "stream/context.h"

namespace hebb::cpu {

using stream::Isa;

// The CPUID words and the XCR0 register that the x86 decision is made from.
struct CpuFeatures {
  uint32_t leaf1_ecx = 0;
  uint32_t leaf7_ebx = 0;
  uint32_t leaf7_edx = 0;
  uint32_t extended_ecx = 0;     // leaf 0x80000001
  uint64_t xcr0 = 0;             // the registers the system saves: zero without OSXSAVE
  bool tile_permission = false;  // the system gives tile registers to this process
};

CpuFeatures cpu_features();

// Each set includes the lower ones; wide registers count only where the system saves them.
bool supports(const CpuFeatures& features, Isa isa);
bool supports(Isa isa);

// "v2", "avx2", "avx512", "amx", "amx-emulated", "neon", as HEBB_ISA spells them.
const char* isa_name(Isa isa);
bool parse_isa(const char* name, Isa* isa);

// "v2, avx2": what this machine runs, lowest first; "none" below the baseline.
std::string supported_isas();

// Never an emulated one. Throws Error(kDevice) where not even the baseline runs.
Isa best_isa();

// What HEBB_ISA asks for; the best where `wish` is null or empty. Throws Error(kValue) for an unknown name
// and Error(kDevice) for a set that this machine lacks.
Isa choose_isa(const char* wish);

}  // namespace hebb::cpu

// Detection by CPUID and XGETBV; the compiler's own helpers do not say what is missing.
#include "device/cpu/isa.h"

#include <cstring>

#include "core/error.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace hebb::cpu {

namespace {

constexpr Isa kAll[] = {Isa::kV2, Isa::kAvx2, Isa::kAvx512, Isa::kAmx, Isa::kAmxEmulated, Isa::kNeon};

constexpr uint32_t bit(int index) { return uint32_t{1} << index; }

// x86-64-v2: SSE3, SSSE3, CMPXCHG16B, SSE4.1, SSE4.2, POPCNT; LAHF.
constexpr uint32_t kV2Leaf1 = bit(0) | bit(9) | bit(13) | bit(19) | bit(20) | bit(23);
constexpr uint32_t kV2Extended = bit(0);
// x86-64-v3 adds FMA, MOVBE, OSXSAVE, AVX, F16C; BMI1, AVX2, BMI2; LZCNT.
constexpr uint32_t kAvx2Leaf1 = bit(12) | bit(22) | bit(27) | bit(28) | bit(29);
constexpr uint32_t kAvx2Leaf7 = bit(3) | bit(5) | bit(8);
constexpr uint32_t kAvx2Extended = bit(5);
// x86-64-v4 adds AVX-512 F, DQ, CD, BW, VL.
constexpr uint32_t kAvx512Leaf7 = bit(16) | bit(17) | bit(28) | bit(30) | bit(31);
// AMX-BF16 and AMX-TILE.
constexpr uint32_t kAmxLeaf7Edx = bit(22) | bit(24);
// XCR0: xmm and ymm; and the mask registers, the upper halves of zmm0-15, and zmm16-31; and tiles and how
// they are configured.
constexpr uint64_t kYmmState = 0x6;
constexpr uint64_t kZmmState = 0xe6;
constexpr uint64_t kTileState = 0x60000;

template <class T>
bool has(T word, T bits) {
  return (word & bits) == bits;
}

}  // namespace

#if defined(__x86_64__)

namespace {

// Linux saves tile registers only for a process that has asked; all its threads may then use them.
bool ask_for_tiles() {
#if defined(__linux__)
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

}  // namespace

CpuFeatures cpu_features() {
  CpuFeatures features;
  uint32_t a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d)) features.leaf1_ecx = c;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) features.leaf7_ebx = b, features.leaf7_edx = d;
  if (__get_cpuid(0x80000001u, &a, &b, &c, &d)) features.extended_ecx = c;
  if (has(features.leaf1_ecx, bit(27))) {
    uint32_t low = 0, high = 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    features.xcr0 = uint64_t{high} << 32 | low;
  }
  if (has(features.leaf7_edx, kAmxLeaf7Edx) && has(features.xcr0, kTileState))
    features.tile_permission = ask_for_tiles();
  return features;
}

bool supports(Isa isa) {
  static const CpuFeatures features = cpu_features();
  return supports(features, isa);
}

#else  // aarch64, where the baseline has NEON

CpuFeatures cpu_features() { return {}; }

bool supports(Isa isa) { return isa == Isa::kNeon; }

#endif

bool supports(const CpuFeatures& f, Isa isa) {
  switch (isa) {
    case Isa::kV2:
      return has(f.leaf1_ecx, kV2Leaf1) && has(f.extended_ecx, kV2Extended);
    case Isa::kAvx2:
      return supports(f, Isa::kV2) && has(f.leaf1_ecx, kAvx2Leaf1) && has(f.leaf7_ebx, kAvx2Leaf7) &&
             has(f.extended_ecx, kAvx2Extended) && has(f.xcr0, kYmmState);
    case Isa::kAvx512:
      return supports(f, Isa::kAvx2) && has(f.leaf7_ebx, kAvx512Leaf7) && has(f.xcr0, kZmmState);
    case Isa::kAmx:
      return supports(f, Isa::kAvx512) && has(f.leaf7_edx, kAmxLeaf7Edx) && has(f.xcr0, kTileState) &&
             f.tile_permission;
    case Isa::kAmxEmulated:
      return supports(f, Isa::kAvx512);
    case Isa::kNeon:
      return false;
  }
  return false;
}

const char* isa_name(Isa isa) {
  switch (isa) {
    case Isa::kV2:
      return "v2";
    case Isa::kAvx2:
      return "avx2";
    case Isa::kAvx512:
      return "avx512";
    case Isa::kAmx:
      return "amx";
    case Isa::kAmxEmulated:
      return "amx-emulated";
    case Isa::kNeon:
      return "neon";
  }
  return "unknown";
}

bool parse_isa(const char* name, Isa* isa) {
  for (Isa candidate : kAll) {
    if (std::strcmp(name, isa_name(candidate)) != 0) continue;
    *isa = candidate;
    return true;
  }
  return false;
}

std::string supported_isas() {
  std::string names;
  for (Isa isa : kAll) {
    if (supports(isa)) names += (names.empty() ? "" : ", ") + std::string(isa_name(isa));
  }
  return names.empty() ? "none" : names;
}

Isa best_isa() {
  for (Isa isa : {Isa::kAmx, Isa::kAvx512, Isa::kAvx2, Isa::kV2, Isa::kNeon}) {
    if (supports(isa)) return isa;
  }
  throw Error(
      ErrorKind::kDevice, "cpu",
      "this processor is below the baseline x86-64-v2 (SSE4.2, POPCNT); use a machine made after 2009, or "
      "make the hypervisor pass its instruction sets on");
}

Isa choose_isa(const char* wish) {
  if (wish == nullptr || *wish == '\0') return best_isa();
  Isa isa;
  if (!parse_isa(wish, &isa)) {
    throw Error(ErrorKind::kValue, "HEBB_ISA",
                "\"" + std::string(wish) + "\" is not an instruction set; use one of: " + supported_isas());
  }
  if (!supports(isa)) {
    throw Error(ErrorKind::kDevice, "HEBB_ISA",
                std::string(wish) + " does not run on this machine; use one of: " + supported_isas());
  }
  return isa;
}

}  // namespace hebb::cpu

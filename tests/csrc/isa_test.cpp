// Instruction sets: detection from CPUID words, the HEBB_ISA choice; cores and memory from a made-up /proc
// and /sys.
#include "device/cpu/isa.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "check.h"
#include "device/cpu/machine.h"

using namespace hebb;
using namespace hebb::cpu;

namespace {

// A processor that has everything, under a system that saves every register.
CpuFeatures full() {
  CpuFeatures features;
  features.leaf1_ecx = features.leaf7_ebx = features.extended_ecx = ~uint32_t{0};
  features.xcr0 = 0xe7;
  return features;
}

// A folder that stands for the root of the file system.
class FakeRoot {
 public:
  FakeRoot() {
    std::string name = (std::filesystem::temp_directory_path() / "hebb-test-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~FakeRoot() { std::filesystem::remove_all(path_); }
  void write(const std::string& file, const std::string& text) {
    const std::filesystem::path path = path_ + "/" + file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace

TEST(isa_needs_every_feature_and_saved_registers) {
  for (Isa isa : {Isa::kV2, Isa::kAvx2, Isa::kAvx512}) CHECK(supports(full(), isa));
  CHECK(!supports(full(), Isa::kNeon));
  CHECK(!supports(CpuFeatures{}, Isa::kV2));
  CHECK(supports(full(), Isa::kAmxEmulated));
  CHECK(!supports(full(), Isa::kAmx));

  CpuFeatures no_zmm_state = full();
  no_zmm_state.xcr0 = 0x7;
  CHECK(supports(no_zmm_state, Isa::kAvx2));
  CHECK(!supports(no_zmm_state, Isa::kAvx512));

  CpuFeatures no_ymm_state = full();
  no_ymm_state.xcr0 = 0x3;
  CHECK(supports(no_ymm_state, Isa::kV2));
  CHECK(!supports(no_ymm_state, Isa::kAvx2));

  CpuFeatures no_fma = full();
  no_fma.leaf1_ecx &= ~(1u << 12);
  CHECK(supports(no_fma, Isa::kV2));
  CHECK(!supports(no_fma, Isa::kAvx2));
  CHECK(!supports(no_fma, Isa::kAvx512));

  CpuFeatures no_vl = full();
  no_vl.leaf7_ebx &= ~(1u << 31);
  CHECK(supports(no_vl, Isa::kAvx2));
  CHECK(!supports(no_vl, Isa::kAvx512));

  CpuFeatures tiles = full();
  tiles.leaf7_edx = 1u << 22 | 1u << 24;
  tiles.xcr0 |= 0x60000;
  CHECK(!supports(tiles, Isa::kAmx));
  tiles.tile_permission = true;
  CHECK(supports(tiles, Isa::kAmx));
  for (int missing : {22, 24}) {
    CpuFeatures less = tiles;
    less.leaf7_edx &= ~(1u << missing);
    CHECK(!supports(less, Isa::kAmx));
  }
  for (int missing : {17, 18}) {
    CpuFeatures less = tiles;
    less.xcr0 &= ~(uint64_t{1} << missing);
    CHECK(!supports(less, Isa::kAmx));
  }

  CpuFeatures no_popcnt = full();
  no_popcnt.leaf1_ecx &= ~(1u << 23);
  CHECK(!supports(no_popcnt, Isa::kV2));
}

TEST(isa_agrees_with_the_compiler) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  CHECK_EQ(supports(Isa::kV2), __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt"));
  CHECK_EQ(supports(Isa::kAvx2), __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                                     __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2"));
  CHECK_EQ(supports(Isa::kAvx512), __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                                       __builtin_cpu_supports("avx512dq") &&
                                       __builtin_cpu_supports("avx512vl") &&
                                       __builtin_cpu_supports("avx512cd"));
#else
  CHECK(supports(Isa::kNeon));
#endif
  CHECK(supports(best_isa()));
  CHECK(supported_isas().find(isa_name(best_isa())) != std::string::npos);
}

TEST(isa_choice) {
  CHECK_EQ(choose_isa(nullptr), best_isa());
  CHECK_EQ(choose_isa(""), best_isa());
  for (Isa isa : {Isa::kV2, Isa::kAvx2, Isa::kAvx512, Isa::kAmx, Isa::kAmxEmulated, Isa::kNeon}) {
    Isa parsed = isa == Isa::kV2 ? Isa::kNeon : Isa::kV2;
    CHECK(parse_isa(isa_name(isa), &parsed));
    CHECK_EQ(parsed, isa);
    if (supports(isa)) {
      CHECK_EQ(choose_isa(isa_name(isa)), isa);
    } else {
      CHECK_THROWS(choose_isa(isa_name(isa)),
                   "HEBB_ISA: " + std::string(isa_name(isa)) + " does not run on this machine; use one of: ");
    }
  }
  CHECK_THROWS(choose_isa("avx1024"),
               "HEBB_ISA: \"avx1024\" is not an instruction set; use one of: " + supported_isas());
}

TEST(hyperthreads_of_a_core_count_once) {
  FakeRoot root;
  const std::string topology = "sys/devices/system/cpu/cpu";
  for (int cpu : {0, 4})
    root.write(topology + std::to_string(cpu) + "/topology/thread_siblings_list", "0,4\n");
  for (int cpu : {1, 5})
    root.write(topology + std::to_string(cpu) + "/topology/thread_siblings_list", "1,5\n");
  CHECK_EQ(usable_cores({0, 1, 4, 5}, root.path()), 2);
  CHECK_EQ(usable_cores({0, 4}, root.path()), 1);
  // Without topology each processor is a core.
  CHECK_EQ(usable_cores({0, 1, 8, 9}, root.path()), 4);
  CHECK_EQ(usable_cores({}, root.path()), 1);
  CHECK(usable_cores() >= 1);
}

TEST(control_groups_limit_cores_and_memory) {
  FakeRoot root;
  root.write("proc/self/cgroup", "0::/outer/inner\n");
  root.write("sys/fs/cgroup/outer/cpu.max", "350000 100000\n");
  root.write("sys/fs/cgroup/outer/inner/cpu.max", "max 100000\n");
  root.write("sys/fs/cgroup/outer/memory.max", "2000000\n");
  root.write("sys/fs/cgroup/outer/inner/memory.max", "max\n");
  const std::vector<int> eight = {0, 1, 2, 3, 4, 5, 6, 7};
  CHECK_EQ(usable_cores(eight, root.path()), 3);
  CHECK_EQ(usable_memory(1000000000, root.path()), 2000000u);
  CHECK_EQ(usable_memory(1000000, root.path()), 1000000u);

  // A group of less than one core, as a container sees it: its own group is the mounted root.
  FakeRoot container;
  container.write("proc/self/cgroup", "0::/\n");
  container.write("sys/fs/cgroup/cpu.max", "50000 100000\n");
  CHECK_EQ(usable_cores(eight, container.path()), 1);
}

TEST(control_groups_of_version_one) {
  FakeRoot root;
  root.write("proc/self/cgroup", "4:memory:/box\n3:cpu,cpuacct:/box\n2:cpuset:/box\n");
  root.write("sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "200000\n");
  root.write("sys/fs/cgroup/cpu/box/cpu.cfs_period_us", "100000\n");
  root.write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  root.write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  root.write("sys/fs/cgroup/memory/box/memory.limit_in_bytes", "5000000\n");
  CHECK_EQ(usable_cores({0, 1, 2, 3, 4}, root.path()), 2);
  CHECK_EQ(usable_memory(1000000000, root.path()), 5000000u);
}

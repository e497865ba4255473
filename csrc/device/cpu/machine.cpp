// Reads the affinity mask, /sys topology and control groups of version 1 and 2.
#include "device/cpu/machine.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>

namespace hebb::cpu {

namespace {

std::string file_text(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

struct Group {
  std::string root;  // where the hierarchy is mounted
  std::string path;  // "/a/b"; "" for the hierarchy's root
};

// The group of this process: in the unified hierarchy where `controller` is empty, else in the controller's
// own one.
Group find_group(const std::string& root, const std::string& controller) {
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string names = "," + line.substr(first + 1, second - first - 1) + ",";
    if (controller.empty() ? names != ",," : names.find("," + controller + ",") == std::string::npos)
      continue;
    const std::string path = line.substr(second + 1);
    return {root + "/sys/fs/cgroup" + (controller.empty() ? "" : "/" + controller), path == "/" ? "" : path};
  }
  return {};
}

// The smallest limit that `read(folder)` finds from the group up to the root of its hierarchy. Inside a
// container the path may not be visible: then the mounted root, which is the container's own group, is what
// remains.
template <class Read>
double smallest_limit(const Group& group, double limit, Read read) {
  if (group.root.empty()) return limit;
  std::string path = group.path;
  for (;;) {
    limit = std::min(limit, read(group.root + path, limit));
    if (path.empty()) return limit;
    path.resize(path.rfind('/'));
  }
}

double first_number(const std::string& text, double otherwise) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  return end == text.c_str() ? otherwise : value;
}

// "max 100000" or "150000 100000": microseconds of time per period.
double unified_cores(const std::string& folder, double otherwise) {
  const std::string text = file_text(folder + "/cpu.max");
  char* end = nullptr;
  const double quota = std::strtod(text.c_str(), &end);
  if (end == text.c_str()) return otherwise;
  const double period = std::strtod(end, nullptr);
  return quota > 0 && period > 0 ? quota / period : otherwise;
}

double classic_cores(const std::string& folder, double otherwise) {
  const double quota = first_number(file_text(folder + "/cpu.cfs_quota_us"), -1);
  const double period = first_number(file_text(folder + "/cpu.cfs_period_us"), -1);
  return quota > 0 && period > 0 ? quota / period : otherwise;
}

}  // namespace

std::vector<int> allowed_processors() {
  std::vector<int> processors;
  // The kernel refuses a mask smaller than its own.
  for (int limit = 1024; limit <= 1 << 20; limit *= 2) {
    cpu_set_t* set = CPU_ALLOC(static_cast<size_t>(limit));
    if (set == nullptr) break;
    const size_t bytes = CPU_ALLOC_SIZE(static_cast<size_t>(limit));
    const bool known = sched_getaffinity(0, bytes, set) == 0;
    for (int cpu = 0; known && cpu < limit; ++cpu) {
      if (CPU_ISSET_S(static_cast<size_t>(cpu), bytes, set)) processors.push_back(cpu);
    }
    CPU_FREE(set);
    if (known) break;
  }
  return processors;
}

int usable_cores(const std::vector<int>& processors, const std::string& root) {
  std::set<std::string> cores;
  for (int cpu : processors) {
    const std::string name = std::to_string(cpu);
    const std::string siblings =
        file_text(root + "/sys/devices/system/cpu/cpu" + name + "/topology/thread_siblings_list");
    cores.insert(siblings.empty() ? "alone " + name : siblings);
  }
  double limit = std::max<double>(1, static_cast<double>(cores.size()));
  limit = smallest_limit(find_group(root, ""), limit, unified_cores);
  limit = smallest_limit(find_group(root, "cpu"), limit, classic_cores);
  return std::max(1, static_cast<int>(limit));
}

int usable_cores() { return usable_cores(allowed_processors()); }

uint64_t usable_memory(uint64_t physical, const std::string& root) {
  double limit = static_cast<double>(physical);
  limit = smallest_limit(find_group(root, ""), limit, [](const std::string& folder, double otherwise) {
    return first_number(file_text(folder + "/memory.max"), otherwise);
  });
  limit = smallest_limit(find_group(root, "memory"), limit, [](const std::string& folder, double otherwise) {
    return first_number(file_text(folder + "/memory.limit_in_bytes"), otherwise);
  });
  return static_cast<uint64_t>(limit);
}

uint64_t usable_memory() {
  return usable_memory(static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) *
                       static_cast<uint64_t>(sysconf(_SC_PAGESIZE)));
}

}  // namespace hebb::cpu

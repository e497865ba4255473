// What this process may use of the machine: cores and memory, within affinity masks and control groups.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hebb::cpu {

// The processors of the affinity mask.
std::vector<int> allowed_processors();

// Physical cores among `processors` (hyperthreads of one core count once), at most the control group's quota;
// at least
// 1. `root` stands before /proc and /sys, for tests.
int usable_cores(const std::vector<int>& processors, const std::string& root = "");
int usable_cores();

// The smaller of `physical` and the control group's limit, in bytes.
uint64_t usable_memory(uint64_t physical, const std::string& root = "");
uint64_t usable_memory();

}  // namespace hebb::cpu

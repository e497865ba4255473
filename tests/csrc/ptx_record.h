// Keeps fused commands that tests run, with their memory before and after, so that scripts/gpu-check can run
// them on a device.
#pragma once

#include <string>

#include "stream/command.h"

namespace hebb::testing {

// From here on tests record in place of comparing; finish_ptx_record() writes the file. Throws where the
// CPU's kernels are not those that devices are held against.
void start_ptx_record(const std::string& file);
bool is_recording_ptx();
// Returns what was recorded, and what was left out.
std::string finish_ptx_record();

// What a result may be away from the CPU's: units in the last place, or a difference between elements of f64.
struct PtxAllowance {
  std::string what;  // in reports
  double units = 0;
  double absolute = 0;
};
// Runs the command on the CPU, and keeps it.
void record_ptx(const stream::Command& command, const PtxAllowance& allowance);

}  // namespace hebb::testing

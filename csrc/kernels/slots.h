// All slots, for those who look them up by name.
#pragma once

#include <vector>

#include "stream/command.h"

namespace hebb::kernels {

const std::vector<stream::Slot*>& all_slots();

}  // namespace hebb::kernels

// Constant folding: what a recorded step computes from captured tensors alone is computed once, when it is
// recorded.
#pragma once

#include <memory>
#include <vector>

#include "core/storage.h"
#include "stream/program.h"

namespace hebb::stream {

class Stream;

// Runs the commands of `program` that read nothing but constants and captured tensors, and takes them out:
// their results join `captured`. Commands that draw or may fail while running stay, and so do those whose
// result would be large for what it is made of. Returns whether there were any. Throws what allocation
// throws.
bool fold_constants(Stream& stream, Program& program, std::vector<std::shared_ptr<Storage>>& captured);

}  // namespace hebb::stream

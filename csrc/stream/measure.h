// Measuring the methods of a command where steps run: on the executor and its threads.
#pragma once

#include "stream/stream.h"
#include "stream/tuning.h"

namespace hebb::stream {

// Behind everything submitted so far, times each method that can compute `command`, over memory of its own;
// `times`, one for each method of the slot, takes the medians in milliseconds, 0 for what was not measured.
// `done` is called on the executor then; a stream that ends drops it unrun. Throws what allocation throws.
void measure_methods(Stream& stream, const TunableCommand& tunable, int threads, double* times,
                     Stream::Task done);

}  // namespace hebb::stream

// Failures of the C++ heap, for tests of what survives them; operator new is replaced in oom_test.cpp.
#pragma once

namespace hebb::testing {

// Counts down on the thread that set it; the allocation at zero fails. 0 is off.
extern thread_local long heap_fails_at;

}  // namespace hebb::testing

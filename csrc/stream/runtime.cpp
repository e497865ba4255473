#include "stream/runtime.h"

#include <cstring>

#include "core/error.h"

namespace hebb::stream {

std::unique_ptr<Graph> Runtime::capture(const std::function<void()>&) {
  throw Error(ErrorKind::kDevice, "graph", "this device keeps none");
}

bool Runtime::launch(Graph&) { return false; }

void HostRuntime::start() {
  if (start_ != nullptr) start_();
}

Fault HostRuntime::run(const Command& command, int threads) {
  Context context(threads_(threads));
  command.slot->cpu(command, context);
  return context.fault();
}

Fault HostRuntime::check(const Command& command, int threads) {
  Context context(threads_(threads));
  command.slot->check(command, context);
  return context.fault();
}

void HostRuntime::copy(void* to, const void* from, size_t bytes) {
  if (bytes > 0) std::memcpy(to, from, bytes);
}

}  // namespace hebb::stream

// Methods: commands take the one that a table names for commands like them.
#include <cstring>

#include "stream/passes/passes.h"

namespace hebb::stream::passes {

void set_methods(Program& program, const Tuning& tuning) {
  if (tuning.methods.empty()) return;
  for (PlanCommand& command : program.commands) {
    const Slot& slot = *command.slot;
    if (slot.methods == nullptr || slot.choice == nullptr) continue;
    const auto found = tuning.methods.find(command_key(command, tuning));
    if (found == tuning.methods.end()) continue;
    const int64_t method = method_named(*slot.methods, found->second);
    if (method < 0 || !slot.choice(CommandView(command).command()).allows(method)) continue;
    std::memcpy(command.params.data() + slot.methods->offset, &method, sizeof method);
  }
}

}  // namespace hebb::stream::passes

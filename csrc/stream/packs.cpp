// Finding packs, and knowing which are of today.
#include "stream/packs.h"

#include "stream/stream.h"

namespace hebb::stream {

std::shared_ptr<Pack> PackStore::find(Stream& stream, const std::string& name, int64_t bytes) {
  std::erase_if(packs_, [](const auto& entry) { return entry.second.expired(); });
  const auto found = packs_.find(name);
  if (found != packs_.end()) return found->second.lock();
  Block* block = stream.allocate(static_cast<size_t>(bytes));
  block->fresh = false;
  auto pack = std::make_shared<Pack>(block);
  packs_.emplace(name, pack);
  return pack;
}

PlanPacks::PlanPacks(const Program& program, const std::vector<State*>& states,
                     const std::vector<std::shared_ptr<Storage>>& captured) {
  for (const auto& command : program.commands) {
    if (pack_made_by(program, command) < 0) break;
    const Buffer& panels = program.buffers[static_cast<size_t>(command.operands[0].buffer)];
    const PlanOperand& source = command.operands[1];
    const Buffer& from = program.buffers[static_cast<size_t>(source.buffer)];
    const auto index = static_cast<size_t>(from.index);
    Kept kept{{}, panels.bytes, from.origin == Origin::kState ? states[index] : nullptr, nullptr};
    // No other state or tensor has this address while the plan is there.
    const void* owner = kept.state;
    if (kept.state == nullptr) owner = captured[index].get();
    append_bytes(kept.name, command.slot);
    append_bytes(kept.name, owner);
    append_bytes(kept.name, source.offset);
    append_view(kept.name, source.view);
    kept_.push_back(std::move(kept));
  }
}

void PlanPacks::allocate(Stream& stream) {
  for (auto& kept : kept_) {
    if (!kept.pack) kept.pack = stream.packs().find(stream, kept.name, kept.bytes);
  }
}

std::vector<bool> PlanPacks::made() const {
  std::vector<bool> made;
  for (const auto& kept : kept_) made.push_back(kept.pack->made && kept.pack->version == kept.version());
  return made;
}

void PlanPacks::note_made() {
  for (auto& kept : kept_) {
    kept.pack->made = true;
    kept.pack->version = kept.version();
  }
}

}  // namespace hebb::stream

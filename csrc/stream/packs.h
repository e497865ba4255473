// Packs: panels of states and captured tensors, kept across runs and shared by the plans of a stream.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/state.h"
#include "stream/program.h"
#include "stream/replay.h"

namespace hebb::stream {

class Stream;

// Panels in memory of their own. What is said of them holds in the order of submission.
struct Pack {
  Block* block = nullptr;
  bool made = false;
  uint64_t version = 0;  // of the state that they were made from

  explicit Pack(Block* memory) : block(memory) {}
  ~Pack() { block->owner->release(block); }
  Pack(const Pack&) = delete;
  Pack& operator=(const Pack&) = delete;
};

// The packs of a stream, kept alive by the plans that use them.
class PackStore {
 public:
  // The pack of this name, allocated where there is none.
  std::shared_ptr<Pack> find(Stream& stream, const std::string& name, int64_t bytes);

 private:
  std::unordered_map<std::string, std::weak_ptr<Pack>> packs_;
};

// Those of one plan.
class PlanPacks {
 public:
  PlanPacks() = default;
  // `states` and `captured` are those of the program, by their number; the plan keeps them alive.
  PlanPacks(const Program& program, const std::vector<State*>& states,
            const std::vector<std::shared_ptr<Storage>>& captured);

  // Allocates what is not there yet.
  void allocate(Stream& stream);
  Binding binding(size_t index) const { return {kept_[index].pack->block->data, kept_[index].pack->block}; }
  // By pack: whether what the next run needs has been made, by a run that was submitted before.
  std::vector<bool> made() const;
  // The next run has been submitted, which makes the others.
  void note_made();

 private:
  struct Kept {
    std::string name;
    int64_t bytes;
    State* state;  // null where the source is a captured tensor, which never changes
    std::shared_ptr<Pack> pack;

    uint64_t version() const { return state == nullptr ? 0 : state->own().version; }
  };

  std::vector<Kept> kept_;
};

}  // namespace hebb::stream

// HostCopies: what the host has of small tensors that it has sent to a device, for guards: they need not wait
// for the device to know whether an index is good. Executor thread only.
#pragma once

#include <cstddef>
#include <memory>
#include <unordered_map>

#include "stream/command.h"

namespace hebb::stream {

class HostCopies {
 public:
  // `bytes` are the contents of `block` from its beginning on, until it is written again. Large ones are not
  // kept.
  void keep(const Block* block, std::shared_ptr<char[]> bytes, size_t size);
  // `block` is written.
  void forget(const Block* block) {
    if (!copies_.empty()) copies_.erase(block);
  }
  // The operand's first element; null where the host does not have all of them.
  void* find(const Operand& operand) const;

 private:
  struct Copy {
    std::shared_ptr<char[]> bytes;
    size_t size = 0;
  };
  std::unordered_map<const Block*, Copy> copies_;
};

}  // namespace hebb::stream

#include "stream/host_copies.h"

#include <new>
#include <utility>

#include "stream/operand.h"

namespace hebb::stream {

namespace {

constexpr size_t kMostBytes = size_t{256} << 10;
// Loops use the same few blocks in turn.
constexpr size_t kMostCopies = 64;

}  // namespace

void HostCopies::keep(const Block* block, std::shared_ptr<char[]> bytes, size_t size) {
  forget(block);
  if (size > kMostBytes) return;
  if (copies_.size() == kMostCopies) copies_.clear();
  try {
    copies_[block] = {std::move(bytes), size};
  } catch (const std::bad_alloc&) {
    // The guard waits for the device then.
  }
}

void* HostCopies::find(const Operand& operand) const {
  const auto found = copies_.find(operand.block);
  if (found == copies_.end()) return nullptr;
  const Reach reach(operand);
  const int64_t item = item_size(operand.dtype);
  const int64_t offset =
      static_cast<const char*>(operand.data) - static_cast<const char*>(operand.block->data);
  const int64_t first = offset - reach.before * item, end = first + reach.elements() * item;
  if (first < 0 || end > static_cast<int64_t>(found->second.size)) return nullptr;
  return found->second.bytes.get() + offset;
}

}  // namespace hebb::stream

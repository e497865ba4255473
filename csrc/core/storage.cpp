// Ownership of blocks.
#include "core/storage.h"

namespace hebb {

const char* device_name(Device device) { return device == Device::kCuda ? "cuda" : "cpu"; }

Storage::~Storage() {
  if (block_ != nullptr && owned_) block_->owner->release(block_);
}

void Storage::move_to(Block* block) noexcept {
  if (block_ != nullptr && owned_) block_->owner->release(block_);
  block_ = block;
  owned_ = true;
}

}  // namespace hebb

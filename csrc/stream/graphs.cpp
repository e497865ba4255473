#include "stream/graphs.h"

#include <algorithm>
#include <utility>

#include "core/error.h"

namespace hebb::stream {

GraphCache::Entry& GraphCache::find(const Key& key, bool& known) {
  const auto found =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.key == key; });
  known = found != entries_.end();
  if (known) {
    std::rotate(found, found + 1, entries_.end());
  } else {
    if (entries_.size() == kEntries) entries_.erase(entries_.begin());
    entries_.push_back({key, nullptr});
  }
  return entries_.back();
}

void GraphCache::run(Runtime& runtime, const Key& key, const std::function<void()>& run) {
  if (refused_) return run();
  bool known = false;
  Entry& entry = find(key, known);
  if (!known) return run();
  if (entry.graph && runtime.launch(*entry.graph)) return;
  try {
    entry.graph = runtime.capture(run);
  } catch (const Error&) {
    refused_ = true;
  }
  if (refused_ || !runtime.launch(*entry.graph)) run();
}

}  // namespace hebb::stream

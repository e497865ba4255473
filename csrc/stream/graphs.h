// GraphCache: the graphs that a device keeps of one replay's runs, by the memory that they work on.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "stream/runtime.h"

namespace hebb::stream {

class GraphCache {
 public:
  // All memory that a run works on and that may differ from run to run.
  using Key = std::vector<const void*>;

  // Calls `run`, which runs the commands, or launches what was kept of an earlier run on the same memory. A
  // graph is made when memory comes a second time: allocators give the runs of a loop the same few blocks in
  // turn.
  void run(Runtime& runtime, const Key& key, const std::function<void()>& run);

 private:
  struct Entry {
    Key key;
    std::unique_ptr<Graph> graph;
  };
  static constexpr size_t kEntries = 8;

  Entry& find(const Key& key, bool& known);

  std::vector<Entry> entries_;  // the one used last is the last
  bool refused_ = false;        // the device could not make one
};

}  // namespace hebb::stream

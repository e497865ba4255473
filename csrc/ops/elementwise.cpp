// The registry lines of the element-wise ops, which stand next to the ops.
#include "ops/families.h"
#include "ops/map.h"

namespace hebb::ops {

std::vector<OpSpec> elementwise_ops() {
  std::vector<OpSpec> all;
  for (auto part : {&arithmetic_ops, &comparison_ops, &function_ops, &activation_ops}) {
    for (auto& spec : part()) all.push_back(std::move(spec));
  }
  return all;
}

}  // namespace hebb::ops

// Running passes one after another.
#include "stream/passes/passes.h"

namespace hebb::stream::passes {

void run_all(const std::vector<Pass>& list, Program& program, std::vector<PassReport>* reports) {
  for (const auto& pass : list) {
    pass.run(program);
    if (reports != nullptr) reports->push_back(report_of(pass.name, program));
  }
}

}  // namespace hebb::stream::passes

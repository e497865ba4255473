// Fused commands as PTX, run by the interpreter, against the same commands on the CPU.
#include "check.h"
#include "kernels/copy.h"
#include "kernels/elementwise.h"
#include "kernels/random.h"
#include "ptx_harness.h"

namespace hebb::testing {
namespace {

void fill_all() {
  kernels::fill(cpu::supports(stream::Isa::kAvx2) ? stream::Isa::kAvx2 : stream::Isa::kNeon);
  kernels::ptx::fill();
}

TEST(ptx_adds_and_multiplies) {
  fill_all();
  for (const int64_t size : {1, 2, 3, 4, 5, 6, 7, 8, 9, 1037}) {
    TestProgram made;
    const auto x = made.argument({size}), z = made.argument({size});
    const auto t = made.map(kernels::mul, made.temporary({size}), {x, z});
    made.map(kernels::add, made.output({size}), {t, z});
    fuse_all(made);
    ptx_distance(made, "size " + std::to_string(size));
  }
}

TEST(ptx_kernels_assemble) { assemble_ptx_texts(); }

}  // namespace
}  // namespace hebb::testing

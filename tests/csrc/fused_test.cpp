// The fused kernel against the single commands, bit for bit: random programs of mixed dtypes and layouts,
// with copies between them, on every instruction set and number of threads.
#include "kernels/fused.h"

#include <memory>

#include "check.h"
#include "kernels/copy.h"
#include "kernels/elementwise.h"
#include "kernels/random.h"
#include "random_program.h"
#include "stream/passes/fuse.h"

namespace hebb::testing {
namespace {

using kernels::fused;

// How many commands fusing saves.
size_t check_program(unsigned seed, bool hazards) {
  RandomProgram random(seed, hazards);
  const stream::Program plain = random.made.program;
  stream::Program better = plain;
  stream::fuse_elementwise(better, fused);
  for (const int threads : {1, 2}) {
    random.made.program = plain;
    const auto want = random.made.run(1);
    random.made.program = better;
    if (random.made.run(threads) != want) {
      throw Failure(__FILE__, __LINE__,
                    "seed " + std::to_string(seed) + " differs:\n" + program_text(plain) + "fused:\n" +
                        program_text(better));
    }
  }
  return plain.commands.size() - better.commands.size();
}

TEST(fused_bits_are_those_of_single_commands) {
  for_each_isa([] {
    size_t saved = 0;
    for (unsigned seed = 0; seed < 300; ++seed) saved += check_program(seed, false);
    CHECK(saved > 1000);
  });
}

TEST(fused_programs_with_hazards_keep_their_bits) {
  for_each_isa([] {
    size_t saved = 0;
    for (unsigned seed = 1000; seed < 1400; ++seed) saved += check_program(seed, true);
    CHECK(saved > 800);
  });
}

// A later pass may place an output where an input lies that dies.
TEST(fused_output_may_lie_on_an_input) {
  for_each_isa([] {
    const int64_t size = 50001;
    TestProgram made;
    const auto x = made.argument({size}), z = made.argument({size}), y = made.output({size});
    const auto t = made.map(kernels::exp, made.temporary({size}), {x});
    const auto u = made.map(kernels::mul, made.output({size}), {t, z});
    made.map(kernels::sub, y, {u, x});
    const auto want = made.run(1);
    stream::fuse_elementwise(made.program, fused);
    CHECK_EQ(made.program.commands.size(), 1u);
    for (auto& operand : made.program.commands[0].operands) {
      if (operand.buffer == u.buffer) operand.buffer = x.buffer;
    }
    for (const int threads : {1, 2}) {
      const auto got = made.run(threads);
      CHECK(got[2] == want[2]);
      CHECK(got[0] == want[3]);
    }
  });
}

}  // namespace
}  // namespace hebb::testing

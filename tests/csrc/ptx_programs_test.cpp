// Random programs, fused and run as PTX, and what the interpreter does not accept.
#include "check.h"
#include "ptx_harness.h"
#include "random_program.h"
#include "stream/passes/fuse.h"

namespace hebb::testing {
namespace {

TEST(ptx_of_random_programs_has_the_bits_of_the_cpu) {
  // Without a fused product and sum the functions of f32 round otherwise.
  if (!cpu::supports(stream::Isa::kAvx2)) {
    std::printf("random programs were not compared with PTX: no AVX2 here\n");
    return;
  }
  kernels::fill(stream::Isa::kAvx2);
  kernels::ptx::fill();
  constexpr emulator::Order kOrders[] = {emulator::Order::kForward, emulator::Order::kBackward,
                                         emulator::Order::kShuffled};
  int fused = 0;
  for (unsigned seed = 0; seed < 240; ++seed) {
    RandomProgram random(seed, seed % 3 == 0, false);
    stream::fuse_elementwise(random.made.program, kernels::fused);
    for (const auto& command : random.made.program.commands) fused += command.tiles != nullptr;
    ptx_order = kOrders[seed % 3];
    ptx_distance(random.made, "seed " + std::to_string(seed));
  }
  ptx_order = emulator::Order::kForward;
  CHECK(fused > 200);
  // For the oldest and the most usual GPU: that all seven take each instruction is seen in ptx_test.cpp.
  assemble_ptx_texts({"75", "90"});
}

const char kKernel[] =
    ".version 7.0\n.target sm_75\n.address_size 64\n"
    ".visible .entry one(\n  .param .align 8 .b8 arguments[16]\n)\n.maxntid 32, 1, 1\n{\n"
    "  .reg .b64 %l<2>;\n  .reg .f32 %f<3>;\n  .reg .b32 %r<2>;\n"
    "  ld.param.b64 %l0, [arguments+0];\n";

// Runs it over four floats.
void run_text(const std::string& lines) {
  const emulator::PtxModule module(kKernel + lines + "  ret;\n}\n");
  alignas(16) float memory[4] = {1, 2, 3, 4};
  const uint64_t arguments[2] = {reinterpret_cast<uint64_t>(memory), 7};
  const std::vector<emulator::PtxMemory> known{{memory, sizeof memory}};
  module.run("one", {.threads = 1}, emulator::Order::kForward, arguments, sizeof arguments, &known);
}

TEST(ptx_interpreter_is_strict) {
  run_text(
      "  ld.global.f32 %f0, [%l0+4];\n  add.rn.f32 %f1, %f0, 0f3F800000;\n  st.global.f32 [%l0], %f1;\n");
  CHECK_THROWS(run_text("  add.f32 %f1, %f0, %f0;\n"), "line 13: no opcode add.f32");
  CHECK_THROWS(run_text("  mov.b32 %r0, %f9;\n"), "no register %f9");
  CHECK_THROWS(run_text("  add.s32 %r0, %f0, %r1;\n"), "no opcode add.s32");
  CHECK_THROWS(run_text("  add.rn.f32 %f0, %f1, 1;\n"), "an integer where none belongs");
  CHECK_THROWS(run_text("  add.rn.f32 %f0, %f1, %f1;\n"), "line 13: a register is read");
  CHECK_THROWS(run_text("  ld.global.b64 %l1, [%l0+4];\n"), "not aligned");
  CHECK_THROWS(run_text("  ld.global.v4.f32 {%f0, %f1, %f2}, [%l0];\n"), "another number of values");
  CHECK_THROWS(run_text("  ld.global.f32 %r0, [%l0];\n"), "a register of another type");
  CHECK_THROWS(run_text("  ld.global.f32 %f0, [%l0+16];\n"), "memory that is not the kernel's");
  CHECK_THROWS(run_text("  ld.param.b64 %l1, [arguments+12];\n"), "beyond the arguments");
  CHECK_THROWS(run_text("  bra L1;\n"), "no label L1");
  CHECK_THROWS(run_text("L1:\n  bra L1;\n"), "takes no end");
  CHECK_THROWS(run_text("  ret\n"), "expected a semicolon");
}

TEST(ptx_without_a_formula_is_not_emitted) {
  kernels::ptx::fill();
  TestProgram made;
  made.map(kernels::exp, made.output({5}), {made.argument({5})});
  fuse_all(made);
  kernels::exp.emit[0] = nullptr;
  made.run_tiles = [](const stream::Command& command) { CHECK(!stream::emit_ptx(command).has_value()); };
  made.run(1);
  kernels::ptx::fill();
}

}  // namespace
}  // namespace hebb::testing

// Choices of methods: what keys tell apart, what a table sets and leaves, and what is measured.
#include "stream/tuning.h"

#include <functional>

#include "check.h"
#include "kernels/conv.h"
#include "kernels/elementwise.h"
#include "plan_harness.h"
#include "program_harness.h"
#include "stream/measure.h"
#include "stream/passes/passes.h"

namespace hebb::testing {
namespace {

using kernels::ConvParams;

constexpr ConvParams kPlain{{1, 1}, {1, 1}, {1, 1}, 1, kernels::kActivationNone, false};

// A tile unit would be one more choice.
void fill_without_tiles() {
  const stream::Isa isa = cpu::best_isa();
  kernels::fill(isa == stream::Isa::kAmx ? stream::Isa::kAvx512 : isa);
}

// Convolutions of 3 x 3 that Winograd's tiles take, and an element-wise command.
struct Convolutions : TestProgram {
  explicit Convolutions(int64_t batch = 8, const ConvParams& params = kPlain) {
    fill_without_tiles();
    const PlanOperand x = argument({batch, 8, 8, 32}), weight = argument({32, 3, 3, 32});
    const PlanOperand y = output({batch, 8, 8, 32});
    convolve(kernels::conv2d, y, {x, weight}, params);
    convolve(kernels::conv2d_weight_grad, output({32, 3, 3, 32}), {x, y}, params);
    map(kernels::exp, output({batch, 8, 8, 32}), {y});
  }

  void convolve(const stream::Slot& slot, const PlanOperand& out, std::vector<PlanOperand> inputs,
                const ConvParams& params) {
    add(slot, out, std::move(inputs));
    std::memcpy(program.commands.back().params.data(), &params, sizeof params);
  }
  int64_t& method(size_t command) {
    return reinterpret_cast<ConvParams*>(program.commands[command].params.data())->method;
  }
};

const stream::Tuning kHere{"avx2", 2, {}};

std::string key_of(const Convolutions& c, const stream::Tuning& tuning = kHere) {
  return command_key(c.program.commands[0], tuning);
}

TEST(tuning_keys_are_lines_of_text) {
  CHECK_EQ(
      key_of(Convolutions()),
      std::string("conv2d f32[8, 8, 8, 32]; f32[8, 8, 8, 32]; f32[32, 3, 3, 32] (stride=1,1 dilation=1,1 "
                  "before=1,1 groups=1 activation=0 has_bias=false precision=0) avx2, 2 threads"));
  Convolutions scaled;
  scaled.add(kernels::mul, scaled.output({4, 3}),
             {TestProgram::transposed(scaled.argument({3, 4})), TestProgram::constant(0.5)});
  CHECK_EQ(command_key(scaled.program.commands.back(), {"v2", 1, {}}).substr(0, 44),
           std::string("mul f32[4, 3]; f32[4, 3] by 1, 4; 0.5 f32[] "));
}

TEST(tuning_keys_tell_apart_what_changes_the_speed) {
  const std::string key = key_of(Convolutions());
  ConvParams relu = kPlain;
  relu.activation = kernels::kActivationRelu;
  CHECK(key_of(Convolutions(9)) != key);
  CHECK(key_of(Convolutions(8, relu)) != key);
  CHECK(key_of(Convolutions(), {"avx2", 1, {}}) != key);
  CHECK(key_of(Convolutions(), {"avx512", 2, {}}) != key);
  Convolutions forced;
  CHECK(command_key(forced.program.commands[1], kHere) != key);
  forced.method(0) = kernels::kConvDirect;
  CHECK_EQ(key_of(forced), key);
}

TEST(tuning_sets_the_methods_it_names_and_leaves_the_rest) {
  Convolutions named, wanted, unknown;
  const auto before = named.run(1);
  stream::Tuning tuning = kHere;
  stream::passes::set_methods(named.program, tuning);
  CHECK_EQ(named.method(0), int64_t{kernels::kConvByShape});
  tuning.methods[key_of(named)] = "direct";
  stream::passes::set_methods(named.program, tuning);
  CHECK_EQ(named.method(0), int64_t{kernels::kConvDirect});
  CHECK_EQ(named.method(1), int64_t{kernels::kConvByShape});
  wanted.method(0) = kernels::kConvDirect;
  CHECK(named.run(1) == wanted.run(1));
  CHECK(named.run(2) == wanted.run(1));
  CHECK(before != wanted.run(1));
  tuning.methods[key_of(named)] = "no such method";
  stream::passes::set_methods(unknown.program, tuning);
  CHECK(unknown.run(1) == before);
  // Not where the method cannot compute the command.
  ConvParams strided = kPlain;
  strided.dilation[0] = 2;
  strided.before[0] = 2;
  Convolutions other(8, strided);
  tuning.methods[key_of(other)] = "winograd";
  stream::passes::set_methods(other.program, tuning);
  CHECK_EQ(other.method(0), int64_t{kernels::kConvByShape});
}

TEST(tuning_asks_for_each_key_with_a_choice_once) {
  Convolutions c;
  c.program.commands.push_back(c.program.commands[0]);
  const auto found = tunable_commands(c.program, kHere);
  CHECK_EQ(found.size(), size_t{2});
  CHECK_EQ(found[0].key, key_of(c));
  CHECK(found[1].command == &c.program.commands[1]);
  for (const auto& each : found) {
    CHECK_EQ(each.choice.by_shape, int64_t{kernels::kConvWinograd});
    CHECK(each.choice.allows(kernels::kConvDirect) && each.choice.allows(kernels::kConvWinograd));
  }
  ConvParams strided = kPlain;
  strided.stride[0] = 2;
  const Convolutions other(8, strided);
  CHECK(tunable_commands(other.program, kHere).empty());
}

// A unit of tiles is a choice for f32, and where it has it anyway for less, f32 is.
TEST(tuning_knows_of_tile_units) {
  if (!cpu::supports(stream::Isa::kAmxEmulated)) return;
  for (int64_t precision : {kernels::kPrecisionF32, kernels::kPrecisionBf16}) {
    ConvParams params = kPlain;
    params.precision = precision;
    Convolutions c(8, params);
    const PlanOperand a = c.argument({64, 64}), y = c.output({64, 64});
    c.add(kernels::gemm, y, {a, a});
    const kernels::GemmParams gemm{kernels::kActivationNone, false, precision};
    std::memcpy(c.program.commands.back().params.data(), &gemm, sizeof gemm);
    CHECK_EQ(tunable_commands(c.program, kHere).size(), size_t{2});
    kernels::fill(stream::Isa::kAmxEmulated);
    const auto found = tunable_commands(c.program, kHere);
    CHECK_EQ(found.size(), size_t{3});
    const bool full = precision == kernels::kPrecisionF32;
    for (size_t i : {0, 1}) {
      CHECK(found[i].choice.allows(kernels::kConvTiles));
      CHECK_EQ(found[i].choice.by_shape, int64_t{full ? kernels::kConvWinograd : kernels::kConvTiles});
    }
    CHECK(found[2].choice.allows(kernels::kGemmFma) && found[2].choice.allows(kernels::kGemmTiles));
    CHECK_EQ(found[2].choice.by_shape, int64_t{full ? kernels::kGemmFma : kernels::kGemmTiles});
  }
  fill_without_tiles();
}

TEST(tuning_measures_every_method_on_the_executor) {
  Compiling compiling;
  Convolutions c;
  const auto before = c.run(1);
  for (const auto& tunable : tunable_commands(c.program, kHere)) {
    double times[4] = {-1, -1, -1, -1};
    bool done = false;
    measure_methods(compiling.stream(), tunable, 1, times, [&](const Error*) { done = true; });
    compiling.stream().drain();
    CHECK(done);
    CHECK_EQ(times[kernels::kConvByShape], 0.0);
    CHECK_EQ(times[kernels::kConvTiles], 0.0);
    CHECK(times[kernels::kConvDirect] > 0 && times[kernels::kConvWinograd] > 0);
  }
  CHECK(c.run(1) == before);
}

TEST(plan_runs_with_other_methods_once_it_is_tuned) {
  Compiling c;
  const Tensors args{c.random({8, 8, 8, 32}, 1), c.random({32, 3, 3, 32}, 2)};
  const auto step = [](const Tensors& in) {
    const Tensor y = ops::empty(DType::kF32, {8, 8, 8, 32});
    ops::submit(kernels::conv2d, {y}, {in[0], in[1]}, kPlain);
    return Tensors{y};
  };
  const auto plan = c.compile(args, step, ops::Environment::optimiser());
  const Floats by_shape = c.values(c.run(*plan, args));
  stream::Tuning tuning = kHere;
  const std::string key = command_key(plan->unoptimised().commands[0], tuning);
  const auto with = [&](const char* method) {
    tuning.methods[key] = method;
    plan->optimise(ops::Environment::optimiser(tuning));
    CHECK_EQ(plan->explain().back().text, program_text(plan->program()));
    return c.values(c.run(*plan, args));
  };
  CHECK(with("direct") != by_shape);
  CHECK(with("winograd") == by_shape);
}

}  // namespace
}  // namespace hebb::testing

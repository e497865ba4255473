// Fused commands as PTX, run by the interpreter, against the same commands on the CPU: formulas, conversions,
// scalars, words.
#include "check.h"
#include "kernels/copy.h"
#include "kernels/elementwise.h"
#include "kernels/random.h"
#include "ptx_values.h"

namespace hebb::testing {
namespace {

struct Formula {
  const Slot* slot;
  int operands;
  bool numbers;
};
#define HEBB_LIST_FORMULA(name, formula, operands, numbers) {&kernels::name, operands, #numbers[0] == 'N'},
#define HEBB_LIST_PREDICATE(name, formula, operands) {&kernels::name, operands, true},
const Formula kFormulas[] = {HEBB_FORMULAS(HEBB_LIST_FORMULA) HEBB_PREDICATES(HEBB_LIST_PREDICATE)};

// In units in the last place: where the CPU takes libm, and where it does not say what it rounds.
double allowed(const std::string& name, DType compute) {
  if (compute == DType::kF32) {
    if (name == "pow" || name == "sin" || name == "cos") return 2;
    return 0;
  }
  if (compute != DType::kF64) return 0;
  for (const char* exact :
       {"add",        "sub",       "mul",          "div",       "maximum",        "minimum", "neg",
        "abs",        "sign",      "square",       "clamp",     "floor",          "ceil",    "round",
        "sqrt",       "rsqrt",     "reciprocal",   "relu",      "leaky_relu",     "where",   "greater_share",
        "clamp_grad", "tanh_grad", "sigmoid_grad", "relu_grad", "leaky_relu_grad"})
    if (name == exact) return 0;
  return name == "gelu" ? 16 : 4;
}

TEST(ptx_formulas_are_those_of_the_cpu) {
  const bool exact = fill_all();
  const int64_t size = 1037;
  for (const Formula& formula : kFormulas) {
    for (const DType compute : kComputes) {
      if (!is_float(compute) && !formula.numbers) continue;
      const std::string name = formula.slot->name;
      // 1 - tanh and its like: what the last digit is depends on the library, and all digits may be last
      // ones.
      const bool cancels = compute == DType::kF64 && (name.starts_with("gelu_") || name == "silu_grad");
      CHECK(formula.slot->emit[stream::tile_index(compute)] != nullptr);
      TestProgram made;
      std::vector<PlanOperand> inputs;
      for (int k = 0; k < formula.operands; ++k) {
        inputs.push_back(made.argument({size}, compute));
        if (!cancels) hold_values(made, inputs.back(), static_cast<unsigned>(k) + 1);
      }
      const DType out = formula.slot->traits.predicate ? DType::kBool : compute;
      made.map(*formula.slot, made.output({size}, out), inputs, compute, -0.75);
      fuse_all(made);
      const double most = ptx_distance(made, name + " of " + dtype_name(compute),
                                       exact ? allowed(name, compute) : HUGE_VAL, cancels ? 1e-14 : 0);
      if (most > 0)
        std::printf("  %s of %s: %g units from the CPU\n", name.c_str(), dtype_name(compute), most);
    }
  }
  assemble_ptx_texts();
}

#if defined(__x86_64__)
// All commands of a program, one by one on the emulator and as one kernel in PTX.
void compare_with_eager(TestProgram& made, const std::string& what) {
  constexpr auto kOrder = emulator::Order::kForward;
  cuda_order() = &kOrder;
  const auto want = made.run(1);
  cuda_order() = nullptr;
  fuse_all(made);
  made.run_tiles = &run_as_ptx;
  const auto got = made.run(1);
  size_t at = 0;
  for (size_t i = 0; i < made.dtypes.size(); ++i) {
    if (made.program.is_temporary(static_cast<int>(i))) continue;
    const auto item = static_cast<size_t>(item_size(made.dtypes[i]));
    for (size_t byte = 0; byte < want[at].size(); byte += item) {
      if (distance(got[at].data() + byte, want[at].data() + byte, made.dtypes[i]) == 0) continue;
      throw Failure(__FILE__, __LINE__, what + ": element " + std::to_string(byte / item) + " differs");
    }
    ++at;
  }
}

TEST(ptx_has_the_bits_of_eager_cuda_kernels) {
  kernels::ptx::fill();
  kernels::cuda::fill();
  for (const Formula& formula : kFormulas) {
    for (const DType compute : kComputes) {
      if (!is_float(compute) && !formula.numbers) continue;
      TestProgram made;
      std::vector<PlanOperand> inputs;
      for (int k = 0; k < formula.operands; ++k) {
        inputs.push_back(made.argument({3001}, compute));
        hold_values(made, inputs.back(), static_cast<unsigned>(k) + 3);
      }
      const DType out = formula.slot->traits.predicate ? DType::kBool : compute;
      made.map(*formula.slot, made.output({3001}, out), inputs, compute, 1.5);
      compare_with_eager(made, std::string(formula.slot->name) + " of " + dtype_name(compute));
    }
  }
}
#endif

// Every border of one operand with every one of the other.
TEST(ptx_powers_at_all_borders) {
  if (!fill_all()) return;
  const double borders[] = {0.0,   -0.0,  1,         -1,        0.5,       -0.5,       2,       -2,
                            3,     -3,    2.5,       -1.5,      1e5,       -1e5,       1000001, 1e30,
                            -1e30, 1e-30, 1.0000001, 0.9999999, kInfinity, -kInfinity, kNan};
  std::vector<double> x, y;
  for (const double a : borders) {
    for (const double b : borders) {
      x.push_back(a);
      y.push_back(b);
    }
  }
  const Shape shape{static_cast<int64_t>(x.size())};
  for (const DType compute : {DType::kF64, DType::kF32}) {
    TestProgram made;
    const auto a = made.argument(shape, DType::kF64), b = made.argument(shape, DType::kF64);
    made.hold(a, x);
    made.hold(b, y);
    made.map(kernels::pow, made.output(shape, compute), {a, b}, compute);
#if defined(__x86_64__)
    kernels::cuda::fill();
    TestProgram again = made;
    compare_with_eager(again, "pow");
#endif
    fuse_all(made);
    ptx_distance(made, "pow", 2);
  }
  assemble_ptx_texts();
}

TEST(ptx_conversions_are_those_of_the_cpu) {
  fill_all();
  for (const DType from : kAll) {
    for (const DType to : kAll) {
      TestProgram made;
      const auto x = made.argument({1037}, from);
      hold_values(made, x, 7);
      made.add(kernels::copy, made.output({1037}, to), {x});
      fuse_all(made);
      ptx_distance(made, std::string(dtype_name(from)) + " to " + dtype_name(to));
    }
  }
  assemble_ptx_texts();
}

TEST(ptx_halves_round_doubles_once) {
  fill_all();
  for (const DType to : {DType::kF16, DType::kBF16}) {
    std::vector<double> values;
    for (unsigned bits = 0; bits < 65536; bits += 97) {
      const auto half = static_cast<uint16_t>(bits);
      const double value = to == DType::kF16 ? to_float(F16{half}) : to_float(BF16{half});
      const double next = to == DType::kF16 ? to_float(F16{static_cast<uint16_t>(half + 1)})
                                            : to_float(BF16{static_cast<uint16_t>(half + 1)});
      const double tie = (value + next) / 2;
      for (const double near : {value, tie, std::nextafter(tie, kInfinity), std::nextafter(tie, -kInfinity)})
        values.push_back(near);
    }
    TestProgram made;
    const Shape shape{static_cast<int64_t>(values.size())};
    const auto x = made.argument(shape, DType::kF64);
    made.hold(x, values);
    made.add(kernels::copy, made.output(shape, to), {x});
    fuse_all(made);
    ptx_distance(made, dtype_name(to));
  }
  assemble_ptx_texts();
}

TEST(ptx_constants_round_to_their_dtype) {
  fill_all();
  for (const DType dtype : kAll) {
    for (const DType of : kAll) {
      for (const double value : {0.3, -1.7, 300.5, 7e9}) {
        if (value == 7e9 && of == DType::kU8) continue;
        TestProgram made;
        const auto x = made.argument({9}, dtype);
        made.map(kernels::add, made.output({9}, dtype), {x, TestProgram::constant(value, of)},
                 compute_type(dtype));
        fuse_all(made);
        ptx_distance(made, std::string(dtype_name(of)) + " in " + dtype_name(dtype));
      }
    }
  }
  assemble_ptx_texts();
}

TEST(ptx_scalar_bounds_of_integers_saturate) {
  fill_all();
  for (const DType dtype : {DType::kI32, DType::kI64, DType::kF32, DType::kF64}) {
    for (const double low : {-kInfinity, -3.7, 3e9, kInfinity}) {
      TestProgram made;
      const auto x = made.argument({100}, dtype);
      hold_values(made, x, 3);
      made.map(kernels::clamp, made.output({100}, dtype), {x}, dtype, low);
      fuse_all(made);
      ptx_distance(made, "clamp");
    }
  }
  assemble_ptx_texts();
}

TEST(ptx_drops_what_the_cpu_drops) {
  fill_all();
  for (const DType dtype : {DType::kF32, DType::kF64, DType::kF16, DType::kBF16}) {
    for (const int64_t size : {1, 3, 4, 5, 8, 9, 1037}) {
      for (const double p : {0.0, 0.3, 0.999}) {
        TestProgram made;
        const auto x = made.argument({size}, dtype), seed = made.buffer(Origin::kRandom, DType::kI64, {2});
        made.hold(seed, std::vector<int64_t>{0x123456789abcdef0, -5});
        hold_values(made, x, 5);
        made.add(kernels::dropout, made.output({size}, dtype), {x, seed});
        const kernels::DropoutParams params{size + 3, p};
        std::memcpy(made.program.commands.back().params.data(), &params, sizeof params);
        // Another dtype makes items of another length.
        made.add(kernels::copy, made.output({size}, DType::kF64), {made.program.commands.back().operands[0]});
        fuse_all(made);
        ptx_distance(made, std::string("dropout of ") + dtype_name(dtype));
      }
    }
  }
  assemble_ptx_texts();
}

}  // namespace
}  // namespace hebb::testing

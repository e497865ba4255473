// Fused commands as PTX, run by the interpreter, against the same commands on the CPU: formulas, conversions,
// layouts, words.
#include <sys/mman.h>

#include <algorithm>
#include <limits>

#include "check.h"
#include "kernels/copy.h"
#include "kernels/elementwise.h"
#include "kernels/random.h"
#include "ptx_harness.h"

namespace hebb::testing {
namespace {

using stream::Slot;

constexpr DType kComputes[] = {DType::kF32, DType::kF64, DType::kI32, DType::kI64};
constexpr DType kAll[] = {DType::kF32, DType::kF64, DType::kF16, DType::kBF16,
                          DType::kI32, DType::kI64, DType::kU8,  DType::kBool};

const double kInfinity = std::numeric_limits<double>::infinity();
const double kNan = std::numeric_limits<double>::quiet_NaN();

// Borders of every kind, then random numbers of all sizes.
std::vector<double> float_values(unsigned seed) {
  std::vector<double> values{
      0.0,        -0.0,  1,     -1,         0.5,          -0.5,          1.5,    2.5,    -2.5,  kInfinity,
      -kInfinity, kNan,  1e-40, -1e-40,     1e-30,        3e38,          -3e38,  88.5,   -88.5, 89.5,
      -104.5,     -87.5, -20.5, 0.6249,     0.625,        0.875,         4,      -4,     8192,  8193,
      1e-4,       -1e-4, 6,     14,         -14,          1e20,          700,    -745,   710,   65504,
      65519,      65520, 1e5,   1e22,       -1e22,        1e300,         7e200,  -65520, 255,   255.9,
      256,        -0.9,  127,   2147483520, 2147483648.0, -2147483648.0, 9.3e18, -9.3e18};
  std::mt19937 random(seed);
  for (int i = 0; i < 400; ++i) {
    const double size = std::exp2(static_cast<double>(random() % 4000) / 100 - 20);
    values.push_back((random() % 2 ? size : -size) * (1 + random() / 4294967296.0));
  }
  std::shuffle(values.begin(), values.end(), random);
  return values;
}
std::vector<int64_t> integer_values(unsigned seed) {
  std::vector<int64_t> values{0,
                              1,
                              -1,
                              2,
                              -2,
                              3,
                              5,
                              31,
                              32,
                              63,
                              255,
                              256,
                              INT32_MAX,
                              INT32_MIN,
                              INT64_MAX,
                              INT64_MIN,
                              int64_t{1} << 53,
                              (int64_t{1} << 53) + 1,
                              int64_t{1} << 40};
  std::mt19937_64 random(seed);
  for (int i = 0; i < 200; ++i) values.push_back(static_cast<int64_t>(random()) >> random() % 64);
  std::shuffle(values.begin(), values.end(), random);
  return values;
}

// Such numbers, as far as the dtype has them.
void hold_values(TestProgram& made, const PlanOperand& x, unsigned seed) {
  const auto as = [](auto type, const auto& values, auto&& one) {
    std::vector<decltype(type)> made;
    for (const auto value : values) made.push_back(one(value));
    return made;
  };
  switch (x.view.dtype) {
    case DType::kF32:
      return made.hold(x, as(float{}, float_values(seed), [](double v) { return static_cast<float>(v); }));
    case DType::kF64:
      return made.hold(x, float_values(seed));
    case DType::kF16:
      return made.hold(x,
                       as(F16{}, float_values(seed), [](double v) { return to_f16(static_cast<float>(v)); }));
    case DType::kBF16:
      return made.hold(
          x, as(BF16{}, float_values(seed), [](double v) { return to_bf16(static_cast<float>(v)); }));
    case DType::kI32:
      return made.hold(
          x, as(int32_t{}, integer_values(seed), [](int64_t v) { return static_cast<int32_t>(v); }));
    case DType::kI64:
      return made.hold(x, integer_values(seed));
    case DType::kU8:
      return made.hold(
          x, as(uint8_t{}, integer_values(seed), [](int64_t v) { return static_cast<uint8_t>(v); }));
    default:
      return made.hold(
          x, as(uint8_t{}, integer_values(seed), [](int64_t v) { return static_cast<uint8_t>(v & 1); }));
  }
}

// The CPU kernels whose arithmetic is that of the text; without AVX2 a product before a sum is rounded.
bool fill_all() {
  kernels::ptx::fill();
  const bool exact = cpu::supports(stream::Isa::kAvx2);
  kernels::fill(exact                               ? stream::Isa::kAvx2
                : cpu::supports(stream::Isa::kNeon) ? stream::Isa::kNeon
                                                    : stream::Isa::kV2);
  return exact;
}

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
}

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
    fuse_all(made);
    ptx_distance(made, "pow", 2);
  }
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
}

// Every size around the borders of items, of every width.
TEST(ptx_tails_of_every_width) {
  fill_all();
  for (const DType dtype : kAll) {
    for (const int64_t size : {1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 1037}) {
      TestProgram made;
      const DType compute = compute_type(dtype);
      const auto x = made.argument({size}, dtype), z = made.argument({size}, dtype);
      const auto t = made.map(kernels::mul, made.temporary({size}, dtype), {x, z}, compute);
      made.map(kernels::add, made.output({size}, dtype), {t, z}, compute);
      fuse_all(made);
      ptx_distance(made, std::string(dtype_name(dtype)) + " of " + std::to_string(size));
    }
  }
}

TEST(ptx_operands_that_are_not_aligned) {
  fill_all();
  for (const int64_t first : {1, 2, 4}) {
    TestProgram made;
    const auto x = TestProgram::part(made.argument({1041}), first, 1037);
    made.map(kernels::neg, made.output({1037}), {x});
    fuse_all(made);
    ptx_distance(made, "from element " + std::to_string(first));
  }
}

// x [.., n] with another operand that is broadcast, turned, a part, reversed or a constant.
TEST(ptx_operands_of_any_layout) {
  fill_all();
  for (const Shape& shape :
       {Shape{6, 8}, Shape{7, 5}, Shape{2, 3, 4, 8}, Shape{33, 3, 2}, Shape{2, 1, 3, 1, 2, 2, 3, 2}}) {
    for (const DType dtype : {DType::kF32, DType::kF16, DType::kU8, DType::kI64}) {
      for (int kind = 0; kind < (1 << std::min(shape.rank(), 5)); ++kind) {
        TestProgram made;
        Shape part = shape;
        for (int axis = 0; axis < shape.rank(); ++axis)
          if (kind >> axis % 5 & 1) part[axis] = 1;
        const DType compute = compute_type(dtype);
        const auto x = made.argument(shape, dtype), z = made.argument(part, dtype);
        const auto t = made.map(kernels::mul, made.temporary(shape, dtype), {x, z}, compute);
        made.map(kernels::sub, made.output(shape, dtype), {t, TestProgram::constant(2.3, dtype)}, compute);
        fuse_all(made);
        ptx_distance(made, "broadcast " + std::to_string(kind));
      }
      TestProgram made;
      Shape turned = shape;
      std::swap(turned[turned.rank() - 1], turned[turned.rank() - 2]);
      const DType compute = compute_type(dtype);
      const auto x = TestProgram::transposed(made.argument(turned, dtype));
      auto z = TestProgram::part(made.argument(Shape{shape.size() + 3}, dtype), 3, shape.size());
      z.view.strides[0] = -1;
      z.offset += (shape.size() - 1) * item_size(dtype);
      const auto t = made.map(kernels::mul, made.output(shape, dtype), {x, x}, compute);
      made.map(kernels::sub, made.output({shape.size()}, dtype),
               {TestProgram::reshaped(t, {shape.size()}), z}, compute);
      fuse_all(made);
      ptx_distance(made, "turned");
    }
  }
}

// Rows so far apart that 32 bits do not hold the distance; most of the memory between is never touched.
TEST(ptx_wide_indices) {
  fill_all();
  constexpr int64_t kApart = (int64_t{1} << 31) / 4 + 16;
  const size_t bytes = static_cast<size_t>(kApart + 16) * 4;
  void* memory =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  CHECK(memory != MAP_FAILED);
  float* from = static_cast<float*>(memory);
  for (int i = 0; i < 12; ++i) from[i % 6 + i / 6 * kApart] = static_cast<float>(i) - 3;
  for (const int64_t columns : {5, 4}) {
    TestProgram made;
    made.map(kernels::neg, made.output({2, columns}), {made.argument({2, columns})});
    fuse_all(made);
    stream::Command command;
    stream::Operand operands[2];
    for (int k = 0; k < 2; ++k) operands[k] = made.program.commands[0].operands[static_cast<size_t>(k)].view;
    Buffer out(DType::kF32, {2, columns});
    operands[0].data = out.as<float>();
    operands[1].data = from;
    operands[0].block = operands[1].block = out.out().block;
    // The pass has merged the axes.
    for (auto& operand : operands) {
      operand.rank = 2;
      operand.shape[0] = 2;
      operand.shape[1] = columns;
      operand.strides[0] = columns;
      operand.strides[1] = 1;
    }
    operands[1].strides[0] = kApart;
    command.slot = &kernels::fused;
    command.operand_count = 2;
    command.operands = operands;
    command.tiles = made.program.commands[0].tiles.get();
    CHECK(stream::ptx_geometry(command).wide);
    run_as_ptx(command);
    for (int64_t i = 0; i < 2 * columns; ++i)
      CHECK_EQ(out.as<float>()[i], -from[i % columns + i / columns * kApart]);
  }
  munmap(memory, bytes);
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
}

// An output on an input's memory, beside another one that is made of it.
TEST(ptx_outputs_may_lie_on_inputs) {
  fill_all();
  for (const int64_t size : {3, 1037}) {
    TestProgram made;
    const auto x = made.argument({size}), z = made.argument({size});
    const auto t = made.map(kernels::exp, made.temporary({size}), {x});
    const auto u = made.map(kernels::mul, made.output({size}), {t, z});
    made.map(kernels::sub, made.output({size}), {u, x});
    fuse_all(made);
    for (auto& operand : made.program.commands[0].operands) {
      if (operand.buffer == u.buffer) operand.buffer = x.buffer;
    }
    for (const auto order :
         {emulator::Order::kForward, emulator::Order::kBackward, emulator::Order::kShuffled}) {
      ptx_order = order;
      ptx_distance(made, "in place");
    }
    ptx_order = emulator::Order::kForward;
  }
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
}

TEST(ptx_of_one_class_is_one_kernel) {
  fill_all();
  std::vector<std::string> entries;
  for (const int64_t size : {5, 4096}) {
    for (const double scalar : {0.5, 0.25}) {
      TestProgram made;
      const auto x = made.argument({size, 8}), bias = made.argument({8});
      const auto t = made.map(kernels::leaky_relu, made.temporary({size, 8}), {x}, DType::kF32, scalar);
      made.map(kernels::add, made.output({size, 8}), {t, bias});
      fuse_all(made);
      const size_t before = ptx_texts().size();
      ptx_distance(made, "class");
      CHECK(entries.empty() || ptx_texts().size() == before);
      entries.push_back("");
    }
  }
}

TEST(ptx_divisors_are_exact) {
  std::mt19937 random(1);
  for (int i = 0; i < 200000; ++i) {
    const uint32_t extent = std::max(2u, static_cast<uint32_t>(random()) >> (1 + random() % 30));
    const uint32_t n = static_cast<uint32_t>(random()) >> (1 + random() % 31);
    const auto [factor, shift] = stream::divisor_of(extent);
    for (const uint32_t value :
         {n, n / extent * extent, std::max(n / extent * extent, 1u) - 1, 0x7fffffffu}) {
      const auto high = static_cast<uint32_t>(uint64_t{value} * factor >> 32);
      CHECK_EQ((high + value) >> shift, value / extent);
    }
  }
}

TEST(ptx_kernels_assemble) { assemble_ptx_texts(kPtxTargets); }

}  // namespace
}  // namespace hebb::testing

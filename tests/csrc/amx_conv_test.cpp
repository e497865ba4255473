// Convolutions on a tile unit against naive loops in doubles, and against the kernels they are laid over.
#include <cmath>
#include <limits>

#include "check.h"
#include "conv_problem.h"
#include "core/error.h"

using namespace hebb;
using namespace hebb::testing;

namespace {

// Channels and outputs that fill tiles and bands or not; windows that move by one pixel and by several, with
// gaps, over long rows and short ones; rows cut into blocks; several images in a band.
constexpr ConvCase kCases[] = {
    {2, 9, 12, 32, 40, 3, 3, {1, 1}, {1, 1}, {1, 1, 1, 1}, 1},
    {5, 4, 4, 33, 17, 3, 3, {1, 1}, {1, 1}, {1, 1, 1, 1}, 1},
    {1, 7, 70, 16, 16, 5, 3, {1, 1}, {1, 1}, {2, 2, 0, 0}, 1},
    {2, 9, 11, 20, 36, 3, 3, {2, 2}, {1, 1}, {1, 1, 1, 1}, 1},
    {1, 12, 13, 48, 16, 4, 4, {2, 3}, {1, 1}, {1, 2, 0, 1}, 1},
    {2, 10, 10, 16, 33, 3, 3, {1, 1}, {2, 3}, {2, 2, 3, 3}, 1},
    {3, 11, 12, 32, 32, 3, 2, {3, 2}, {2, 1}, {0, 1, 1, 0}, 1},
    {4, 5, 5, 70, 64, 1, 1, {1, 1}, {1, 1}, {0, 0, 0, 0}, 1},
    {9, 8, 8, 64, 32, 1, 1, {2, 2}, {1, 1}, {0, 0, 0, 0}, 1},
    {5, 1, 1, 300, 200, 1, 1, {1, 1}, {1, 1}, {0, 0, 0, 0}, 1},
    {1, 40, 40, 32, 16, 3, 3, {1, 1}, {1, 1}, {1, 1, 1, 1}, 1},
    {1, 1, 600, 512, 16, 1, 3, {1, 1}, {1, 1}, {0, 0, 1, 1}, 1},
};

constexpr int64_t kPrecisions[] = {kernels::kPrecisionF32, kernels::kPrecisionHigh, kernels::kPrecisionBf16};

// Values with all the bits of f32.
void draw(std::vector<double>& values, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  for (double& value : values) value = normal(random);
}

Problem random_problem(const ConvCase& s) {
  Problem p(s);
  unsigned seed = 1;
  for (auto* values : {&p.x, &p.w, &p.bias, &p.dy}) draw(*values, seed++);
  return p;
}

void set(Buffer& buffer, const std::vector<double>& values) {
  for (size_t i = 0; i < values.size(); ++i) buffer.as<float>()[i] = static_cast<float>(values[i]);
}

// A command, what it is to give, and the sum of magnitudes behind each element.
struct Wanted {
  const stream::Slot& slot;
  std::vector<int64_t> shape;
  bool relu_and_bias = false;
  std::vector<double> values, magnitudes;
  int64_t terms;
};

class Suite {
 public:
  explicit Suite(const Problem& problem)
      : p(problem),
        x(DType::kF32, {p.s.n, p.s.h, p.s.w, p.s.c}),
        w(DType::kF32, {p.s.o, p.s.kh, p.s.kw, p.depth}),
        bias(DType::kF32, {p.s.o}),
        dy(DType::kF32, {p.s.n, p.oh, p.ow, p.s.o}) {
    set(x, p.x);
    set(w, p.w);
    set(bias, p.bias);
    set(dy, p.dy);
  }

  std::vector<stream::Operand> operands(const Wanted& e, Buffer& out) {
    if (&e.slot == &kernels::conv2d) {
      std::vector<stream::Operand> list{out.out(), x.in(), w.in()};
      if (e.relu_and_bias) list.push_back(bias.in());
      return list;
    }
    if (&e.slot == &kernels::conv2d_input_grad) return {out.out(), dy.in(), w.in()};
    return {out.out(), x.in(), dy.in()};
  }

  // Of f32, the three terms of the unit.
  kernels::ConvParams params(const Wanted& e, int64_t precision) const {
    const bool full = precision == kernels::kPrecisionF32;
    kernels::ConvParams params =
        p.params(e.relu_and_bias, e.relu_and_bias, full ? kernels::kConvTiles : kernels::kConvByShape);
    params.precision = precision;
    return params;
  }

  std::vector<Wanted> expected(int64_t precision) const {
    const auto kept = [&](double v) {
      return precision == kernels::kPrecisionBf16 ? double{to_float(to_bf16(static_cast<float>(v)))} : v;
    };
    const int64_t taps = p.s.kh * p.s.kw;
    std::vector<Wanted> list{
        {kernels::conv2d, {p.s.n, p.oh, p.ow, p.s.o}, false, {}, {}, taps * p.depth},
        {kernels::conv2d_input_grad, {p.s.n, p.s.h, p.s.w, p.s.c}, false, {}, {}, taps * p.s.o},
        {kernels::conv2d_weight_grad, {p.s.o, p.s.kh, p.s.kw, p.depth}, false, {}, {}, p.s.n * p.oh * p.ow}};
    const size_t sizes[] = {p.dy.size(), p.x.size(), p.w.size()};
    for (size_t i = 0; i < 3; ++i) list[i].values.resize(sizes[i]), list[i].magnitudes.resize(sizes[i]);
    p.products([&](int64_t yi, int64_t xi, int64_t wi) {
      const double a = kept(p.x[static_cast<size_t>(xi)]), b = kept(p.w[static_cast<size_t>(wi)]),
                   d = kept(p.dy[static_cast<size_t>(yi)]);
      const double terms[] = {a * b, d * b, a * d};
      const int64_t at[] = {yi, xi, wi};
      for (size_t i = 0; i < 3; ++i) {
        list[i].values[static_cast<size_t>(at[i])] += terms[i];
        list[i].magnitudes[static_cast<size_t>(at[i])] += std::fabs(terms[i]);
      }
    });
    list.push_back({kernels::conv2d, list[0].shape, true, list[0].values, list[0].magnitudes, list[0].terms});
    for (size_t i = 0; i < list[3].values.size(); ++i)
      list[3].values[i] = std::max(0.0, list[3].values[i] + p.bias[i % static_cast<size_t>(p.s.o)]);
    return list;
  }

  const Problem& p;
  Buffer x, w, bias, dy;
};

double worst(const Wanted& e, Buffer& out, int64_t precision) {
  // As in amx_test.cpp.
  const double lost = precision == kernels::kPrecisionBf16
                          ? 0
                          : std::ldexp(1.0, precision == kernels::kPrecisionHigh ? -15 : -22);
  double ratio = 0;
  for (size_t i = 0; i < e.values.size(); ++i) {
    const double bound =
        (e.magnitudes[i] + 1) * (static_cast<double>(e.terms + 8) * std::ldexp(1.0, -24) + lost) + 1e-6;
    const double error = std::fabs(out.as<float>()[i] - e.values[i]) / bound;
    if (!(error <= ratio)) ratio = error;
  }
  return ratio;
}

std::string result_of(Suite& suite, const Wanted& e, int64_t precision, int threads) {
  Buffer out(DType::kF32, e.shape);
  std::memset(out.as<char>(), 0xff, out.bytes());
  run(e.slot, threads, suite.operands(e, out), suite.params(e, precision));
  return std::string(out.as<char>(), out.bytes());
}

void check(Suite& suite, const Wanted& e, int64_t precision, size_t number, stream::Isa isa) {
  const std::string first = result_of(suite, e, precision, 1);
  for (int threads : {2, 3}) CHECK(result_of(suite, e, precision, threads) == first);
  Buffer out(DType::kF32, e.shape);
  std::memcpy(out.as<char>(), first.data(), first.size());
  const double ratio = worst(e, out, precision);
  if (ratio <= 1) return;
  throw Failure(__FILE__, __LINE__,
                text("case %zu %s precision %ld %s: error is %g of the bound", number, e.slot.name, precision,
                     cpu::isa_name(isa), ratio));
}

}  // namespace

TEST(amx_convolutions_match_naive_loops) {
  for (size_t i = 0; i < std::size(kCases); ++i) {
    const Problem p = random_problem(kCases[i]);
    Suite suite(p);
    for (int64_t precision : kPrecisions) {
      const std::vector<Wanted> list = suite.expected(precision);
      for (stream::Isa isa : tile_isas()) {
        kernels::fill(isa);
        for (const Wanted& e : list) check(suite, e, precision, i, isa);
      }
    }
  }
}

std::string all_results(const ConvCase& s, int64_t precision) {
  const Problem p = random_problem(s);
  Suite suite(p);
  std::string all;
  for (const Wanted& e : suite.expected(precision)) all += result_of(suite, e, precision, 2);
  return all;
}

// The f32 kernels would pass the check above for two of them. Small or grouped convolutions are left to them.
TEST(amx_convolutions_are_those_of_their_precision) {
  const ConvCase left[] = {{2, 9, 12, 15, 40, 3, 3, {1, 1}, {1, 1}, {1, 1, 1, 1}, 1},
                           {2, 9, 12, 40, 15, 3, 3, {1, 1}, {1, 1}, {1, 1, 1, 1}, 1},
                           {2, 9, 12, 64, 64, 3, 3, {1, 1}, {1, 1}, {1, 1, 1, 1}, 2},
                           {1, 3, 3, 16, 16, 3, 3, {1, 1}, {1, 1}, {1, 1, 1, 1}, 1}};
  for (stream::Isa isa : tile_isas()) {
    kernels::fill(stream::Isa::kAvx512);
    std::vector<std::string> all{all_results(kCases[0], kernels::kPrecisionF32)};
    kernels::fill(isa);
    for (int64_t precision : kPrecisions) {
      all.push_back(all_results(kCases[0], precision));
      for (size_t i = 0; i + 1 < all.size(); ++i) CHECK(all[i] != all.back());
    }
    for (const auto& other : left)
      CHECK(all_results(other, kernels::kPrecisionF32) == all_results(other, kernels::kPrecisionBf16));
  }
}

// One value that is not finite sends the command to the kernels of f32.
void check_left_to_f32(stream::Isa isa, size_t operand, double value) {
  Problem p = random_problem(kCases[0]);
  std::vector<double>* values[] = {&p.x, &p.w, &p.dy};
  values[operand]->at(77) = value;
  Suite suite(p);
  for (const Wanted& e : suite.expected(kernels::kPrecisionHigh)) {
    kernels::fill(stream::Isa::kAvx512);
    const std::string plain = result_of(suite, e, kernels::kPrecisionF32, 2);
    kernels::fill(isa);
    const bool reads = &e.slot == &kernels::conv2d              ? operand != 2
                       : &e.slot == &kernels::conv2d_input_grad ? operand != 0
                                                                : operand != 1;
    for (int64_t precision : kPrecisions) CHECK_EQ(result_of(suite, e, precision, 2) == plain, reads);
  }
}

TEST(amx_convolutions_leave_infinity_to_f32) {
  for (stream::Isa isa : tile_isas()) {
    for (size_t operand = 0; operand < 3; ++operand) {
      for (const double value : {std::numeric_limits<double>::infinity(), std::nan("")})
        check_left_to_f32(isa, operand, value);
    }
  }
}

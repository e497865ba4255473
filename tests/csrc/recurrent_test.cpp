// The recurrence kernels against loops in double, and their gradients against differences of the forward.
#include "kernels/recurrent.h"

#include <cmath>

#include "check.h"
#include "kernel_cases.h"

using namespace hebb;
using namespace hebb::testing;
using kernels::RecurrentParams;

namespace {

struct Extents {
  int64_t batch, time, hidden;
};

// Units that fill no vector, a part of a tile, several tiles; rows of several panels; sums of several blocks.
constexpr Extents kExtents[] = {{1, 1, 1}, {2, 3, 5}, {15, 2, 16}, {3, 4, 37}, {31, 2, 70}, {2, 2, 150}};

enum class Kind { kRnn, kRelu, kLstm, kGru };
constexpr Kind kKinds[] = {Kind::kRnn, Kind::kRelu, Kind::kLstm, Kind::kGru};

int64_t gates_of(Kind kind) { return kind == Kind::kLstm ? 4 : kind == Kind::kGru ? 3 : 1; }
bool keeps(Kind kind) { return kind == Kind::kLstm || kind == Kind::kGru; }

// All operands of one recurrence. The results are y, h and c, and what the gradient needs.
struct Sequence {
  Kind kind;
  DType dtype;
  Extents n;
  RecurrentParams params{};
  Buffer products, weight, bias, h0, c0, y, h, c, gates, kept;

  Sequence(Kind which, DType type, Extents extents)
      : kind(which),
        dtype(type),
        n(extents),
        products(type, {n.batch, n.time, gates_of(which) * n.hidden}),
        weight(type, {gates_of(which) * n.hidden, n.hidden}),
        bias(type, {gates_of(which) * n.hidden}),
        h0(type, {n.batch, n.hidden}),
        c0(type, {n.batch, n.hidden}),
        y(type, {n.batch, n.time, n.hidden}),
        h(type, {n.batch, n.hidden}),
        c(type, {n.batch, n.hidden}),
        gates(type, {n.batch, n.time, gates_of(which) * n.hidden}),
        kept(type, {n.batch, n.time, n.hidden}) {
    unsigned seed = 1;
    for (Buffer* buffer : {&products, &weight, &bias, &h0, &c0}) fill_random(*buffer, type, seed++);
    for (int64_t i = 0; i < weight.size(); ++i) {
      set_element(weight, type, i, element(weight, type, i) / std::sqrt(double(n.hidden)));
    }
    params.relu = which == Kind::kRelu;
    params.has_bias = true;
  }

  void forward(int threads) {
    std::vector<stream::Operand> operands;
    if (params.saves) {
      for (int64_t i = 0; i < gates.size(); ++i) set_element(gates, dtype, i, element(products, dtype, i));
      operands.push_back(gates.updated());
    }
    operands.insert(operands.end(), {y.out(), h.out()});
    if (kind == Kind::kLstm) operands.push_back(c.out());
    operands.push_back(params.saves ? kept.out() : products.in());
    for (Buffer* input : {&weight, &h0}) operands.push_back(input->in());
    if (kind == Kind::kLstm) operands.push_back(c0.in());
    if (params.has_bias) operands.push_back(bias.in());
    run(kind == Kind::kLstm  ? kernels::lstm_sequence
        : kind == Kind::kGru ? kernels::gru_sequence
                             : kernels::rnn_sequence,
        threads, operands, params);
  }
};

double sigmoid(double z) { return 1 / (1 + std::exp(-z)); }

// What a product is given of a weight or of a state.
double kept(const Sequence& s, double value) {
  return s.params.precision == kernels::kPrecisionBf16 ? to_float(to_bf16(static_cast<float>(value))) : value;
}

// y, h and c in double, one after the other.
std::vector<double> reference(Sequence& s) {
  const auto [batch, time, hidden] = s.n;
  const int64_t gates = gates_of(s.kind);
  std::vector<double> y(size_t(batch * time * hidden)), last_h, last_c;
  for (int64_t b = 0; b < batch; ++b) {
    std::vector<double> h, c;
    for (int64_t j = 0; j < hidden; ++j) {
      h.push_back(element(s.h0, s.dtype, b * hidden + j));
      c.push_back(element(s.c0, s.dtype, b * hidden + j));
    }
    for (int64_t i = 0; i < time; ++i) {
      const int64_t t = s.params.reverse ? time - 1 - i : i, row = b * time + t;
      std::vector<double> x, u;
      for (int64_t g = 0; g < gates * hidden; ++g) {
        x.push_back(element(s.products, s.dtype, row * gates * hidden + g));
        double sum = s.params.has_bias ? element(s.bias, s.dtype, g) : 0;
        for (int64_t k = 0; k < hidden; ++k)
          sum += kept(s, element(s.weight, s.dtype, g * hidden + k)) * kept(s, h[size_t(k)]);
        u.push_back(sum);
      }
      for (int64_t j = 0; j < hidden; ++j) {
        const auto z = [&](int64_t gate) {
          return x[size_t(gate * hidden + j)] + u[size_t(gate * hidden + j)];
        };
        double& own = h[size_t(j)];
        if (s.kind == Kind::kLstm) {
          double& cell = c[size_t(j)];
          cell = sigmoid(z(1)) * cell + sigmoid(z(0)) * std::tanh(z(2));
          own = sigmoid(z(3)) * std::tanh(cell);
        } else if (s.kind == Kind::kGru) {
          const double fresh =
              std::tanh(x[size_t(2 * hidden + j)] + sigmoid(z(0)) * u[size_t(2 * hidden + j)]);
          own = (1 - sigmoid(z(1))) * fresh + sigmoid(z(1)) * own;
        } else {
          own = s.kind == Kind::kRelu ? std::fmax(z(0), 0) : std::tanh(z(0));
        }
        y[size_t(row * hidden + j)] = own;
      }
    }
    last_h.insert(last_h.end(), h.begin(), h.end());
    last_c.insert(last_c.end(), c.begin(), c.end());
  }
  y.insert(y.end(), last_h.begin(), last_h.end());
  if (s.kind == Kind::kLstm) y.insert(y.end(), last_c.begin(), last_c.end());
  return y;
}

std::vector<double> results(Sequence& s) {
  std::vector<double> all = elements(s.y, s.dtype);
  for (Buffer* state : {&s.h, &s.c}) {
    if (state == &s.c && s.kind != Kind::kLstm) continue;
    const auto list = elements(*state, s.dtype);
    all.insert(all.end(), list.begin(), list.end());
  }
  return all;
}

template <class F>
void for_each_sequence(F&& body) {
  for (Kind kind : kKinds) {
    for (const Extents& n : kExtents) {
      for (bool reverse : {false, true}) body(kind, n, reverse);
    }
  }
}

}  // namespace

TEST(recurrent_sequences) {
  for_each_isa([] {
    for_each_sequence([](Kind kind, const Extents& n, bool reverse) {
      for (DType dtype : {DType::kF32, DType::kF64}) {
        Sequence one(kind, dtype, n), two(kind, dtype, n);
        one.params.reverse = two.params.reverse = reverse;
        one.params.has_bias = two.params.has_bias = n.time != 2;
        two.params.saves = keeps(kind);
        one.forward(1);
        two.forward(3);
        const auto want = reference(one), got = results(one);
        CHECK_EQ(got.size(), want.size());
        for (size_t i = 0; i < want.size(); ++i) {
          CHECK_NEAR(got[i], want[i], 20 * relative_bound(dtype) * (1 + std::fabs(want[i])));
        }
        CHECK(same_bits(one.y, two.y));
        CHECK(same_bits(one.h, two.h));
      }
    });
  });
}

namespace {

// Batches and units that fill tiles of the unit or not, and rows of states that lie whole kilobytes apart.
constexpr Extents kTileExtents[] = {{16, 3, 32}, {33, 2, 70}, {40, 3, 128}};

template <class F>
void for_each_tile_isa(F&& body) {
  for (auto isa : tile_isas()) {
    kernels::fill(isa);
    body();
  }
}

double mean_error(const std::vector<double>& got, const std::vector<double>& want) {
  double sum = 0;
  for (size_t i = 0; i < want.size(); ++i) sum += std::fabs(got[i] - want[i]);
  return sum / static_cast<double>(want.size());
}

}  // namespace

// A state that lies between two bf16 may be rounded to the other one here and there: one in some thousands.
TEST(recurrent_sequences_in_bf16) {
  for_each_tile_isa([] {
    for (Kind kind : kKinds) {
      for (const Extents& n : kTileExtents) {
        Sequence one(kind, DType::kF32, n), two(kind, DType::kF32, n), full(kind, DType::kF32, n);
        for (Sequence* s : {&one, &two}) s->params.precision = kernels::kPrecisionBf16;
        two.params.saves = keeps(kind);
        one.forward(1);
        two.forward(3);
        full.forward(1);
        CHECK(same_bits(one.y, two.y));
        CHECK(same_bits(one.h, two.h));
        const auto want = reference(one), got = results(one);
        CHECK(mean_error(got, want) < 2e-5);
        CHECK(mean_error(results(full), want) > 1e-4);
        for (size_t i = 0; i < want.size(); ++i) CHECK_NEAR(got[i], want[i], 1e-2 * (1 + std::fabs(want[i])));
      }
    }
  });
}

namespace {

// The gradient of sum(y dy) + sum(h dh) + sum(c dc): d of the products, dh0 and dc0, of the h products du.
struct Gradient {
  Buffer dy, dh, dc, d, dh0, dc0, du;

  explicit Gradient(Sequence& s)
      : dy(s.dtype, {s.n.batch, s.n.time, s.n.hidden}),
        dh(s.dtype, {s.n.batch, s.n.hidden}),
        dc(s.dtype, {s.n.batch, s.n.hidden}),
        d(s.dtype, {s.n.batch, s.n.time, gates_of(s.kind) * s.n.hidden}),
        dh0(s.dtype, {s.n.batch, s.n.hidden}),
        dc0(s.dtype, {s.n.batch, s.n.hidden}),
        du(s.dtype, {s.n.batch, s.n.time, gates_of(s.kind) * s.n.hidden}) {
    unsigned seed = 11;
    for (Buffer* buffer : {&dy, &dh, &dc}) fill_random(*buffer, s.dtype, seed++);
  }

  void run_for(Sequence& s, int threads) {
    std::vector<stream::Operand> operands{d.out(), dh0.out()};
    if (s.kind == Kind::kLstm) {
      operands.insert(operands.end(), {dc0.out(), s.weight.in(), s.gates.in(), s.kept.in(), s.c0.in()});
    } else if (s.kind == Kind::kGru) {
      operands.insert(operands.end(),
                      {du.out(), s.weight.in(), s.gates.in(), s.kept.in(), s.y.in(), s.h0.in()});
    } else {
      operands.insert(operands.end(), {s.weight.in(), s.y.in()});
    }
    if (s.params.has_dy) operands.push_back(dy.in());
    if (s.params.has_dh) operands.push_back(dh.in());
    if (s.params.has_dc) operands.push_back(dc.in());
    run(s.kind == Kind::kLstm  ? kernels::lstm_sequence_grad
        : s.kind == Kind::kGru ? kernels::gru_sequence_grad
                               : kernels::rnn_sequence_grad,
        threads, operands, s.params);
  }

  // What it is the gradient of, by the reference.
  double value(Sequence& s) {
    const auto all = reference(s);
    double sum = 0;
    size_t i = 0;
    for (Buffer* weights : {&dy, &dh, &dc}) {
      if (i == all.size()) break;
      const bool counts = weights == &dy   ? s.params.has_dy
                          : weights == &dh ? s.params.has_dh
                                           : s.params.has_dc;
      for (int64_t k = 0; k < weights->size(); ++k) {
        sum += counts ? all[i] * element(*weights, s.dtype, k) : 0;
        ++i;
      }
    }
    return sum;
  }
};

// Along one random direction of `input`, by central differences.
void check_slope(Sequence& s, Gradient& gradient, Buffer& input, Buffer& own) {
  Buffer direction(s.dtype, {input.size()});
  fill_random(direction, s.dtype, 21);
  const auto before = elements(input, s.dtype);
  const auto moved = [&](double amount) {
    for (int64_t i = 0; i < input.size(); ++i) {
      set_element(input, s.dtype, i, before[size_t(i)] + amount * element(direction, s.dtype, i));
    }
    const double value = gradient.value(s);
    for (int64_t i = 0; i < input.size(); ++i) set_element(input, s.dtype, i, before[size_t(i)]);
    return value;
  };
  const double step = 1e-6, numeric = (moved(step) - moved(-step)) / (2 * step);
  double analytic = 0, scale = 1;
  for (int64_t i = 0; i < input.size(); ++i) {
    const double term = element(own, s.dtype, i) * element(direction, s.dtype, i);
    analytic += term;
    scale += std::fabs(term);
  }
  CHECK_NEAR(analytic, numeric, 1e-7 * scale);
}

}  // namespace

TEST(recurrent_gradients) {
  for_each_isa([] {
    for_each_sequence([](Kind kind, const Extents& n, bool reverse) {
      if (kind == Kind::kRelu && n.hidden > 40) return;  // differences would step over its kink
      Sequence s(kind, DType::kF64, n);
      s.params.reverse = reverse;
      s.params.saves = keeps(kind);
      s.params.has_dy = n.time > 1;
      s.params.has_dh = n.batch != 15;
      s.params.has_dc = kind == Kind::kLstm && n.hidden != 37;
      s.forward(1);
      Gradient gradient(s), other(s);
      gradient.run_for(s, 1);
      other.run_for(s, 3);
      CHECK(same_bits(gradient.d, other.d));
      CHECK(same_bits(gradient.dh0, other.dh0));
      check_slope(s, gradient, s.products, gradient.d);
      check_slope(s, gradient, s.h0, gradient.dh0);
      if (kind == Kind::kLstm) check_slope(s, gradient, s.c0, gradient.dc0);
      if (kind != Kind::kGru) return;
      // The bias of h is a sum over all rows of what the h products get.
      Buffer sums(s.dtype, {s.bias.size()});
      for (int64_t g = 0; g < sums.size(); ++g) {
        double sum = 0;
        for (int64_t row = 0; row < n.batch * n.time; ++row) {
          sum += element(gradient.du, s.dtype, row * sums.size() + g);
        }
        set_element(sums, s.dtype, g, sum);
      }
      check_slope(s, gradient, s.bias, sums);
    });
  });
}

TEST(recurrent_gradients_in_f32) {
  for_each_isa([] {
    for_each_sequence([](Kind kind, const Extents& n, bool reverse) {
      Sequence narrow(kind, DType::kF32, n), wide(kind, DType::kF64, n);
      Buffer* const from[] = {&narrow.products, &narrow.weight, &narrow.bias, &narrow.h0, &narrow.c0};
      Buffer* const to[] = {&wide.products, &wide.weight, &wide.bias, &wide.h0, &wide.c0};
      for (size_t k = 0; k < std::size(from); ++k) {
        for (int64_t i = 0; i < from[k]->size(); ++i) to[k]->as<double>()[i] = from[k]->as<float>()[i];
      }
      for (Sequence* s : {&narrow, &wide}) {
        s->params.reverse = reverse;
        s->params.saves = keeps(kind);
        s->params.has_dy = true;
        s->forward(2);
      }
      Gradient a(narrow), b(wide);
      for (int64_t i = 0; i < b.dy.size(); ++i) b.dy.as<double>()[i] = a.dy.as<float>()[i];
      a.run_for(narrow, 2);
      b.run_for(wide, 2);
      for (int64_t i = 0; i < a.d.size(); ++i) {
        CHECK_NEAR(element(a.d, DType::kF32, i), element(b.d, DType::kF64, i), 3e-5);
      }
    });
  });
}

// Rounding to 8 bits costs up to 2^-8 of each term of a sum over all units.
TEST(recurrent_gradients_in_bf16) {
  for_each_tile_isa([] {
    for (Kind kind : kKinds) {
      for (const Extents& n : kTileExtents) {
        Sequence s(kind, DType::kF32, n);
        s.params.saves = keeps(kind);
        s.params.has_dy = s.params.has_dh = true;
        s.forward(2);
        Gradient full(s), one(s), two(s);
        full.run_for(s, 2);
        s.params.precision = kernels::kPrecisionBf16;
        one.run_for(s, 1);
        two.run_for(s, 3);
        CHECK(same_bits(one.d, two.d));
        CHECK(same_bits(one.dh0, two.dh0));
        CHECK(!same_bits(one.d, full.d));
        Buffer* const got[] = {&one.d, &one.dh0};
        Buffer* const want[] = {&full.d, &full.dh0};
        for (size_t k = 0; k < 2; ++k) {
          const auto exact = elements(*want[k], DType::kF32), rounded = elements(*got[k], DType::kF32);
          double size = 0;
          for (double value : exact) size += std::fabs(value) / static_cast<double>(exact.size());
          CHECK(mean_error(rounded, exact) < 4e-3 * size);
          CHECK(mean_error(rounded, exact) > 1e-5 * size);
        }
      }
    }
  });
}

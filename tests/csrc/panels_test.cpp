// Products that are given their weight in panels against those that pack it themselves: the same bits.
#include "kernels/panels.h"

#include <string>

#include "check.h"
#include "kernel_cases.h"
#include "kernels/conv.h"
#include "kernels/gemm.h"
#include "kernels/recurrent.h"

using namespace hebb;
using namespace hebb::testing;

namespace {

using Operands = std::vector<stream::Operand>;

template <class P>
stream::Packing packing_of(const stream::Slot& slot, const Operands& operands, const P& params) {
  stream::Command command;
  command.slot = &slot;
  command.operand_count = static_cast<int>(operands.size());
  command.operands = operands.data();
  std::memcpy(command.params, &params, sizeof params);
  return slot.packing(command);
}

std::string bytes_of(const Operands& operands) {
  std::string bytes;
  for (const auto& operand : operands) {
    if (operand.role == stream::Role::kIn) break;
    bytes.append(operand.as<char>(), static_cast<size_t>(operand.size() * item_size(operand.dtype)));
  }
  return bytes;
}

void spoil(const Operands& operands) {
  for (const auto& operand : operands) {
    if (operand.role == stream::Role::kIn) break;
    std::memset(operand.data, 0xff, static_cast<size_t>(operand.size() * item_size(operand.dtype)));
  }
}

// The command alone, then with its weight in panels; for all numbers of threads.
template <class P>
void check_panels(const stream::Slot& slot, Operands operands, const P& params,
                  const stream::Slot& packer = kernels::pack_panels) {
  run(slot, 1, operands, params);
  const std::string want = bytes_of(operands);
  const stream::Packing packing = packing_of(slot, operands, params);
  CHECK(packing.operand >= 0);
  CHECK(packing.slot == &packer);
  auto& weight = operands[static_cast<size_t>(packing.operand)];
  stream::Operand source = packing.source;
  source.data = weight.data;
  source.block = weight.block;
  std::string first;
  for (int packers : {1, 3}) {
    Buffer panels(packing.dtype, {packing.size});
    std::memset(panels.as<char>(), 0xff, panels.bytes());
    run(*packing.slot, packers, {panels.out(), source}, 0);
    const std::string contents(panels.as<char>(), panels.bytes());
    if (packers == 1) first = contents;
    CHECK(contents == first);
    weight.data = panels.as<void>();
    weight.in_panels = true;
    CHECK_EQ(packing_of(slot, operands, params).operand, -1);
    for (int threads : {1, 2, 3}) {
      spoil(operands);
      run(slot, threads, operands, params);
      CHECK(bytes_of(operands) == want);
    }
  }
}

struct Product {
  int64_t batch, m, n, k;
  bool b_transposed = true, bias = false, a_transposed = false;
  int64_t activation = kernels::kActivationNone;
};

// The buffers and operands of C [batch, m, n] = A B, with one B for all.
struct ProductOperands {
  Product p;
  Buffer c, a, b, bias;

  ProductOperands(const Product& product, DType dtype)
      : p(product),
        c(dtype, {p.batch, p.m, p.n}),
        a(dtype, {p.batch, p.a_transposed ? p.k : p.m, p.a_transposed ? p.m : p.k}),
        b(dtype, {1, p.b_transposed ? p.n : p.k, p.b_transposed ? p.k : p.n}),
        bias(dtype, {p.n}) {
    unsigned seed = 1;
    for (Buffer* buffer : {&a, &b, &bias}) fill_random(*buffer, dtype, seed++);
  }

  Operands operands() {
    const auto matrix = [](Buffer& buffer, bool transposed) {
      stream::Operand o = buffer.in();
      if (transposed) std::swap(o.shape[1], o.shape[2]), std::swap(o.strides[1], o.strides[2]);
      return o;
    };
    Operands list{c.out(), matrix(a, p.a_transposed), matrix(b, p.b_transposed)};
    list[2].shape[0] = p.batch;
    list[2].strides[0] = 0;
    if (p.bias) list.push_back(bias.in());
    return list;
  }
  kernels::GemmParams params() const { return {p.activation, p.bias}; }
};

constexpr DType kFloats[] = {DType::kF32, DType::kF64, DType::kF16, DType::kBF16};

void check_product(const Product& p) {
  for_each_isa([&] {
    for (DType dtype : kFloats) {
      ProductOperands product(p, dtype);
      check_panels(kernels::gemm, product.operands(), product.params());
    }
  });
}

bool is_packed(const Product& p, DType dtype = DType::kF32) {
  ProductOperands product(p, dtype);
  return packing_of(kernels::gemm, product.operands(), product.params()).operand >= 0;
}

}  // namespace

// Columns that fill no vector, one, a panel, several; k of several blocks.
TEST(panels_of_products) {
  for (int64_t n : {7, 16, 17, 33, 70, 131}) check_product({1, 33, n, 600});
  for (int64_t m : {9, 31, 75, 130}) check_product({1, m, 40, 131});
  check_product({1, 64, 611, 300});
  check_product({1, 35, 67, 1100});
}

TEST(panels_of_products_in_other_layouts) {
  check_product({1, 61, 77, 131, false});
  check_product({1, 61, 77, 131, true, true, true});
  check_product({1, 300, 160, 65, false, false, true});
  for (int64_t activation : {kernels::kActivationRelu, kernels::kActivationSigmoid, kernels::kActivationTanh})
    check_product({1, 33, 70, 530, true, true, false, activation});
}

// Rows of one matrix, and matrices that are none of a taller one.
TEST(panels_of_products_in_batches) {
  check_product({12, 1, 70, 131, true, true});
  check_product({4, 9, 70, 131});
  check_product({5, 12, 70, 131, true, false, true});
  check_product({3, 65, 150, 131, true, false, true});
}

// Those of a tile unit are its tiles.
TEST(panels_of_products_on_a_tile_unit) {
  for (auto isa : tile_isas()) {
    kernels::fill(isa);
    for (int64_t precision : {kernels::kPrecisionF32, kernels::kPrecisionHigh, kernels::kPrecisionBf16}) {
      for (const Product& p : {Product{1, 65, 70, 1100},
                               {1, 40, 2100, 70, false},
                               {4, 40, 70, 131},
                               {3, 65, 150, 131, true, true, true}}) {
        ProductOperands product(p, DType::kF32);
        kernels::GemmParams params = product.params();
        params.precision = precision;
        params.method = precision == kernels::kPrecisionF32 ? kernels::kGemmTiles : kernels::kGemmByShape;
        check_panels(kernels::gemm, product.operands(), params,
                     kernels::pack_tiles[kernels::kPrecisionBf16 - precision]);
      }
    }
  }
}

TEST(panels_are_for_weights_that_are_packed_often) {
  for_each_isa([] {
    CHECK(is_packed({1, 32, 256, 256}));
    CHECK(is_packed({1, 512, 256, 256}));
    CHECK(!is_packed({1, 513, 256, 256}));
    CHECK(!is_packed({65, 8, 256, 256}));
    CHECK(!is_packed({1, 32, 63, 65}));
    CHECK(!is_packed({1, 32, 0, 256}));
    // Thin products read B where it is.
    for (int64_t m : {1, 8}) CHECK(!is_packed({1, m, 256, 256}));
    for (int64_t m : {1, 2}) CHECK(!is_packed({1, m, 256, 256, false}));
    CHECK(!is_packed({1, 32, 4, 2000}));
    // So do those of few rows where B is contiguous along them.
    CHECK(!is_packed({1, 8, 256, 256, false}));
    CHECK(is_packed({1, 64, 256, 256, false}));
    // Half types are converted with every packing.
    CHECK(is_packed({1, 1, 256, 256}, DType::kF16));
    CHECK(is_packed({1, 8, 256, 256, false}, DType::kBF16));
  });
}

TEST(panels_are_of_one_matrix) {
  Buffer c(DType::kF32, {3, 40, 70}), a(DType::kF32, {3, 40, 131}), b(DType::kF32, {3, 131, 70});
  const kernels::GemmParams params{kernels::kActivationNone, false};
  for_each_isa([&] { CHECK_EQ(packing_of(kernels::gemm, {c.out(), a.in(), b.in()}, params).operand, -1); });
}

namespace {

// A recurrence and its gradient by operands: results, then inputs.
struct Recurrence {
  const stream::Slot &forward, &gradient;
  int64_t gates;
};

void check_recurrence(const Recurrence& r, DType dtype, int64_t batch, int64_t time, int64_t hidden) {
  const int64_t wide = r.gates * hidden;
  Buffer products(dtype, {batch, time, wide}), weight(dtype, {wide, hidden}), bias(dtype, {wide}),
      h0(dtype, {batch, hidden}), c0(dtype, {batch, hidden}), y(dtype, {batch, time, hidden}),
      h(dtype, {batch, hidden}), c(dtype, {batch, hidden}), kept(dtype, {batch, time, hidden}),
      dy(dtype, {batch, time, hidden}), d(dtype, {batch, time, wide}), du(dtype, {batch, time, wide});
  unsigned seed = 1;
  for (Buffer* buffer : {&products, &weight, &bias, &h0, &c0, &y, &kept, &dy})
    fill_random(*buffer, dtype, seed++, 0.1);
  kernels::RecurrentParams params{};
  params.has_bias = params.has_dy = true;
  const bool lstm = r.gates == 4, gru = r.gates == 3;
  Operands results{y.out(), h.out()}, inputs{weight.in(), h0.in()};
  if (lstm) results.push_back(c.out()), inputs.push_back(c0.in());
  inputs.push_back(bias.in());
  Operands forward = results;
  forward.push_back(products.in());
  forward.insert(forward.end(), inputs.begin(), inputs.end());
  check_panels(r.forward, forward, params);
  // The panels are of the weight alone: any numbers do for gates.
  Operands gradient{d.out(), h.out()};
  if (lstm) gradient.insert(gradient.end(), {c.out(), weight.in(), products.in(), kept.in(), c0.in()});
  if (gru)
    gradient.insert(gradient.end(), {du.out(), weight.in(), products.in(), kept.in(), y.in(), h0.in()});
  if (!lstm && !gru) gradient.insert(gradient.end(), {weight.in(), y.in()});
  gradient.push_back(dy.in());
  check_panels(r.gradient, gradient, params);
  if (!lstm && !gru) return;
  // One that keeps its gates has the weight at another place.
  Operands keeping{products.updated()};
  keeping.insert(keeping.end(), results.begin(), results.end());
  keeping.push_back(kept.out());
  const auto weight_at = static_cast<int>(keeping.size());
  keeping.insert(keeping.end(), inputs.begin(), inputs.end());
  params.saves = true;
  CHECK_EQ(packing_of(r.forward, keeping, params).operand, weight_at);
}

}  // namespace

TEST(panels_of_recurrences) {
  const Recurrence all[] = {{kernels::rnn_sequence, kernels::rnn_sequence_grad, 1},
                            {kernels::lstm_sequence, kernels::lstm_sequence_grad, 4},
                            {kernels::gru_sequence, kernels::gru_sequence_grad, 3}};
  for_each_isa([&] {
    for (const auto& r : all) {
      for (DType dtype : {DType::kF32, DType::kF64}) {
        check_recurrence(r, dtype, 1, 1, 70);
        check_recurrence(r, dtype, 31, 3, 81);
        check_recurrence(r, dtype, 2, 2, 150);
      }
    }
  });
}

TEST(panels_of_convolutions) {
  struct Image {
    int64_t batch, extent, channels, outs, taps, stride, groups;
  };
  const Image images[] = {{1, 9, 17, 37, 3, 1, 1}, {2, 8, 64, 70, 1, 1, 1}, {2, 11, 13, 33, 5, 2, 1}};
  const auto operands = [](const Image& s, DType dtype, auto&& f) {
    const int64_t before = s.taps / 2, out = (s.extent + 2 * before - s.taps) / s.stride + 1;
    Buffer x(dtype, {s.batch, s.extent, s.extent, s.channels}), y(dtype, {s.batch, out, out, s.outs}),
        weight(dtype, {s.outs, s.taps, s.taps, s.channels / s.groups}), bias(dtype, {s.outs});
    unsigned seed = 1;
    for (Buffer* buffer : {&x, &weight, &bias}) fill_random(*buffer, dtype, seed++);
    const kernels::ConvParams params{{s.stride, s.stride},     {1, 1}, {before, before}, s.groups,
                                     kernels::kActivationRelu, true};
    f(Operands{y.out(), x.in(), weight.in(), bias.in()}, params);
  };
  for_each_isa([&] {
    for (const auto& s : images) {
      for (DType dtype : kFloats) {
        operands(s, dtype, [](const Operands& list, const auto& params) {
          check_panels(kernels::conv2d, list, params);
        });
      }
    }
    // Groups, and what Winograd's tiles do, which have their own form of the weight.
    for (const Image& unpacked : {Image{1, 9, 64, 64, 3, 1, 2}, Image{1, 16, 64, 64, 3, 1, 1}})
      operands(unpacked, DType::kF32, [](const Operands& list, const auto& params) {
        CHECK_EQ(packing_of(kernels::conv2d, list, params).operand, -1);
      });
  });
}

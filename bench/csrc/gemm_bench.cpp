// Measures GEMM through its kernel and the pool, as GFLOP/s and as a fraction of the FMA peak measured in
// between.
//
//   gemm_bench ISA THREADS [SECONDS_PER_SHAPE [SHAPE...]]
//
// A shape is MxNxK, or MxNxK: and letters: t where B is transposed, as in a linear layer, a where A is, as in
// the gradient of its weight, p where B was packed before, as a compiled step does with weights, c where the
// operands are in no cache before each call; and on a tile unit b for precision bf16, h for high, s for f32 as
// sums of three terms. The peak of these is the unit's, over the products that each takes: 1, 3 and 6.
//
// Prints one JSON object a line: {m, n, k, dtype, letters, isa, threads, gflops, peakGflops, fraction,
// medianGflops, samples}.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "core/storage.h"
#include "device/cpu/isa.h"
#include "device/cpu/pages.h"
#include "device/cpu/pool.h"
#include "kernels/fill.h"
#include "kernels/gemm.h"
#include "stream/context.h"

namespace hebb::kernels {
#if defined(__x86_64__)
namespace v2 {
double fma_peak(int64_t rounds);
}
namespace avx2 {
double fma_peak(int64_t rounds);
}
namespace avx512 {
double fma_peak(int64_t rounds);
double tile_peak(int64_t rounds);
}
#else
namespace neon {
double fma_peak(int64_t rounds);
}
#endif
}  // namespace hebb::kernels

namespace {

using namespace hebb;

struct ShapeSpec {
  int64_t m, n, k;
  DType dtype;
  std::string letters;

  bool has(char letter) const { return letters.find(letter) != std::string::npos; }
  int64_t precision() const {
    return has('b') ? kernels::kPrecisionBf16 : has('h') ? kernels::kPrecisionHigh : kernels::kPrecisionF32;
  }
  // Products of tiles for each of the matrices; 0 where the unit is not asked for.
  int terms() const { return has('b') ? 1 : has('h') ? 3 : has('s') ? 6 : 0; }
};

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double register_peak(stream::Isa isa, bool tiles, int64_t rounds) {
#if defined(__x86_64__)
  if (isa == stream::Isa::kAmx && tiles) return kernels::avx512::tile_peak(rounds);
  if (isa >= stream::Isa::kAvx512) return kernels::avx512::fma_peak(rounds);
  if (isa == stream::Isa::kAvx2) return kernels::avx2::fma_peak(rounds);
  return kernels::v2::fma_peak(rounds);
#else
  static_cast<void>(isa), static_cast<void>(tiles);
  return kernels::neon::fma_peak(rounds);
#endif
}

// GFLOP/s of all threads together, in pieces small enough that a late thread costs little.
double measure_peak(stream::Isa isa, bool tiles, stream::Context& context) {
  constexpr int64_t kPieces = 64, kRounds = 1000;
  std::vector<double> work(static_cast<size_t>(kPieces));
  const double start = seconds();
  context.parallel(kPieces, [&](int64_t task, int) {
    work[static_cast<size_t>(task)] = register_peak(isa, tiles, kRounds);
  });
  const double time = seconds() - start;
  double total = 0;
  for (double piece : work) total += piece;
  return total / time * 1e-9;
}

// Memory as tensors have it, in huge pages, with small varying values, never denormal.
class Matrix {
 public:
  Matrix(DType dtype, int64_t rows, int64_t columns) {
    const int64_t count = rows * columns;
    const size_t bytes = static_cast<size_t>(count * item_size(dtype));
    bytes_ = (bytes + cpu::kHugePage) / cpu::kHugePage * cpu::kHugePage;
    block_.data = cpu::map_pages(bytes_);
    if (block_.data == nullptr) std::abort();
    operand_.data = block_.data;
    operand_.block = &block_;
    operand_.dtype = dtype;
    operand_.rank = 2;
    operand_.shape[0] = rows, operand_.shape[1] = columns;
    operand_.strides[0] = columns, operand_.strides[1] = 1;
    for (int64_t i = 0; i < count; ++i) set(i, static_cast<float>(i % 17) / 16.0f - 0.5f);
  }
  ~Matrix() { cpu::unmap_pages(block_.data, bytes_); }
  Matrix(const Matrix&) = delete;
  Matrix& operator=(const Matrix&) = delete;

  stream::Operand operand(stream::Role role, bool transposed = false) const {
    stream::Operand o = operand_;
    o.role = role;
    if (transposed) {
      std::swap(o.shape[0], o.shape[1]);
      std::swap(o.strides[0], o.strides[1]);
    }
    return o;
  }

 private:
  void set(int64_t i, float value) {
    switch (operand_.dtype) {
      case DType::kF64:
        operand_.as<double>()[i] = value;
        break;
      case DType::kBF16:
        operand_.as<BF16>()[i] = to_bf16(value);
        break;
      default:
        operand_.as<float>()[i] = value;
    }
  }

  size_t bytes_;
  Block block_;
  stream::Operand operand_;
};

// The command with its B in panels, where the kernel would pack it.
class PackedRight {
 public:
  PackedRight(stream::Command& command, stream::Operand* operands, stream::Context& context) {
    stream::Packing packing = kernels::gemm.packing(command);
    if (packing.operand != 2) return;
    panels_ = std::make_unique<Matrix>(packing.dtype, 1, packing.size);
    packing.source.data = operands[2].data;
    packing.source.block = operands[2].block;
    packing.source.role = stream::Role::kIn;
    const stream::Operand pack[] = {panels_->operand(stream::Role::kOut), packing.source};
    stream::Command packs;
    packs.slot = packing.slot;
    packs.operand_count = 2;
    packs.operands = pack;
    packing.slot->cpu(packs, context);
    operands[2].data = pack[0].data;
    operands[2].block = pack[0].block;
    operands[2].in_panels = true;
  }

 private:
  std::unique_ptr<Matrix> panels_;
};

// Reads and writes more than the caches hold.
void empty_caches(stream::Context& context) {
  static std::vector<float> other(size_t{16} << 20);
  constexpr int64_t kPieces = 64;
  const int64_t length = static_cast<int64_t>(other.size()) / kPieces;
  context.parallel(kPieces, [&](int64_t piece, int) {
    for (int64_t i = piece * length; i < (piece + 1) * length; ++i) other[static_cast<size_t>(i)] += 1;
  });
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void measure(const ShapeSpec& shape, stream::Isa isa, stream::Context& context, double budget) {
  const bool t = shape.has('t'), a_across = shape.has('a'), cold = shape.has('c');
  const Matrix a(shape.dtype, a_across ? shape.k : shape.m, a_across ? shape.m : shape.k);
  const Matrix c(shape.dtype, shape.m, shape.n);
  const Matrix b(shape.dtype, t ? shape.n : shape.k, t ? shape.k : shape.n);
  stream::Operand operands[] = {c.operand(stream::Role::kOut), a.operand(stream::Role::kIn, a_across),
                                b.operand(stream::Role::kIn, t)};
  stream::Command command;
  command.slot = &kernels::gemm;
  command.operand_count = 3;
  command.operands = operands;
  const kernels::GemmParams params{kernels::kActivationNone, false, shape.precision(),
                                   shape.has('s') ? kernels::kGemmTiles : kernels::kGemmByShape};
  std::memcpy(command.params, &params, sizeof params);
  std::unique_ptr<PackedRight> packed;
  if (shape.has('p')) packed = std::make_unique<PackedRight>(command, operands, context);
  const double flops =
      2.0 * static_cast<double>(shape.m) * static_cast<double>(shape.n) * static_cast<double>(shape.k);
  const auto time_calls = [&](int calls) {
    const double start = seconds();
    for (int i = 0; i < calls; ++i) kernels::gemm.cpu(command, context);
    return (seconds() - start) / calls;
  };
  time_calls(1);
  // Several calls a sample, so that the clock's resolution does not show.
  const int calls = cold ? 1 : std::max(1, static_cast<int>(500e-6 / time_calls(1)));
  const int terms = isa == stream::Isa::kAmx ? shape.terms() : 0;
  std::vector<double> rates, peaks;
  const double end = seconds() + budget;
  while (seconds() < end || rates.size() < 5) {
    peaks.push_back(measure_peak(isa, terms > 0, context));
    if (cold) empty_caches(context);
    rates.push_back(flops / time_calls(calls) * 1e-9);
  }
  const double best = *std::max_element(rates.begin(), rates.end());
  const double peak = *std::max_element(peaks.begin(), peaks.end()) / (shape.dtype == DType::kF64 ? 2 : 1) /
                      std::max(1, terms);
  std::printf(
      "{\"m\":%ld,\"n\":%ld,\"k\":%ld,\"dtype\":\"%s\",\"letters\":\"%s\",\"isa\":\"%s\",\"threads\":%d,"
      "\"gflops\":%.2f,\"peakGflops\":%.2f,\"fraction\":%.4f,\"medianGflops\":%.2f,\"samples\":%zu}\n",
      static_cast<long>(shape.m), static_cast<long>(shape.n), static_cast<long>(shape.k),
      dtype_name(shape.dtype), shape.letters.c_str(), cpu::isa_name(isa), context.threads(), best, peak,
      best / peak, median(rates), rates.size());
  std::fflush(stdout);
}

std::vector<ShapeSpec> grid(stream::Isa isa) {
  std::vector<ShapeSpec> shapes;
  for (int64_t n : {64, 128, 256, 512, 1024}) {
    shapes.push_back({n, n, n, DType::kF32, ""});
    shapes.push_back({n, n, n, DType::kF32, "tp"});
    if (isa != stream::Isa::kAmx || n < 256) continue;
    for (const char* letters : {"tpb", "tph", "tps"}) shapes.push_back({n, n, n, DType::kF32, letters});
  }
  const ShapeSpec others[] = {
      {1024, 1024, 1024, DType::kF32, "t"}, {128, 256, 784, DType::kF32, "t"},
      {128, 784, 256, DType::kF32, ""},     {256, 784, 128, DType::kF32, ""},
      {128, 10, 128, DType::kF32, "t"},     {128, 1, 256, DType::kF32, "t"},
      {1, 1024, 1024, DType::kF32, "t"},    {1, 1024, 1024, DType::kF32, ""},
      {4096, 16, 150, DType::kF32, ""},     {4096, 64, 576, DType::kF32, ""},
      {64, 576, 4096, DType::kF32, ""},     {512, 512, 512, DType::kF64, ""},
      {512, 512, 512, DType::kBF16, ""},
  };
  shapes.insert(shapes.end(), std::begin(others), std::end(others));
  return shapes;
}

bool parse_shape(const char* text, ShapeSpec* shape) {
  long m, n, k;
  char letters[8] = "";
  const int read = std::sscanf(text, "%ldx%ldx%ld:%7[tapcbhs]", &m, &n, &k, letters);
  if (read < 3 || m < 1 || n < 1 || k < 1) return false;
  *shape = {m, n, k, DType::kF32, letters};
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  stream::Isa isa;
  if (argc < 3 || !cpu::parse_isa(argv[1], &isa) || !cpu::supports(isa) || std::atoi(argv[2]) < 1) {
    std::fprintf(stderr,
                 "usage: gemm_bench ISA THREADS [SECONDS [MxNxK[:LETTERS]...]]; instruction sets here: %s\n",
                 cpu::supported_isas().c_str());
    return 2;
  }
  const double budget = argc > 3 ? std::atof(argv[3]) : 0.2;
  std::vector<ShapeSpec> shapes = argc > 4 ? std::vector<ShapeSpec>{} : grid(isa);
  for (int i = 4; i < argc; ++i) {
    ShapeSpec shape{};
    if (!parse_shape(argv[i], &shape)) {
      std::fprintf(stderr, "gemm_bench: %s is no shape; write MxNxK, or MxNxK: and letters of tapcbhs\n", argv[i]);
      return 2;
    }
    shapes.push_back(shape);
  }
  kernels::fill(isa);
  cpu::ThreadPool pool(std::atoi(argv[2]));
  stream::Context context(pool.threads(pool.size()));
  for (const ShapeSpec& shape : shapes) measure(shape, isa, context, budget);
  return 0;
}

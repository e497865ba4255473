// Measures convolutions of 3 x 3 with stride 1 by the direct kernels and by Winograd's tiles, in turn, and
// the errors of both against doubles.
//
//   conv_bench ISA THREADS [SECONDS_PER_CASE [LAYER...]]   (a layer is BATCHxHEIGHTxWIDTHxCHANNELSxOUTS)
//
// Prints one JSON object a line: {batch, height, width, channels, outs, pass, isa, threads, directMs,
// winogradMs, directBestMs, winogradBestMs, speedup, directError, winogradError, samples}. Times are medians
// and bests, the speedup is the median of the ratios of neighbouring calls; errors are root mean squares over
// those of the values.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <random>
#include <vector>

#include "core/storage.h"
#include "device/cpu/isa.h"
#include "device/cpu/pool.h"
#include "kernels/conv.h"
#include "kernels/fill.h"
#include "stream/context.h"

namespace {

using namespace hebb;

struct Layer {
  int64_t batch, height, width, channels, outs;
};

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

double least(const std::vector<double>& values) { return *std::min_element(values.begin(), values.end()); }

// Aligned memory of normally distributed values.
class Values {
 public:
  Values(const std::vector<int64_t>& shape, uint32_t seed, double scale) {
    operand_.rank = static_cast<uint8_t>(shape.size());
    int64_t count = 1;
    for (size_t i = shape.size(); i-- > 0; count *= shape[i]) {
      operand_.shape[i] = shape[i];
      operand_.strides[i] = count;
    }
    const size_t bytes = static_cast<size_t>(count) * sizeof(float);
    operand_.data = block_.data = std::aligned_alloc(64, (bytes + 127) / 64 * 64);
    operand_.block = &block_;
    operand_.dtype = DType::kF32;
    std::mt19937 random(seed);
    std::normal_distribution<double> normal(0, scale);
    for (int64_t i = 0; i < count; ++i) data()[i] = static_cast<float>(normal(random));
  }
  ~Values() { std::free(block_.data); }
  Values(const Values&) = delete;
  Values& operator=(const Values&) = delete;

  float* data() const { return static_cast<float*>(block_.data); }
  int64_t size() const { return operand_.size(); }
  double at(int64_t i, int64_t j, int64_t k, int64_t l) const {
    const int64_t* strides = operand_.strides;
    return data()[i * strides[0] + j * strides[1] + k * strides[2] + l];
  }
  stream::Operand operand(stream::Role role) const {
    stream::Operand o = operand_;
    o.role = role;
    return o;
  }

 private:
  Block block_;
  stream::Operand operand_;
};

// A pass over one layer: its command, and single values of its result in doubles.
struct Pass {
  const char* name;
  const stream::Slot* slot;
  const Values *result, *left, *right;
  std::function<double(int64_t index)> exact;
};

// The sum over all taps of term(tap row, tap column).
template <class F>
double over_taps(F&& term) {
  double sum = 0;
  for (int64_t u = 0; u < 3; ++u)
    for (int64_t v = 0; v < 3; ++v) sum += term(u, v);
  return sum;
}

void call(const Pass& pass, stream::Context& context, int64_t method) {
  const stream::Operand operands[] = {pass.result->operand(stream::Role::kOut),
                                      pass.left->operand(stream::Role::kIn),
                                      pass.right->operand(stream::Role::kIn)};
  stream::Command command;
  command.slot = pass.slot;
  command.operand_count = 3;
  command.operands = operands;
  const kernels::ConvParams params{{1, 1}, {1, 1}, {1, 1}, 1, kernels::kActivationNone, false, method};
  std::memcpy(command.params, &params, sizeof params);
  pass.slot->cpu(command, context);
}

// Over some hundred values of the result.
double error_of(const Pass& pass) {
  std::mt19937 random(7);
  double error = 0, size = 0;
  for (int i = 0; i < 400; ++i) {
    const int64_t index = static_cast<int64_t>(random() % static_cast<uint64_t>(pass.result->size()));
    const double exact = pass.exact(index), difference = pass.result->data()[index] - exact;
    error += difference * difference;
    size += exact * exact;
  }
  return std::sqrt(error / size);
}

void measure(const Layer& layer, const Pass& pass, stream::Isa isa, stream::Context& context, double budget) {
  const auto time_call = [&](int64_t method) {
    const double start = seconds();
    call(pass, context, method);
    return (seconds() - start) * 1e3;
  };
  time_call(kernels::kConvDirect);
  const double direct_error = error_of(pass);
  time_call(kernels::kConvWinograd);
  const double winograd_error = error_of(pass);
  std::vector<double> direct, winograd, ratios;
  const double end = seconds() + budget;
  while (seconds() < end || ratios.size() < 5) {
    direct.push_back(time_call(kernels::kConvDirect));
    winograd.push_back(time_call(kernels::kConvWinograd));
    ratios.push_back(direct.back() / winograd.back());
  }
  std::printf(
      "{\"batch\":%ld,\"height\":%ld,\"width\":%ld,\"channels\":%ld,\"outs\":%ld,\"pass\":\"%s\",\"isa\":\"%"
      "s\","
      "\"threads\":%d,\"directMs\":%.3f,\"winogradMs\":%.3f,\"directBestMs\":%.3f,\"winogradBestMs\":%.3f,"
      "\"speedup\":%.3f,\"directError\":%.2e,"
      "\"winogradError\":%.2e,\"samples\":%zu}\n",
      static_cast<long>(layer.batch), static_cast<long>(layer.height), static_cast<long>(layer.width),
      static_cast<long>(layer.channels), static_cast<long>(layer.outs), pass.name, cpu::isa_name(isa),
      context.threads(), median(direct), median(winograd), least(direct), least(winograd), median(ratios),
      direct_error, winograd_error, ratios.size());
  std::fflush(stdout);
}

void measure_layer(const Layer& l, stream::Isa isa, stream::Context& context, double budget) {
  const double scale = 1 / std::sqrt(9.0 * static_cast<double>(l.channels));
  const Values x({l.batch, l.height, l.width, l.channels}, 1, 1),
      weight({l.outs, 3, 3, l.channels}, 2, scale);
  const Values dy({l.batch, l.height, l.width, l.outs}, 3, 1);
  const Values y({l.batch, l.height, l.width, l.outs}, 4, 1),
      dx({l.batch, l.height, l.width, l.channels}, 5, 1);
  const Values dw({l.outs, 3, 3, l.channels}, 6, 1);
  const auto inside = [&](int64_t row, int64_t column) {
    return row >= 0 && row < l.height && column >= 0 && column < l.width;
  };
  const auto forward = [&](int64_t index) {
    const int64_t o = index % l.outs, j = index / l.outs % l.width, i = index / l.outs / l.width % l.height;
    const int64_t n = index / l.outs / l.width / l.height;
    return over_taps([&](int64_t u, int64_t v) {
      double sum = 0;
      if (!inside(i + u - 1, j + v - 1)) return sum;
      for (int64_t c = 0; c < l.channels; ++c)
        sum += x.at(n, i + u - 1, j + v - 1, c) * weight.at(o, u, v, c);
      return sum;
    });
  };
  const auto input_grad = [&](int64_t index) {
    const int64_t c = index % l.channels, j = index / l.channels % l.width;
    const int64_t i = index / l.channels / l.width % l.height, n = index / l.channels / l.width / l.height;
    return over_taps([&](int64_t u, int64_t v) {
      double sum = 0;
      if (!inside(i + 1 - u, j + 1 - v)) return sum;
      for (int64_t o = 0; o < l.outs; ++o) sum += dy.at(n, i + 1 - u, j + 1 - v, o) * weight.at(o, u, v, c);
      return sum;
    });
  };
  const auto weight_grad = [&](int64_t index) {
    const int64_t c = index % l.channels, v = index / l.channels % 3, u = index / l.channels / 3 % 3;
    const int64_t o = index / l.channels / 9;
    double sum = 0;
    for (int64_t n = 0; n < l.batch; ++n)
      for (int64_t i = 0; i < l.height; ++i)
        for (int64_t j = 0; j < l.width; ++j)
          if (inside(i + u - 1, j + v - 1)) sum += dy.at(n, i, j, o) * x.at(n, i + u - 1, j + v - 1, c);
    return sum;
  };
  const Pass passes[] = {{"forward", &kernels::conv2d, &y, &x, &weight, forward},
                         {"inputGrad", &kernels::conv2d_input_grad, &dx, &dy, &weight, input_grad},
                         {"weightGrad", &kernels::conv2d_weight_grad, &dw, &x, &dy, weight_grad}};
  for (const Pass& pass : passes) measure(l, pass, isa, context, budget);
}

bool parse_layer(const char* text, Layer* layer) {
  long n, h, w, c, o;
  if (std::sscanf(text, "%ldx%ldx%ldx%ldx%ld", &n, &h, &w, &c, &o) != 5) return false;
  *layer = {n, h, w, c, o};
  return n > 0 && h > 0 && w > 0 && c > 0 && o > 0;
}

}  // namespace

int main(int argc, char** argv) {
  stream::Isa isa;
  if (argc < 3 || !cpu::parse_isa(argv[1], &isa) || !cpu::supports(isa) || std::atoi(argv[2]) < 1) {
    std::fprintf(stderr,
                 "usage: conv_bench ISA THREADS [SECONDS [NxHxWxCxO...]]; instruction sets here: %s\n",
                 cpu::supported_isas().c_str());
    return 2;
  }
  const double budget = argc > 3 ? std::atof(argv[3]) : 0.5;
  // The layers of ResNet-18 for images of 32 x 32.
  std::vector<Layer> layers{
      {32, 32, 32, 64, 64}, {32, 16, 16, 128, 128}, {32, 8, 8, 256, 256}, {32, 4, 4, 512, 512}};
  if (argc > 4) layers.clear();
  for (int i = 4; i < argc; ++i) {
    Layer layer{};
    if (!parse_layer(argv[i], &layer)) {
      std::fprintf(stderr, "conv_bench: %s is no layer; write NxHxWxCxO\n", argv[i]);
      return 2;
    }
    layers.push_back(layer);
  }
  kernels::fill(isa);
  cpu::ThreadPool pool(std::atoi(argv[2]));
  stream::Context context(pool.threads(pool.size()));
  for (const Layer& layer : layers) measure_layer(layer, isa, context, budget);
  return 0;
}

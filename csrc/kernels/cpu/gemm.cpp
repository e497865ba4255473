// The gemm kernel: batches of strided matrices brought to the loop nest of gemm_core.h.
#include "kernels/gemm.h"

#include "kernels/cpu/gemm_run.h"
#include "kernels/cpu/panels.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

using namespace tile;

Batch batch_of(const stream::Command& command) {
  Batch batch(command[0], command[1], command[2]);
  // Sums of halves and their bias go row by row.
  const bool plain = command[0].dtype == DType::kF32 || command[0].dtype == DType::kF64;
  if (plain && !command.param<GemmParams>().has_bias) batch.turn_column();
  return batch;
}

// The operand B as it lies in memory, or in panels, which all matrices share.
template <class T, class S>
MatrixB<T, S> right_side(const stream::Command& command, const Batch& batch, int64_t offset,
                         const MatrixB<T, S>*) {
  return {command[batch.turned ? 1 : 2].as<S>() + offset, batch.b_k, batch.b_column};
}
template <class T>
PanelB<T> right_side(const stream::Command& command, const Batch& batch, int64_t, const PanelB<T>*) {
  return {command[2].as<T>(), batch.k};
}

template <class T, class B>
Product<T, MatrixA<T>, B, MatrixC<T>> product_at(const stream::Command& command, const Batch& batch,
                                                 int64_t index) {
  const auto& params = command.param<GemmParams>();
  int64_t a, b;
  batch.offsets(index, &a, &b);
  return {batch.m,
          batch.n,
          batch.k,
          {command[batch.turned ? 2 : 1].as<T>() + a, batch.a_row, batch.a_k},
          right_side(command, batch, b, static_cast<const B*>(nullptr)),
          {command[0].as<T>() + index * batch.m * batch.n, batch.n},
          {false, params.has_bias ? command[3].as<T>() : nullptr, params.activation}};
}

// f32 and f64.
template <class T, class B>
void run_plain(const stream::Command& command, stream::Context& context) {
  const Batch batch = batch_of(command);
  run_products<T>(command, context, batch,
                  [&](int64_t index) { return product_at<T, B>(command, batch, index); });
}

// A half result is summed in f32, so rows go through a buffer of at most this many elements (or one panel).
inline constexpr int64_t kHalfBuffer = 1 << 20;

template <class S, class B>
struct HalfRows {
  const stream::Command& command;
  const Batch& batch;

  int64_t rows() const {
    const int64_t fit = batch.n ? kHalfBuffer / batch.n : 1;
    return batch.m < fit ? batch.m : fit < kTileRows ? kTileRows : fit;
  }
  Product<float, MatrixA<float, S>, B, MatrixC<float>> product(int64_t index, int64_t row,
                                                               float* buffer) const {
    int64_t a, b;
    batch.offsets(index, &a, &b);
    const int64_t left = batch.m - row;
    return {left < rows() ? left : rows(),
            batch.n,
            batch.k,
            {command[1].as<S>() + a + row * batch.a_row, batch.a_row, batch.a_k},
            right_side(command, batch, b, static_cast<const B*>(nullptr)),
            {buffer, batch.n}};
  }
  // Bias, activation and rounding of the `row`-th row of the matrix.
  void store(int64_t index, int64_t row, float* sums) const {
    const auto& params = command.param<GemmParams>();
    S* to = command[0].as<S>() + (index * batch.m + row) * batch.n;
    if (params.has_bias) {
      for (int64_t j = 0; j < batch.n; ++j) sums[j] += compute_value(command[3].as<S>()[j]);
    }
    if (params.activation != kActivationNone) {
      for (int64_t j = 0; j < batch.n; j += 1024) {
        float* piece = sums + j;
        finish<float>(&piece, 1, static_cast<int>(batch.n - j < 1024 ? batch.n - j : 1024), nullptr,
                      params.activation);
      }
    }
    convert_row(command[0].dtype, DType::kF32)(to, 1, sums, 1, batch.n);
  }
};

template <class S, class B>
void run_half(const stream::Command& command, stream::Context& context) {
  const Batch batch = batch_of(command);
  const HalfRows<S, B> half{command, batch};
  const TileEpilogue epilogue(command, context);
  const int64_t step = half.rows(), buffer = step * batch.n;
  const int64_t space = thread_space(half.product(0, 0, nullptr));
  if (whole_matrices(batch, context)) {
    for_matrices(batch, context, [&](int64_t index, int thread) {
      float* memory = context.scratch<float>(thread, space + buffer);
      for (int64_t row = 0; row < batch.m; row += step) {
        const auto p = half.product(index, row, memory + space);
        multiply_on_thread(memory, p);
        for (int64_t i = 0; i < p.m; ++i) half.store(index, row + i, memory + space + i * batch.n);
        epilogue.run(thread, {(index * batch.m + row) * batch.n, p.m * batch.n});
      }
    });
    return;
  }
  float* memory = context.scratch<float>(0, space + buffer);
  for (int64_t index = 0; index < batch.count; ++index) {
    for (int64_t row = 0; row < batch.m; row += step) {
      const auto p = half.product(index, row, memory + space);
      multiply(context, p, memory);
      const int64_t run = 1 + 8192 / (batch.n + 1), tasks = (p.m + run - 1) / run;
      context.parallel(tasks, [&](int64_t task, int thread) {
        const int64_t end = (task + 1) * run < p.m ? (task + 1) * run : p.m;
        for (int64_t i = task * run; i < end; ++i) half.store(index, row + i, memory + space + i * batch.n);
        const int64_t first = (index * batch.m + row + task * run) * batch.n;
        epilogue.run(thread, {first, (end - task * run) * batch.n});
      });
    }
  }
}

void gemm_kernel(const stream::Command& command, stream::Context& context) {
  if (command[0].size() == 0) return;
  const bool in_panels = command[2].in_panels;
  const auto run = [&](auto strided, auto panels) { (in_panels ? panels : strided)(command, context); };
  switch (command[0].dtype) {
    case DType::kF64:
      return run(&run_plain<double, MatrixB<double>>, &run_plain<double, PanelB<double>>);
    case DType::kF16:
      return run(&run_half<F16, MatrixB<float, F16>>, &run_half<F16, PanelB<float>>);
    case DType::kBF16:
      return run(&run_half<BF16, MatrixB<float, BF16>>, &run_half<BF16, PanelB<float>>);
    default:
      return run(&run_plain<float, MatrixB<float>>, &run_plain<float, PanelB<float>>);
  }
}

// Whether p packs no B: it is thin, or its parts have too few rows.
template <class T>
bool packs_nothing(const stream::Command& command, const Batch& batch) {
  const Plain<T> p = product_at<T, MatrixB<T>>(command, batch, 0);
  return thin_form(p) != Thin::kNone || reads_in_place(p.b, p.m);
}

stream::Packing gemm_packing(const stream::Command& command) {
  const DType dtype = command[2].dtype;
  const Batch batch = batch_of(command);
  for (int i = 0; i < batch.axes; ++i) {
    if (batch.extents[i] != 1 && batch.b_strides[i] != 0) return {};
  }
  const int64_t rows = batch.count * batch.m, shape[] = {1, batch.k, batch.n};
  const int64_t strides[] = {0, batch.b_k, batch.b_column};
  if (dtype == DType::kF64 && packs_nothing<double>(command, batch)) return {};
  if (dtype == DType::kF32 && packs_nothing<float>(command, batch)) return {};
  return packing_of(command, 2, rows, shape, strides);
}

}  // namespace

void fill_gemm() {
  gemm.cpu = &gemm_kernel;
  gemm.packing = &gemm_packing;
  gemm.choice = nullptr;
}

}  // namespace hebb::kernels::HEBB_ISA

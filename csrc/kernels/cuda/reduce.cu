// Sums, sums of deviations and of their squares, and running sums.
#include "kernels/reduce.h"

#include "kernels/cuda/fill.h"
#include "kernels/cuda/reduce_grid.h"
#include "kernels/cuda/scan.h"

namespace hebb::kernels::cuda {
namespace {

using stream::Command;
using stream::DeviceContext;

void run_sum(const Command& command, DeviceContext& context) {
  with_dtype(command[1].dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    run_reduce<Sums<Compute<T>>, T>({false}, command, command.param<SumParams>().divisor, nullptr, context);
  });
}

template <bool kSquares>
void run_deviation(const Command& command, DeviceContext& context) {
  with_float(command[1].dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    run_reduce<Sums<Compute<T>>, T>({kSquares}, command, command.param<SumParams>().divisor, command[2].data,
                                    context);
  });
}

void run_cumsum(const Command& command, DeviceContext& context) {
  const bool reverse = command.param<CumsumParams>().reverse;
  with_dtype(command[1].dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (sizeof(T) == 1) {
      run_scan<T, int32_t>(command, reverse, context);
    } else {
      run_scan<T, T>(command, reverse, context);
    }
  });
}

}  // namespace

void fill_reduce() {
  kernels::sum.cuda = &run_sum;
  kernels::deviation.cuda = &run_deviation<false>;
  kernels::square_deviation.cuda = &run_deviation<true>;
  kernels::cumsum.cuda = &run_cumsum;
}

}  // namespace hebb::kernels::cuda

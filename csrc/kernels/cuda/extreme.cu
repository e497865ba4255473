// Largest and smallest elements, and their places.
#include "kernels/cuda/fill.h"
#include "kernels/cuda/reduce_grid.h"
#include "kernels/reduce.h"

namespace hebb::kernels::cuda {
namespace {

template <bool kSmallest, bool kPlaces>
void run_extreme(const stream::Command& command, stream::DeviceContext& context) {
  with_dtype(command[1].dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    run_reduce<Extremes<Compute<T>>, T>({kSmallest, kPlaces}, command, 1, nullptr, context);
  });
}

}  // namespace

void fill_extreme() {
  kernels::max.cuda = &run_extreme<false, false>;
  kernels::min.cuda = &run_extreme<true, false>;
  kernels::argmax.cuda = &run_extreme<false, true>;
  kernels::argmin.cuda = &run_extreme<true, true>;
}

}  // namespace hebb::kernels::cuda

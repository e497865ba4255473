// Attention in f32 and f64: heads, and parts of their queries, on threads.
#include "kernels/attention.h"

#include "kernels/cpu/attention_product.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

using namespace heads;
using stream::Command;
using stream::Context;

template <class T>
void run_attention(const Command& command, Context& context) {
  const Sizes s(command[2], command[4], command.param<AttentionParams>());
  const int64_t parts = ceil_div(s.queries, kTaskQueries);
  const int64_t bytes = space_bytes<ForwardSpace, T>(s);
  const int64_t work = least(s.queries, kTaskQueries) * s.keys * (kWeightCost + s.depth + s.width) / 8;
  parallel_items(context, s.count * parts, task_grain(work), [&](int64_t item, int thread) {
    const int64_t first = item % parts * kTaskQueries;
    attend<T>(command, s, {item / parts, first, least(kTaskQueries, s.queries - first)},
              context.scratch<char>(thread, bytes));
  });
}

void attention_kernel(const Command& command, Context& context) {
  if (command[0].dtype == DType::kF64) return run_attention<double>(command, context);
  run_attention<float>(command, context);
}

template <class T>
void run_attention_grad(const Command& command, Context& context) {
  const Sizes s(command[3], command[5], command.param<AttentionParams>());
  const int64_t bytes = space_bytes<BackwardSpace, T>(s);
  const int64_t work = s.queries * s.keys * (kWeightCost + s.depth + s.width) / 3;
  parallel_items(context, s.count, task_grain(work), [&](int64_t head, int thread) {
    pull<T>(command, s, head, context.scratch<char>(thread, bytes));
  });
}

void attention_grad_kernel(const Command& command, Context& context) {
  if (command[0].dtype == DType::kF64) return run_attention_grad<double>(command, context);
  run_attention_grad<float>(command, context);
}

}  // namespace

void fill_attention() {
  kernels::attention.cpu = &attention_kernel;
  kernels::attention_grad.cpu = &attention_grad_kernel;
}

}  // namespace hebb::kernels::HEBB_ISA

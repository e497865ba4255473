// Softmax over rows, its logarithm, their gradients, and cross-entropy.
#include "kernels/softmax.h"

#include <initializer_list>

#include "kernels/cuda/cross_entropy.h"
#include "kernels/cuda/fill.h"
#include "kernels/cuda/softmax_grid.h"

namespace hebb::kernels::cuda {
namespace {

using stream::Command;
using stream::DeviceContext;
using stream::Operand;

// For rows that are as long as those of `like`, and lie in all of `data`.
template <class E>
RowPlan plan_for(const Operand& like, std::initializer_list<const void*> data) {
  RowPlan plan{like.shape[0], like.shape[1], 1, true};
  plan.team = team_of(ceil_div(plan.size, kWordSize<E>));
  for (const void* rows : data)
    plan.aligned = plan.aligned && is_aligned(rows) && (plan.rows == 1 || plan.size % kWordSize<E> == 0);
  return plan;
}

template <bool kLog>
void run_softmax(const Command& command, DeviceContext& context) {
  with_float(command[0].dtype, [&](auto tag) {
    using E = typename decltype(tag)::type;
    constexpr int kSize = kWordSize<E>, kWords = kKeptWords<E>;
    const RowPlan plan = plan_for<E>(command[0], {command[0].data, command[1].data});
    const auto kernel = is_short(plan, kSize)            ? &softmax_kept<E, 1>
                        : is_short(plan, kSize * kWords) ? &softmax_kept<E, kWords>
                                                         : &softmax_long<E>;
    launch(context, grid_of(plan), kernel, plan, command[1].as<const E>(), command[0].as<E>(), kLog);
  });
}

template <bool kLog>
void run_softmax_grad(const Command& command, DeviceContext& context) {
  with_float(command[0].dtype, [&](auto tag) {
    using E = typename decltype(tag)::type;
    const RowPlan plan = plan_for<E>(command[0], {command[0].data, command[1].data, command[2].data});
    const auto kernel =
        is_short(plan, kWordSize<E>) ? &softmax_grads<E, 1> : &softmax_grads<E, kTurnOfWords<E>>;
    launch(context, grid_of(plan), kernel, plan, command[1].as<const E>(), command[2].as<const E>(),
           command[0].as<E>(), kLog);
  });
}

IdRange range_of(const Command& command, int64_t classes) {
  return {classes, true, command.param<CrossEntropyParams>().ignore_index};
}

template <class C>
Target<C> target_of(const Command& command, int64_t classes) {
  const double smoothing = command.param<CrossEntropyParams>().label_smoothing;
  return {command.operand_count > 5 ? command[5].as<const C>() : nullptr, range_of(command, classes),
          static_cast<C>(1 - smoothing), static_cast<C>(smoothing / static_cast<double>(most(1, classes)))};
}

// The ids of the forward kernel.
void check_targets(const Command& command, DeviceContext& context) {
  with_index(command[4].dtype, [&](auto tag) {
    check_ids(context, command[4].as<const typename decltype(tag)::type>(), command[3].shape[0],
              range_of(command, command[3].shape[1]));
  });
}

void run_cross_entropy(const Command& command, DeviceContext& context) {
  check_targets(command, context);
  const Operand& logits = command[3];
  with_float(logits.dtype, [&](auto element) {
    with_index(command[4].dtype, [&](auto id) {
      using E = typename decltype(element)::type;
      using Id = typename decltype(id)::type;
      using C = Compute<E>;
      const RowPlan plan = plan_for<E>(logits, {logits.data});
      launch(context, grid_of(plan), &cross_entropy_rows<E, Id>, plan, target_of<C>(command, plan.size),
             logits.as<const E>(), command[4].as<const Id>(), command[0].as<C>(), command[1].as<C>(),
             command[2].as<C>());
    });
  });
}

// Null where nothing is spread, or all weights are 1; false where there is no memory.
template <class C>
bool find_all_weight(const Target<C>& target, DeviceContext& context, C** sum) {
  *sum = nullptr;
  if (target.spread == C{0} || target.weight == nullptr) return true;
  *sum = static_cast<C*>(context.scratch(context, sizeof(C)));
  if (*sum == nullptr) return false;
  launch(context, {.threads = kMostTeam}, &sum_weights<C>, target.weight, target.range.extent, *sum);
  return true;
}

void run_cross_entropy_grad(const Command& command, DeviceContext& context) {
  const Operand& logits = command[1];
  with_float(logits.dtype, [&](auto element) {
    with_index(command[2].dtype, [&](auto id) {
      using E = typename decltype(element)::type;
      using Id = typename decltype(id)::type;
      using C = Compute<E>;
      const RowPlan plan = plan_for<E>(logits, {logits.data, command[0].data});
      const Target<C> target = target_of<C>(command, plan.size);
      C* all_weight;
      if (!find_all_weight(target, context, &all_weight)) return;
      launch(context, grid_of(plan), &cross_entropy_grads<E, Id>, plan, target, logits.as<const E>(),
             command[2].as<const Id>(), command[3].as<const C>(), command[4].as<const C>(), all_weight,
             command[0].as<E>());
    });
  });
}

}  // namespace

void fill_softmax() {
  kernels::softmax.cuda = &run_softmax<false>;
  kernels::log_softmax.cuda = &run_softmax<true>;
  kernels::softmax_grad.cuda = &run_softmax_grad<false>;
  kernels::log_softmax_grad.cuda = &run_softmax_grad<true>;
  kernels::cross_entropy.cuda = &run_cross_entropy;
  kernels::cross_entropy.cuda_check = &check_targets;
  kernels::cross_entropy_grad.cuda = &run_cross_entropy_grad;
}

}  // namespace hebb::kernels::cuda

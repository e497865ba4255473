// Row kernels of softmax and cross-entropy: a row is read while it is in cache, rows are shared among the
// threads.
#include "kernels/softmax.h"

#include "kernels/cpu/softmax_rows.h"
#include "stream/context.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

using stream::Command;
using stream::Context;
using stream::Operand;

// What an exponential costs in elements of cheap work, and what a row does however short it is: adding up the
// lanes of vectors, a logarithm.
constexpr int64_t kExpCost = 4;
constexpr int64_t kRowCost = 512;

// Rows in one task, where the elements of each cost so much.
HEBB_INLINE int64_t row_grain(int64_t cost) { return task_grain(cost + kRowCost); }

template <class E>
void softmax_row(const E* x, E* y, int64_t n) {
  using C = Compute<E>;
  const C top = row_max(x, n);
  if constexpr (kIsStoredAsComputed<E>) {
    const double sum = sum_vectors<C>(n, [&](Span<C> span) {
      const V<C> e = exp(span.of(x) - V<C>(top));
      span.put(y, e);
      return span.valid(e, 0);
    });
    const V<C> scale(static_cast<C>(1 / sum));
    each_vector<C>(0, n, [&](Span<C> span) { span.put(y, span.of(y) * scale); });
  } else {
    // Computed twice, because y would round what is to be scaled.
    const V<C> scale(C{1} / row_exp_sum(x, n, top));
    each_vector<C>(0, n, [&](Span<C> span) { span.put(y, exp(span.of(x) - V<C>(top)) * scale); });
  }
}

template <class E>
void log_softmax_row(const E* x, E* y, int64_t n) {
  using C = Compute<E>;
  const C top = row_max(x, n);
  const V<C> shift(static_cast<C>(__builtin_log(static_cast<double>(row_exp_sum(x, n, top)))));
  each_vector<C>(0, n, [&](Span<C> span) { span.put(y, (span.of(x) - V<C>(top)) - shift); });
}

// dx = y (dy - sum(dy y))
template <class E>
void softmax_grad_row(const E* dy, const E* y, E* dx, int64_t n) {
  using C = Compute<E>;
  const V<C> sum(static_cast<C>(sum_vectors<C>(n, [&](Span<C> span) { return span.of(dy) * span.of(y); })));
  each_vector<C>(0, n, [&](Span<C> span) { span.put(dx, span.of(y) * (span.of(dy) - sum)); });
}

// dx = dy - exp(y) sum(dy)
template <class E>
void log_softmax_grad_row(const E* dy, const E* y, E* dx, int64_t n) {
  using C = Compute<E>;
  const V<C> sum(static_cast<C>(sum_vectors<C>(n, [&](Span<C> span) { return span.of(dy); })));
  each_vector<C>(0, n, [&](Span<C> span) { span.put(dx, span.of(dy) - exp(span.of(y)) * sum); });
}

void softmax_kernel(const Command& command, Context& context) {
  const int64_t rows = command[0].shape[0], n = command[0].shape[1];
  with_float(command[0].dtype, [&](auto tag) {
    using E = typename decltype(tag)::type;
    parallel_items(context, rows, row_grain(n * kExpCost), [&](int64_t row, int) {
      softmax_row(command[1].as<const E>() + row * n, command[0].as<E>() + row * n, n);
    });
  });
}

void log_softmax_kernel(const Command& command, Context& context) {
  const int64_t rows = command[0].shape[0], n = command[0].shape[1];
  with_float(command[0].dtype, [&](auto tag) {
    using E = typename decltype(tag)::type;
    parallel_items(context, rows, row_grain(n * kExpCost), [&](int64_t row, int) {
      log_softmax_row(command[1].as<const E>() + row * n, command[0].as<E>() + row * n, n);
    });
  });
}

void softmax_grad_kernel(const Command& command, Context& context) {
  const int64_t rows = command[0].shape[0], n = command[0].shape[1];
  with_float(command[0].dtype, [&](auto tag) {
    using E = typename decltype(tag)::type;
    parallel_items(context, rows, row_grain(n), [&](int64_t row, int) {
      softmax_grad_row(command[1].as<const E>() + row * n, command[2].as<const E>() + row * n,
                       command[0].as<E>() + row * n, n);
    });
  });
}

void log_softmax_grad_kernel(const Command& command, Context& context) {
  const int64_t rows = command[0].shape[0], n = command[0].shape[1];
  with_float(command[0].dtype, [&](auto tag) {
    using E = typename decltype(tag)::type;
    parallel_items(context, rows, row_grain(n * kExpCost), [&](int64_t row, int) {
      log_softmax_grad_row(command[1].as<const E>() + row * n, command[2].as<const E>() + row * n,
                           command[0].as<E>() + row * n, n);
    });
  });
}

// What the rows of a cross-entropy have in common.
template <class C>
struct Target {
  const C* weight;  // null: all 1
  int64_t classes;
  int64_t ignore_index;
  C certain;  // the part of the target that is on its id
  C spread;   // the part on each class

  HEBB_INLINE C weight_of(int64_t id) const { return weight ? weight[id] : C{1}; }
  HEBB_INLINE bool ignores(int64_t id) const { return id == ignore_index; }
  HEBB_INLINE bool in_range(int64_t id) const {
    return static_cast<uint64_t>(id) < static_cast<uint64_t>(classes);
  }
};

template <class C>
Target<C> target_of(const Command& command, int64_t classes, const Operand* weight) {
  const auto& params = command.param<CrossEntropyParams>();
  return {weight ? weight->as<const C>() : nullptr, classes, params.ignore_index,
          static_cast<C>(1 - params.label_smoothing),
          static_cast<C>(params.label_smoothing / static_cast<double>(most(1, classes)))};
}

template <class C>
double total_weight(const Target<C>& target) {
  if (!target.weight) return static_cast<double>(target.classes);
  return sum_vectors<C>(target.classes, [&](Span<C> span) { return span.of(target.weight); });
}

// certain weight[id] (log sum - (x[id] - top)) + spread sum_c weight[c] (log sum - (x[c] - top))
template <class E, class C = Compute<E>>
C cross_entropy_row(const E* x, int64_t id, const Target<C>& target, C* stats) {
  const int64_t n = target.classes;
  const C top = row_max(x, n);
  const C sum = row_exp_sum(x, n, top);
  const C log_sum = static_cast<C>(__builtin_log(static_cast<double>(sum)));
  stats[0] = top;
  stats[1] = C{1} / sum;
  C loss = target.certain * target.weight_of(id) * (log_sum - (read(x[id]) - top));
  if (target.spread != 0) {
    const double rest = sum_vectors<C>(n, [&](Span<C> span) {
      const V<C> weight = target.weight ? span.of(target.weight) : V<C>(C{1});
      return span.valid(weight * (V<C>(log_sum) - (span.of(x) - V<C>(top))), 0);
    });
    loss += target.spread * static_cast<C>(rest);
  }
  return loss;
}

// The first row whose id is neither a class nor ignored, or `rows`.
template <class I, class C>
int64_t first_bad(const I* ids, int64_t rows, const Target<C>& target) {
  int64_t row = 0;
  while (row < rows && (target.ignores(ids[row]) || target.in_range(ids[row]))) ++row;
  return row;
}

template <class E, class I>
void run_cross_entropy(const Command& command, Context& context) {
  using C = Compute<E>;
  const Operand& logits = command[3];
  const int64_t rows = logits.shape[0], n = logits.shape[1];
  const Target<C> target = target_of<C>(command, n, command.operand_count > 5 ? &command[5] : nullptr);
  const I* ids = command[4].as<const I>();
  const int64_t bad = first_bad(ids, rows, target);
  if (bad < rows) return context.fail(bad, ids[bad], n - 1);
  C *loss = command[0].as<C>(), *share = command[1].as<C>(), *stats = command[2].as<C>();
  parallel_items(context, rows, row_grain(n * kExpCost), [&](int64_t row, int) {
    if (target.ignores(ids[row])) {
      loss[row] = share[row] = stats[2 * row] = stats[2 * row + 1] = 0;
      return;
    }
    share[row] = target.weight_of(ids[row]);
    loss[row] = cross_entropy_row(logits.as<const E>() + row * n, ids[row], target, stats + 2 * row);
  });
}

void cross_entropy_kernel(const Command& command, Context& context) {
  with_float(command[3].dtype, [&](auto element) {
    with_index(command[4].dtype, [&](auto id) {
      run_cross_entropy<typename decltype(element)::type, typename decltype(id)::type>(command, context);
    });
  });
}

// dx[c] = dloss (p[c] (certain weight[id] + spread sum(weight)) - spread weight[c] - [c = id] certain
// weight[id])
template <class E, class C = Compute<E>>
void cross_entropy_grad_row(const E* x, E* dx, int64_t id, const Target<C>& target, const C* stats, C dloss,
                            C all_weight) {
  const C own = target.certain * target.weight_of(id);
  const V<C> top(stats[0]), scale(stats[1] * (own + target.spread * all_weight) * dloss);
  const V<C> spread(target.spread * dloss);
  each_vector<C>(0, target.classes, [&](Span<C> span) {
    V<C> value = exp(span.of(x) - top) * scale;
    if (target.spread != 0) value = value - (target.weight ? span.of(target.weight) * spread : spread);
    span.put(dx, value);
  });
  const C hit = exp(V<C>(read(x[id])) - top)[0] * scale[0] - target.spread * target.weight_of(id) * dloss;
  dx[id] = write<E>(hit - own * dloss);
}

template <class E, class I>
void run_cross_entropy_grad(const Command& command, Context& context) {
  using C = Compute<E>;
  const Operand& logits = command[1];
  const int64_t rows = logits.shape[0], n = logits.shape[1];
  const Target<C> target = target_of<C>(command, n, command.operand_count > 5 ? &command[5] : nullptr);
  const C all_weight = target.spread != 0 ? static_cast<C>(total_weight(target)) : C{0};
  const I* ids = command[2].as<const I>();
  const C *stats = command[3].as<const C>(), *dloss = command[4].as<const C>();
  parallel_items(context, rows, row_grain(n * kExpCost), [&](int64_t row, int) {
    E* dx = command[0].as<E>() + row * n;
    // The forward kernel has reported an id out of range; its poisoned operands may still come by here.
    if (target.ignores(ids[row]) || !target.in_range(ids[row])) {
      __builtin_memset(dx, 0, static_cast<size_t>(n) * sizeof(E));
      return;
    }
    cross_entropy_grad_row(logits.as<const E>() + row * n, dx, ids[row], target, stats + 2 * row, dloss[row],
                           all_weight);
  });
}

void cross_entropy_grad_kernel(const Command& command, Context& context) {
  with_float(command[1].dtype, [&](auto element) {
    with_index(command[2].dtype, [&](auto id) {
      run_cross_entropy_grad<typename decltype(element)::type, typename decltype(id)::type>(command, context);
    });
  });
}

// What a compiled step looks at before it writes anything: the ids alone.
void check_ids(const Command& command, Context& context) {
  const int64_t rows = command[3].shape[0], n = command[3].shape[1];
  const Target<float> target = target_of<float>(command, n, nullptr);
  with_index(command[4].dtype, [&](auto id) {
    const auto* ids = command[4].as<const typename decltype(id)::type>();
    const int64_t bad = first_bad(ids, rows, target);
    if (bad < rows) context.fail(bad, static_cast<int64_t>(ids[bad]), n - 1);
  });
}

}  // namespace

void fill_softmax() {
  kernels::cross_entropy.check = &check_ids;
  kernels::softmax.cpu = &softmax_kernel;
  kernels::log_softmax.cpu = &log_softmax_kernel;
  kernels::softmax_grad.cpu = &softmax_grad_kernel;
  kernels::log_softmax_grad.cpu = &log_softmax_grad_kernel;
  kernels::cross_entropy.cpu = &cross_entropy_kernel;
  kernels::cross_entropy_grad.cpu = &cross_entropy_grad_kernel;
}

}  // namespace hebb::kernels::HEBB_ISA

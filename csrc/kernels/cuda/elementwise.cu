// The element-wise slots by compute type.
#include "kernels/cuda/elementwise.h"

namespace hebb::kernels::cuda {
namespace {

using stream::Command;
using stream::DeviceContext;

struct Floats {};
struct Numbers {};

template <class Formula, int kInputs, class Class>
void run_formula(const Command& command, DeviceContext& context) {
  const DType compute = compute_of(command);
  if (compute == DType::kF32) return run_formula_in<Formula, kInputs, float>(command, context);
  if constexpr (kIsSame<Class, Numbers>) {
    if (compute == DType::kI32) return run_formula_in<Formula, kInputs, Int32>(command, context);
    if (compute == DType::kI64) return run_formula_in<Formula, kInputs, Int64>(command, context);
  }
  run_formula_in<Formula, kInputs, double>(command, context);
}

template <class Predicate, int kInputs>
void run_predicate(const Command& command, DeviceContext& context) {
  switch (compute_of(command)) {
    case DType::kF32:
      return run_predicate_in<Predicate, kInputs, float>(command, context);
    case DType::kF64:
      return run_predicate_in<Predicate, kInputs, double>(command, context);
    case DType::kI32:
      return run_predicate_in<Predicate, kInputs, int32_t>(command, context);
    default:
      return run_predicate_in<Predicate, kInputs, int64_t>(command, context);
  }
}

}  // namespace

void fill_elementwise() {
#define HEBB_FILL_FORMULA(name, formula, operands, numbers) \
  kernels::name.cuda = &run_formula<formula, operands, numbers>;
#define HEBB_FILL_PREDICATE(name, formula, operands) kernels::name.cuda = &run_predicate<formula, operands>;
  HEBB_FORMULAS(HEBB_FILL_FORMULA)
  HEBB_PREDICATES(HEBB_FILL_PREDICATE)
#undef HEBB_FILL_FORMULA
#undef HEBB_FILL_PREDICATE
}

}  // namespace hebb::kernels::cuda

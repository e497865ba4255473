// The element-wise slots: what each formula appends to a kernel, by compute type.
#include "kernels/ptx/vocabulary.h"

#include "kernels/elementwise.h"
#include "kernels/ptx/fill.h"

namespace hebb::kernels::ptx {
namespace {

template <class Formula, int operands, class T>
PtxValue emit_formula(PtxWriter& writer, const PtxValue* in) {
  recorder = &writer;
  const Number<T> s[4] = {Number<T>::scalar(0), Number<T>::scalar(1), Number<T>::scalar(2),
                          Number<T>::scalar(3)};
  const Number<T> a(in[0]);
  if constexpr (operands == 1) {
    return Formula{}(a, s).known();
  } else if constexpr (operands == 2) {
    return Formula{}(a, Number<T>(in[1]), s).known();
  } else {
    return Formula{}(a, Number<T>(in[1]), Number<T>(in[2]), s).known();
  }
}

template <class Formula, int operands, class T>
PtxValue emit_predicate(PtxWriter& writer, const PtxValue* in) {
  recorder = &writer;
  Predicate result;
  if constexpr (operands == 1) {
    result = Formula{}(Number<T>(in[0]));
  } else {
    result = Formula{}(Number<T>(in[0]), Number<T>(in[1]));
  }
  return select(result, Whole(1), Whole(0)).known();
}

template <class Formula, int operands>
void fill_Floats(stream::Slot& slot) {
  slot.emit[0] = &emit_formula<Formula, operands, float>;
  slot.emit[1] = &emit_formula<Formula, operands, double>;
}
template <class Formula, int operands>
void fill_Numbers(stream::Slot& slot) {
  fill_Floats<Formula, operands>(slot);
  slot.emit[2] = &emit_formula<Formula, operands, int32_t>;
  slot.emit[3] = &emit_formula<Formula, operands, int64_t>;
}
template <class Formula, int operands>
void fill_predicate(stream::Slot& slot) {
  slot.emit[0] = &emit_predicate<Formula, operands, float>;
  slot.emit[1] = &emit_predicate<Formula, operands, double>;
  slot.emit[2] = &emit_predicate<Formula, operands, int32_t>;
  slot.emit[3] = &emit_predicate<Formula, operands, int64_t>;
}

}  // namespace

void fill() {
#define HEBB_FILL_FORMULA(name, formula, operands, numbers) fill_##numbers<formula, operands>(kernels::name);
#define HEBB_FILL_PREDICATE(name, formula, operands) fill_predicate<formula, operands>(kernels::name);
  HEBB_FORMULAS(HEBB_FILL_FORMULA)
  HEBB_PREDICATES(HEBB_FILL_PREDICATE)
#undef HEBB_FILL_FORMULA
#undef HEBB_FILL_PREDICATE
  fill_random();
}

}  // namespace hebb::kernels::ptx

// The slots of the element-wise formulas: names, traits and their common parameters.
#include "kernels/elementwise.h"

#include <cstddef>
#include <string_view>

namespace hebb::kernels {

namespace {

using stream::Field;
using stream::FieldType;

constexpr Field kFields[] = {{"compute", FieldType::kInt, offsetof(ElementwiseParams, compute), 1},
                             {"scalars", FieldType::kFloat, offsetof(ElementwiseParams, scalars), 4}};
constexpr stream::Layout kLayout{"elementwise", sizeof(ElementwiseParams), 2, kFields};

constexpr stream::Traits traits_of(std::string_view name, uint8_t operands, bool predicate) {
  return {.min_inputs = operands,
          .elementwise = true,
          .predicate = predicate,
          .takes_constants = true,
          .takes_strides = true,
          .in_place = true,
          .addition = name == "add"};
}

}  // namespace

#define HEBB_DEFINE_FORMULA(name, formula, operands, numbers) \
  stream::Slot name{#name, traits_of(#name, operands, false), &kLayout};
#define HEBB_DEFINE_PREDICATE(name, formula, operands) \
  stream::Slot name{#name, traits_of(#name, operands, true), &kLayout};
HEBB_FORMULAS(HEBB_DEFINE_FORMULA)
HEBB_PREDICATES(HEBB_DEFINE_PREDICATE)
#undef HEBB_DEFINE_FORMULA
#undef HEBB_DEFINE_PREDICATE

}  // namespace hebb::kernels

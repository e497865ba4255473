// The slots of the reductions: names, traits and parameter layouts.
#include "kernels/reduce.h"

#include <cstddef>

namespace hebb::kernels {

namespace {

using stream::Field;
using stream::FieldType;
using stream::Layout;

constexpr Field kSumFields[] = {{"divisor", FieldType::kFloat, offsetof(SumParams, divisor), 1}};
constexpr Layout kSumLayout{"sum", sizeof(SumParams), 1, kSumFields};

constexpr Field kCumsumFields[] = {{"reverse", FieldType::kBool, offsetof(CumsumParams, reverse), 1}};
constexpr Layout kCumsumLayout{"cumsum", sizeof(CumsumParams), 1, kCumsumFields};

}  // namespace

stream::Slot sum{"sum", {.min_inputs = 1, .prologue = true}, &kSumLayout};
stream::Slot deviation{"deviation", {.min_inputs = 2}, &kSumLayout};
stream::Slot square_deviation{"square_deviation", {.min_inputs = 2}, &kSumLayout};
stream::Slot max{"max", {.min_inputs = 1}};
stream::Slot min{"min", {.min_inputs = 1}};
stream::Slot argmax{"argmax", {.min_inputs = 1}};
stream::Slot argmin{"argmin", {.min_inputs = 1}};
stream::Slot cumsum{"cumsum", {.min_inputs = 1}, &kCumsumLayout};

}  // namespace hebb::kernels

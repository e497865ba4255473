// The slots of the copies: names, traits and parameter layouts.
#include "kernels/copy.h"

#include <cstddef>

namespace hebb::kernels {

namespace {

using stream::Field;
using stream::FieldType;
using stream::Layout;

constexpr Field kArangeFields[] = {{"start", FieldType::kFloat, offsetof(ArangeParams, start), 1},
                                   {"step", FieldType::kFloat, offsetof(ArangeParams, step), 1}};
constexpr Layout kArangeLayout{"arange", sizeof(ArangeParams), 2, kArangeFields};

}  // namespace

stream::Slot copy{"copy",
                  {.min_inputs = 1, .takes_constants = true, .takes_strides = true, .conversion = true}};
stream::Slot copy_into{"copy_into", {.min_inputs = 1, .takes_constants = true, .takes_strides = true}};
stream::Slot assign{"assign",
                    {.min_inputs = 1, .takes_constants = true, .takes_strides = true, .writes_state = true}};
stream::Slot arange{"arange", {}, &kArangeLayout};

}  // namespace hebb::kernels

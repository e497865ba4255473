// Fills what the slots of element-wise formulas have for the PTX emitter.
#pragma once

namespace hebb::kernels::ptx {

void fill();
void fill_random();

}  // namespace hebb::kernels::ptx

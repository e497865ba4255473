// Four neighbouring elements, moved at once.
#pragma once

#include <cstdint>

namespace hebb::kernels::cuda {
namespace {

// The widest that one instruction moves is 16 bytes: four f64 take two.
template <class T>
struct alignas(sizeof(T) * 4 > 16 ? 16 : sizeof(T) * 4) Quad {
  T x[4];
};

// Whether memory may be read and written by quads.
template <class T>
bool in_quads(const void* data) {
  return reinterpret_cast<uintptr_t>(data) % alignof(Quad<T>) == 0;
}

}  // namespace
}  // namespace hebb::kernels::cuda

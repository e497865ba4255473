// Neighbouring elements, moved at once.
#pragma once

#include <cstdint>

namespace hebb::kernels::cuda {
namespace {

// The widest that one instruction moves is 16 bytes: four f64 take two.
template <class T, int kCount>
struct alignas(sizeof(T) * kCount > 16 ? 16 : sizeof(T) * kCount) Group {
  T x[kCount];
};
template <class T>
using Quad = Group<T, 4>;

// Whether memory may be read and written by groups.
template <class T, int kCount>
bool in_groups(const void* data) {
  return reinterpret_cast<uintptr_t>(data) % alignof(Group<T, kCount>) == 0;
}
template <class T>
bool in_quads(const void* data) {
  return in_groups<T, 4>(data);
}

}  // namespace
}  // namespace hebb::kernels::cuda

// Command: one kernel call as a plain value, and Slot: the kernel family's entry that says what runs on which
// device.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/dtype.h"
#include "core/inline.h"
#include "stream/device_context.h"

namespace hebb {
struct Block;
}

namespace hebb::stream {

class Context;
struct Command;
struct Slot;
struct TileProgram;

inline constexpr int kRank = 8;

enum class Role : uint8_t { kIn, kOut, kInOut };

// A strided view as a kernel sees it. A constant has no data; slots that take one say so in their traits.
struct Operand {
  void* data = nullptr;  // the view's first element; null for a constant
  Block* block = nullptr;
  double constant = 0;
  DType dtype = DType::kF32;
  Role role = Role::kIn;
  uint8_t rank = 0;
  // The memory holds a form of the kernels' own in place of the view: see Packing.
  bool in_panels = false;
  int64_t shape[kRank] = {};
  int64_t strides[kRank] = {};  // in elements

  HEBB_INLINE bool is_constant() const { return block == nullptr; }
  template <class T>
  HEBB_INLINE T* as() const {
    return static_cast<T*>(data);
  }
  HEBB_INLINE int64_t size() const {
    int64_t count = 1;
    for (int i = 0; i < rank; ++i) count *= shape[i];
    return count;
  }
};

// A named field of a parameter struct, for printing, comparing and the C ABI of the CUDA library.
enum class FieldType : uint8_t { kInt, kFloat, kBool };
struct Field {
  const char* name;
  FieldType type;  // kInt: int64_t, kFloat: double, kBool: bool
  uint16_t offset;
  uint16_t count;  // > 1 for an array
};
struct Layout {
  const char* name;
  uint16_t size;
  uint16_t count;
  const Field* fields;
};

using Kernel = void (*)(const Command& command, Context& context);

// An input that a kernel would bring into panels at every call. The command may be given the panels instead:
// the same operand with `in_panels` set, over what `slot` writes (the panels, then `source`).
struct Packing {
  int operand = -1;  // none: it is read as it lies
  const Slot* slot = nullptr;
  Operand source;  // the operand seen as matrices [matrices, k, columns]; starts where it starts
  DType dtype = DType::kF32;
  int64_t size = 0;  // of the panels, in elements of `dtype`; follows from shape, dtype and instruction set
};

// One formula over contiguous tiles in the compute type: eager element-wise kernels run one, fused programs
// several. out is of the compute type, or uint8_t where the slot is a predicate. Where the slot draws, the
// last operand are random words (uint32_t).
using TileFunction = void (*)(void* out, const void* const* in, int count, const double* scalars);

// What passes may know of a slot; nothing above kernels/ asks for a slot by name.
struct Traits {
  uint8_t min_inputs = 0;        // operands that must be inputs, for checking; 0 = any
  bool elementwise = false;      // output element i depends on input elements i alone
  bool predicate = false;        // an element-wise formula whose result is bool
  bool takes_constants = false;  // reads operands without memory
  bool takes_strides = false;    // reads inputs of any layout; else submit makes them contiguous
  bool writes_state = false;     // skipped, not poisoned, where an input is poisoned
  bool random = false;           // draws from the generator
  bool guard = false;            // checks its data and may report a fault
  bool conversion = false;       // its one input, broadcast and cast, is its output
  bool draws = false;            // as elementwise, with a random word beside each element: out, x, seed
  bool in_place = false;         // may write its first result over an input of the same dtype and layout
  bool epilogue = false;         // runs its command's tile program over its first result, piece by piece
  bool prologue = false;         // takes its first input from its command's tile program, piece by piece
  bool addition = false;         // an element-wise formula that adds two operands
  // Operands are lists of as many entries as the first parameter (int64_t) says, entry i of each belonging
  // together and to no other, then what all share.
  bool lists = false;
};

// Ways to compute a command that differ in speed and in how they round. A parameter (int64_t) says which one
// a command takes; 0 leaves it to the shapes.
struct Methods {
  uint16_t offset;  // of the parameter
  uint16_t count;
  const char* const* names;  // by the parameter's value
};

// The methods that can compute a command, as bits, and the one that its shapes choose.
struct MethodChoice {
  uint32_t possible = 0;
  int64_t by_shape = 0;

  HEBB_INLINE bool allows(int64_t method) const { return (possible >> method & 1) != 0; }
};

// What a kernel is asked to do, in floating point operations; null counts one for each element of the result.
using Flops = double (*)(const Command& command);

struct Slot {
  const char* name;
  Traits traits;
  const Layout* params = nullptr;
  // What a guard says: {value}, {position} and {limit} are filled in.
  const char* fault_text = nullptr;
  Flops flops = nullptr;
  // Makes the first result again, given the others: its operands are the first result, the first input, the
  // other results, the other inputs; its parameters are the same, and so are the bits.
  const Slot* again = nullptr;
  // For a guard: the operand whose contents may be bad, and a kernel that looks at that operand alone.
  int checked = -1;
  Kernel check = nullptr;
  DeviceKernel cuda_check = nullptr;
  // What the kernel would pack; filled with the kernel, whose instruction set it depends on.
  Packing (*packing)(const Command& command) = nullptr;
  // Adds up what several commands of this slot would make, one after the other: its operands are the result,
  // then the inputs of each; its first parameter (int64_t) says how many there are. The bits are those of the
  // additions. Null where there is no such slot.
  const Slot* total = nullptr;
  // Whether it does so for this command; filled with the kernel, whose instruction set it depends on.
  bool (*totals)(const Command& command) = nullptr;
  // What may be chosen of a command, if anything, and for which commands; `choice` does not look at the
  // parameter, and is filled with the kernel, whose instruction set it depends on.
  const Methods* methods = nullptr;
  MethodChoice (*choice)(const Command& command) = nullptr;
  // Filled at load with the best instruction set; an empty one means the device has no kernel.
  Kernel cpu = nullptr;
  DeviceKernel cuda = nullptr;
  // For element-wise slots, by compute type: f32, f64, i32, i64 (index with tile_index).
  TileFunction tiles[4] = {};
};

HEBB_INLINE int tile_index(DType compute) {
  return compute == DType::kF32 ? 0 : compute == DType::kF64 ? 1 : compute == DType::kI32 ? 2 : 3;
}

inline constexpr int kInlineOperands = 4;
inline constexpr int kParamBytes = 128;

// Operand order: outputs first, then inputs. `operands` points at inline storage or at a block owned by the
// queue.
struct Command {
  const Slot* slot = nullptr;
  int operand_count = 0;
  const Operand* operands = nullptr;
  alignas(8) unsigned char params[kParamBytes] = {};
  // What a fused command computes, in place of parameters; or what another one computes of its result besides
  // (Traits::epilogue), or its first input of (Traits::prologue).
  const TileProgram* tiles = nullptr;
  // Where the operands of the program begin: its outputs, then its inputs. Those of the slot come before.
  int tile_operands = 0;

  HEBB_INLINE int own_operands() const { return tiles ? tile_operands : operand_count; }

  template <class P>
  HEBB_INLINE const P& param() const {
    static_assert(sizeof(P) <= kParamBytes && __is_trivially_copyable(P));
    return *reinterpret_cast<const P*>(params);
  }
  HEBB_INLINE const Operand& operator[](int index) const { return operands[index]; }
};

}  // namespace hebb::stream

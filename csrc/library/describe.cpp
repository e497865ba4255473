// JSON by hand: every string in it is a name of ours, so nothing needs escaping.
#include "library/describe.h"

#include <cstddef>
#include <initializer_list>
#include <vector>

#include "stream/command.h"

namespace hebb::library {
namespace {

using stream::Command;
using stream::DeviceContext;
using stream::DeviceFault;
using stream::FieldType;
using stream::Operand;

struct Entry {
  const char* name;
  const char* type;
  size_t offset;
  size_t count = 1;
};

std::string quoted(const char* text) { return '"' + std::string(text) + '"'; }

std::string field(const Entry& entry) {
  return "{\"name\":" + quoted(entry.name) + ",\"type\":" + quoted(entry.type) +
         ",\"offset\":" + std::to_string(entry.offset) + ",\"count\":" + std::to_string(entry.count) + "}";
}

// {"bytes":..,"fields":[..]}
template <class Entries>
std::string record(size_t bytes, const Entries& entries) {
  std::string fields;
  for (const Entry& entry : entries) fields += (fields.empty() ? "" : ",") + field(entry);
  return "{\"bytes\":" + std::to_string(bytes) + ",\"fields\":[" + fields + "]}";
}

std::string records() {
  const std::initializer_list<Entry> operand = {
      {"data", "pointer", offsetof(Operand, data)},
      {"block", "pointer", offsetof(Operand, block)},
      {"constant", "f64", offsetof(Operand, constant)},
      {"dtype", "u8", offsetof(Operand, dtype)},
      {"role", "u8", offsetof(Operand, role)},
      {"rank", "u8", offsetof(Operand, rank)},
      {"shape", "i64", offsetof(Operand, shape), stream::kRank},
      {"strides", "i64", offsetof(Operand, strides), stream::kRank}};
  const std::initializer_list<Entry> command = {
      {"slot", "pointer", offsetof(Command, slot)},
      {"operand_count", "i32", offsetof(Command, operand_count)},
      {"operands", "pointer", offsetof(Command, operands)},
      {"params", "u8", offsetof(Command, params), stream::kParamBytes}};
  const std::initializer_list<Entry> context = {
      {"queue", "pointer", offsetof(DeviceContext, queue)},
      {"multiprocessors", "i32", offsetof(DeviceContext, multiprocessors)},
      {"fault", "pointer", offsetof(DeviceContext, fault)},
      {"status", "i32", offsetof(DeviceContext, status)},
      {"scratch", "pointer", offsetof(DeviceContext, scratch)},
      {"owner", "pointer", offsetof(DeviceContext, owner)}};
  const std::initializer_list<Entry> fault = {{"position", "u64", offsetof(DeviceFault, position)},
                                              {"value", "i64", offsetof(DeviceFault, value)},
                                              {"limit", "i64", offsetof(DeviceFault, limit)}};
  return "\"operand\":" + record(sizeof(Operand), operand) +
         ",\"command\":" + record(sizeof(Command), command) +
         ",\"context\":" + record(sizeof(DeviceContext), context) +
         ",\"fault\":" + record(sizeof(DeviceFault), fault);
}

std::string dtypes() {
  std::string names;
  for (int i = 0; i < kDTypeCount; ++i)
    names += (i == 0 ? "" : ",") + quoted(dtype_name(static_cast<DType>(i)));
  return "[" + names + "]";
}

std::string params(const stream::Layout* layout) {
  if (layout == nullptr) return record(0, std::initializer_list<Entry>{});
  std::vector<Entry> entries;
  for (int i = 0; i < layout->count; ++i) {
    const stream::Field& one = layout->fields[i];
    const char* type = one.type == FieldType::kInt ? "i64" : one.type == FieldType::kFloat ? "f64" : "bool";
    entries.push_back({one.name, type, one.offset, one.count});
  }
  return record(layout->size, entries);
}

std::string kernel(const stream::CudaKernel& kernel) {
  const stream::Slot& slot = *kernel.slot;
  const auto truth = [](bool value) { return value ? "true" : "false"; };
  return "{\"name\":" + quoted(kernel.name) + ",\"params\":" + params(slot.params) +
         ",\"strides\":" + truth(slot.traits.takes_strides) +
         ",\"constants\":" + truth(slot.traits.takes_constants) + ",\"guard\":" + truth(slot.traits.guard) +
         ",\"check\":" + truth(kernel.check != nullptr) + "}";
}

}  // namespace

std::string describe(const stream::CudaApi& api) {
  std::string kernels;
  for (int i = 0; i < api.kernel_count; ++i) kernels += (i == 0 ? "" : ",\n") + kernel(api.kernels[i]);
  return "{\"version\":" + quoted(api.version) + ",\"dtypes\":" + dtypes() + "," + records() +
         ",\"kernels\":[\n" + kernels + "]}";
}

}  // namespace hebb::library

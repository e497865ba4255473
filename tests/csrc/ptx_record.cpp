// The file: a line of JSON on the whole, then one on each kernel with its text, and behind it one on each of
// its commands, which the bytes of that command follow.
#include "ptx_record.h"

#include <algorithm>
#include <fstream>

#include "ptx_harness.h"

namespace hebb::testing {
namespace {

constexpr size_t kMostBytes = size_t{1} << 21;  // of one command
constexpr size_t kMostCommands = 4;             // of one text
// As many as a large GPU has. The second grid has so few threads that each takes several turns.
constexpr int kMultiprocessors = 132;
constexpr int kFewThreads = 64;

// Bytes that operands share, as far as they overlap.
struct Memory {
  const char* low;
  const char* high;
  bool given = true;  // false where nothing reads them, and one output covers them
  std::vector<char> before;
};
struct Output {
  size_t memory;
  size_t offset;  // in bytes
  DType dtype;
  bool read;  // an input lies on it
  std::vector<char> after;
};
struct Address {
  size_t field, memory, offset;
};
struct Record {
  PtxAllowance allowance;
  stream::PtxLaunch launch;
  std::vector<Address> addresses;
  std::vector<Memory> memories;
  std::vector<Output> outputs;

  size_t bytes() const {
    size_t sum = 0;
    for (const Memory& memory : memories) sum += memory.before.size();
    for (const Output& output : outputs) sum += output.after.size();
    return sum;
  }
};
struct Kernel {
  std::string text;
  std::vector<Record> records;  // the smallest first
};

struct Recording {
  std::string file;
  std::map<std::string, Kernel> kernels;  // by entry
  size_t too_large = 0, alike = 0;
};
Recording& recording() {
  static Recording all;
  return all;
}

// Those of all operands, sorted; what overlaps is one.
std::vector<Memory> memories_of(const stream::Command& command) {
  std::vector<Memory> ranges, joined;
  for (int k = 0; k < command.operand_count; ++k) {
    if (command[k].is_constant()) continue;
    const auto [data, bytes] = memory_of(command, k);
    ranges.push_back({static_cast<const char*>(data), static_cast<const char*>(data) + bytes, true, {}});
  }
  std::sort(ranges.begin(), ranges.end(), [](const auto& a, const auto& b) { return a.low < b.low; });
  for (const Memory& range : ranges) {
    if (joined.empty() || range.low >= joined.back().high)
      joined.push_back(range);
    else
      joined.back().high = std::max(joined.back().high, range.high);
  }
  return joined;
}

size_t holder_of(const std::vector<Memory>& memories, const void* data) {
  const auto behind = std::find_if(memories.begin(), memories.end(),
                                   [&](const Memory& memory) { return memory.high > data; });
  CHECK(behind != memories.end() && behind->low <= data);
  return static_cast<size_t>(behind - memories.begin());
}

bool is_read(const stream::Command& command, const emulator::PtxMemory& output) {
  const char* low = static_cast<const char*>(output.data);
  for (int k = command.tiles->output_count; k < command.operand_count; ++k) {
    if (command[k].is_constant()) continue;
    const auto [data, bytes] = memory_of(command, k);
    if (data<low + output.bytes&& static_cast<const char*>(data) + bytes> low) return true;
  }
  return false;
}

void find_outputs(const stream::Command& command, Record& record) {
  for (int k = 0; k < command.tiles->output_count; ++k) {
    const emulator::PtxMemory range = memory_of(command, k);
    const char* low = static_cast<const char*>(range.data);
    Output output{holder_of(record.memories, low), 0, command[k].dtype, is_read(command, range), {}};
    Memory& memory = record.memories[output.memory];
    output.offset = static_cast<size_t>(low - memory.low);
    output.after.resize(range.bytes);
    // Whatever else lies there, another output too, needs to be known.
    memory.given = output.read || low != memory.low || low + range.bytes != memory.high;
    record.outputs.push_back(std::move(output));
  }
}

void run_on_cpu(const stream::Command& command) {
  ThreadScratch scratch(1);
  stream::Context context({&scratch, 1, &run_tasks, &scratch_of});
  command.slot->cpu(command, context);
}

// Of one text, the smallest and the largest are kept, and of those of one size the first and the last.
void keep(Kernel& kernel, Record record) {
  auto& records = kernel.records;
  const auto place = std::upper_bound(records.begin(), records.end(), record.bytes(),
                                      [](size_t bytes, const Record& one) { return bytes < one.bytes(); });
  records.insert(place, std::move(record));
  if (records.size() <= kMostCommands) return;
  records.erase(records.begin() + 1);
  ++recording().alike;
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out + '"';
}

// {"name": value, ..} or [value, ..], from values that are JSON already.
std::string joined(const std::vector<std::string>& values, char open, char close) {
  std::string out(1, open);
  for (const std::string& value : values) out += (out.size() > 1 ? ", " : "") + value;
  return out + close;
}
std::string list(const std::vector<std::string>& values) { return joined(values, '[', ']'); }
std::string object(const std::vector<std::pair<const char*, std::string>>& fields) {
  std::vector<std::string> members;
  for (const auto& [name, value] : fields) members.push_back(quoted(name) + ": " + value);
  return joined(members, '{', '}');
}
std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.17g", value);
  return text;
}
std::string flag(bool value) { return value ? "true" : "false"; }
template <std::integral N>
std::string number(N value) {
  return std::to_string(value);
}

std::string line_of(const Record& record) {
  std::vector<std::string> arguments, addresses, memories, outputs;
  for (const uint64_t argument : record.launch.arguments) arguments.push_back(number(argument));
  for (const auto& [field, memory, offset] : record.addresses) {
    arguments[field] = "0";
    addresses.push_back(list({number(field), number(memory), number(offset)}));
  }
  for (const Memory& memory : record.memories) {
    // Which accesses are aligned must stay so.
    const auto aligned = reinterpret_cast<uintptr_t>(memory.low) % 16;
    memories.push_back(object({{"bytes", number(memory.high - memory.low)},
                               {"misaligned", number(aligned)},
                               {"given", flag(memory.given)}}));
  }
  for (const Output& output : record.outputs) {
    outputs.push_back(object({{"memory", number(output.memory)},
                              {"offset", number(output.offset)},
                              {"bytes", number(output.after.size())},
                              {"dtype", quoted(dtype_name(output.dtype))},
                              {"read", flag(output.read)}}));
  }
  const int blocks = record.launch.blocks;
  return object({{"command", quoted(record.allowance.what)},
                 {"units", number(record.allowance.units)},
                 {"absolute", number(record.allowance.absolute)},
                 {"grids", list({list({number(blocks), number(record.launch.threads)}),
                                 list({number((blocks + 2) / 3), number(kFewThreads)})})},
                 {"arguments", list(arguments)},
                 {"addresses", list(addresses)},
                 {"memories", list(memories)},
                 {"outputs", list(outputs)},
                 {"payload", number(record.bytes())}});
}

void write(std::ofstream& file, const std::vector<char>& bytes) {
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace

void start_ptx_record(const std::string& file) {
  if (!cpu::supports(stream::Isa::kAvx2)) {
    throw Failure(__FILE__, __LINE__,
                  "nothing is recorded on this CPU: without AVX2 and its fused product and sum, its results "
                  "are not those that devices must give");
  }
  recording().file = file;
}

bool is_recording_ptx() { return !recording().file.empty(); }

void record_ptx(const stream::Command& command, const PtxAllowance& allowance) {
  const auto program = stream::emit_ptx(command);
  CHECK(program.has_value());
  Record record{allowance, stream::ptx_launch(*program, command, kMultiprocessors), {}, {}, {}};
  record.memories = memories_of(command);
  find_outputs(command, record);
  for (size_t field = 0; field < program->arguments.size(); ++field) {
    if (program->arguments[field].field != stream::PtxField::kPointer) continue;
    const char* data = static_cast<const char*>(command[program->arguments[field].index].data);
    const size_t memory = holder_of(record.memories, data);
    record.addresses.push_back({field, memory, static_cast<size_t>(data - record.memories[memory].low)});
  }
  for (Memory& memory : record.memories)
    if (memory.given) memory.before.assign(memory.low, memory.high);
  run_on_cpu(command);
  if (record.bytes() > kMostBytes) {
    ++recording().too_large;
    return;
  }
  for (Output& output : record.outputs) {
    const char* low = record.memories[output.memory].low + output.offset;
    output.after.assign(low, low + output.after.size());
  }
  Kernel& kernel = recording().kernels.try_emplace(program->entry, Kernel{program->text, {}}).first->second;
  CHECK_EQ(kernel.text, program->text);
  keep(kernel, std::move(record));
}

std::string finish_ptx_record() {
  const Recording& all = recording();
  size_t commands = 0, bytes = 0;
  for (const auto& [entry, kernel] : all.kernels) commands += kernel.records.size();
  std::ofstream file(all.file, std::ios::binary);
  file << object({{"format", quoted("hebb programs 1")},
                  {"kernels", number(all.kernels.size())},
                  {"commands", number(commands)}})
       << '\n';
  for (const auto& [entry, kernel] : all.kernels) {
    file << object({{"kernel", quoted(entry)}, {"text", quoted(kernel.text)}}) << '\n';
    for (const Record& record : kernel.records) {
      file << line_of(record) << '\n';
      for (const Memory& memory : record.memories) write(file, memory.before);
      for (const Output& output : record.outputs) write(file, output.after);
      bytes += record.bytes();
    }
  }
  file.close();
  if (!file) throw Failure(__FILE__, __LINE__, "could not write " + all.file);
  return "recorded " + std::to_string(all.kernels.size()) + " kernels, " + std::to_string(commands) +
         " commands, " + std::to_string(bytes >> 20) + " MiB of operands; left out " +
         std::to_string(all.alike) + " commands of the same kernels, " + std::to_string(all.too_large) +
         " too large";
}

}  // namespace hebb::testing

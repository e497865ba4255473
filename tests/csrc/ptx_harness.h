// Runs fused commands as PTX in the interpreter, compares them with the CPU's, and has all texts assembled.
#pragma once

#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "kernels/cuda/ptx_interpreter.h"
#include "kernels/fused.h"
#include "kernels/ptx/fill.h"
#include "program_harness.h"
#include "ptx_record.h"
#include "stream/passes/assemble.h"
#include "stream/ptx/emit.h"

namespace hebb::testing {

namespace emulator = kernels::cuda::emulator;

// The texts that were run since the last were assembled, by entry.
inline std::map<std::string, std::string>& ptx_texts() {
  static std::map<std::string, std::string> texts;
  return texts;
}
// Few, so that threads take several turns; and in another order every time.
inline int ptx_multiprocessors = 1;
inline emulator::Order ptx_order = emulator::Order::kForward;

// From an operand's first to its last element; a seed is given as its first.
inline emulator::PtxMemory memory_of(const stream::Command& command, int k) {
  const stream::Operand& operand = command[k];
  const stream::TileProgram& tiles = *command.tiles;
  for (int i = 0; i < tiles.instruction_count; ++i) {
    const auto& instruction = tiles.instructions[i];
    if (instruction.arity == 0 && tiles.output_count + instruction.seed == k) return {operand.data, 16};
  }
  int64_t low = 0, high = 0;
  for (int axis = 0; axis < operand.rank; ++axis) {
    const int64_t reach = (operand.shape[axis] - 1) * operand.strides[axis];
    (reach < 0 ? low : high) += reach;
  }
  const int64_t item = item_size(operand.dtype);
  return {static_cast<char*>(operand.data) + low * item, static_cast<size_t>((high - low + 1) * item)};
}

inline void run_as_ptx(const stream::Command& command) {
  const auto program = stream::emit_ptx(command);
  CHECK(program.has_value());
  static std::map<std::string, std::string> entries;  // by class
  const auto [entry, fresh] = entries.try_emplace(stream::ptx_class(command), program->entry);
  CHECK_EQ(program->entry, entry->second);
  static std::map<std::string, emulator::PtxModule> modules;
  auto module = modules.find(program->entry);
  if (module == modules.end()) module = modules.try_emplace(program->entry, program->text).first;
  CHECK_EQ(ptx_texts().try_emplace(program->entry, program->text).first->second, program->text);
  std::vector<emulator::PtxMemory> memory;
  for (int k = 0; k < command.operand_count; ++k)
    if (!command[k].is_constant()) memory.push_back(memory_of(command, k));
  const auto launch = stream::ptx_launch(*program, command, ptx_multiprocessors);
  module->second.run(program->entry, {.threads = launch.threads, .blocks = launch.blocks}, ptx_order,
                     launch.arguments.data(), launch.arguments.size() * 8, &memory);
}

// All commands of the program as one fused command.
inline void fuse_all(TestProgram& made) {
  std::vector<int> members;
  for (size_t i = 0; i < made.program.commands.size(); ++i) members.push_back(static_cast<int>(i));
  auto fused = stream::assemble(made.program, stream::readers_of(made.program), members, kernels::fused);
  CHECK(fused.has_value());
  made.program.commands = {std::move(*fused)};
}

// How far apart two elements are, in units in the last place; all NaNs are the same.
inline double distance(const char* a, const char* b, DType dtype) {
  const auto far_apart = [](auto x, auto y, auto bits_x, auto bits_y) {
    if (x != x || y != y) return x != x && y != y ? 0.0 : HUGE_VAL;
    if ((bits_x < 0) != (bits_y < 0)) return x == y ? 0.5 : HUGE_VAL;
    return static_cast<double>(bits_x > bits_y ? bits_x - bits_y : bits_y - bits_x);
  };
  const auto get = [](const char* from, auto value) {
    std::memcpy(&value, from, sizeof value);
    return value;
  };
  switch (dtype) {
    case DType::kF32:
      return far_apart(get(a, 0.0f), get(b, 0.0f), get(a, int32_t{}), get(b, int32_t{}));
    case DType::kF64:
      return far_apart(get(a, 0.0), get(b, 0.0), get(a, int64_t{}), get(b, int64_t{}));
    case DType::kF16:
      return far_apart(to_float(get(a, F16{})), to_float(get(b, F16{})), get(a, int16_t{}),
                       get(b, int16_t{}));
    case DType::kBF16:
      return far_apart(to_float(get(a, BF16{})), to_float(get(b, BF16{})), get(a, int16_t{}),
                       get(b, int16_t{}));
    default:
      return std::memcmp(a, b, static_cast<size_t>(item_size(dtype))) == 0 ? 0 : HUGE_VAL;
  }
}

inline double difference(const char* a, const char* b, DType dtype) {
  if (dtype != DType::kF64) return HUGE_VAL;
  double x, y;
  std::memcpy(&x, a, sizeof x);
  std::memcpy(&y, b, sizeof y);
  return std::fabs(x - y);
}

// The program on the CPU and as PTX; returns the greatest distance.
inline double ptx_distance(TestProgram& made, const std::string& what, double allowed = 0,
                           double absolute = 0) {
  if (is_recording_ptx()) {
    static PtxAllowance allowance;
    allowance = {what, allowed, absolute};
    made.run_tiles = [](const stream::Command& command) { record_ptx(command, allowance); };
    made.run(1);
    return 0;
  }
  made.run_tiles = nullptr;
  const auto want = made.run(1);
  made.run_tiles = &run_as_ptx;
  std::vector<std::vector<char>> got;
  try {
    got = made.run(1);
  } catch (const std::exception& error) {
    throw Failure(__FILE__, __LINE__, what + ": " + error.what());
  }
  made.run_tiles = nullptr;
  double most = 0;
  size_t at = 0;
  for (size_t i = 0; i < made.dtypes.size(); ++i) {
    if (made.program.is_temporary(static_cast<int>(i))) continue;
    const auto item = static_cast<size_t>(item_size(made.dtypes[i]));
    for (size_t byte = 0; byte < want[at].size(); byte += item) {
      const double apart = distance(got[at].data() + byte, want[at].data() + byte, made.dtypes[i]);
      if (apart > allowed &&
          !(difference(got[at].data() + byte, want[at].data() + byte, made.dtypes[i]) <= absolute))
        throw Failure(__FILE__, __LINE__,
                      what + ": element " + std::to_string(byte / item) + " of buffer " + std::to_string(i) +
                          " is " + std::to_string(apart) + " units away");
      most = std::max(most, apart);
    }
    ++at;
  }
  return most;
}

// The GPUs that are served.
inline const std::vector<std::string> kPtxTargets = {"75", "80", "86", "89", "90", "100", "120"};

inline std::string find_ptxas() {
  for (const char* folder : {"/usr/local/cuda/bin", "/usr/local/bin", "/usr/bin"}) {
    const std::string place = std::string(folder) + "/ptxas";
    if (std::filesystem::exists(place)) return place;
  }
  return "";
}

inline void write_ptx(const std::string& file, const std::vector<std::string>& texts) {
  std::ofstream all(file);
  for (size_t i = 0; i < texts.size(); ++i)
    all << (i == 0 ? texts[i] : texts[i].substr(texts[i].find(".visible")));
}

// At the end of a test: every text that it ran, by ptxas where there is one; none for the same target twice.
// Not optimised: what it refuses, it refuses before.
inline void assemble_ptx_texts(const std::vector<std::string>& targets = kPtxTargets) {
  static std::map<std::string, std::set<std::string>> assembled;  // entries, by target
  std::map<std::string, std::string> ran;
  ran.swap(ptx_texts());
  if (ran.empty()) return;
  const std::string ptxas = find_ptxas();
  if (ptxas.empty()) {
    std::printf("%zu PTX kernels were not assembled: no ptxas here\n", ran.size());
    return;
  }
  std::string folder = (std::filesystem::temp_directory_path() / "hebb_ptx_XXXXXX").string();
  CHECK(mkdtemp(folder.data()) != nullptr);
  std::vector<std::string> lines;
  for (const std::string& target : targets) {
    std::vector<std::string> texts;
    for (const auto& [entry, text] : ran)
      if (assembled[target].insert(entry).second) texts.push_back(text);
    if (texts.empty()) continue;
    const std::string file = folder + "/sm_" + target + ".ptx";
    write_ptx(file, texts);
    lines.push_back(ptxas + " -O0 -arch=sm_" + target + " -o " + file + ".cubin " + file);
  }
  std::vector<std::future<int>> runs;
  for (const std::string& line : lines)
    runs.push_back(std::async(std::launch::async, [&line] { return std::system(line.c_str()); }));
  for (size_t i = 0; i < runs.size(); ++i)
    if (runs[i].get() != 0) throw Failure(__FILE__, __LINE__, lines[i]);
  std::filesystem::remove_all(folder);
}

}  // namespace hebb::testing

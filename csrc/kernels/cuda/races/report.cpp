#include "kernels/cuda/races/report.h"

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <memory>

#include "core/error.h"

namespace hebb::kernels::cuda::races {
namespace {

std::vector<std::string> output_of(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), &pclose);
  std::vector<std::string> lines(1);
  if (pipe == nullptr) return {};
  for (int c = std::fgetc(pipe.get()); c != EOF; c = std::fgetc(pipe.get())) {
    if (c == '\n')
      lines.emplace_back();
    else
      lines.back() += static_cast<char>(c);
  }
  lines.pop_back();
  return lines;
}

// Without what it returns, the namespaces it is in, and its parameters.
std::string short_name(std::string name) {
  for (const std::string part : {"(anonymous namespace)::", "hebb::", "kernels::cuda::", "testing::"})
    for (size_t at = name.find(part); at != std::string::npos; at = name.find(part))
      name.erase(at, part.size());
  int depth = 0;
  for (size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '<') ++depth;
    if (name[i] == '>') --depth;
    if (name[i] == '(' && depth == 0) name.resize(i);
  }
  return name.rfind("void ", 0) == 0 ? name.substr(5) : name;
}

// "file:line", from the root of the sources on; a number among several on one line may stand behind it.
std::string short_line(const std::string& line) {
  const std::string path = std::filesystem::path(line.substr(0, line.find(' '))).lexically_normal().string();
  for (const char* folder : {"tests/csrc/", "csrc/"})
    if (const size_t at = path.rfind(folder); at != std::string::npos) return path.substr(at);
  return path;
}

}  // namespace

// addr2line says 0xADDRESS, then a function and file:line for each of those that are inlined there.
std::vector<CodePlace> places_of(const std::vector<uintptr_t>& addresses) {
  std::string command = text("addr2line -aCfi -e /proc/%d/exe", static_cast<int>(getpid()));
  std::vector<CodePlace> places;
  for (const uintptr_t address : addresses) {
    const std::string digits = text("0x%zx", address);
    command += " " + digits;
    places.push_back({digits, digits});
  }
  const std::vector<std::string> lines = output_of(command + " 2>/dev/null");
  size_t at = 0;
  bool is_first = true;
  for (size_t i = 0; i + 1 < lines.size(); ++i) {
    if (lines[i].rfind("0x", 0) == 0) {
      at += i > 0;
      is_first = true;
      continue;
    }
    const std::string &function = lines[i], &line = lines[++i];
    if (at >= places.size() || function[0] == '?' || line[0] == '?') continue;
    places[at].function = short_name(function);
    places[at].line = is_first ? short_line(line) : places[at].line + ", from " + short_line(line);
    is_first = false;
  }
  return places;
}

}  // namespace hebb::kernels::cuda::races

// Tuning: which of its methods a command takes, by what was measured for commands like it.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "stream/program.h"

namespace hebb::stream {

// Choices as data. They hold for one instruction set and number of threads, which are part of every key.
struct Tuning {
  std::string isa;
  int threads = 1;
  std::unordered_map<std::string, std::string> methods;  // names, by command_key()
};

// What tells apart commands of different speed, as one line of text that stays the same between processes and
// builds: slot, operands, parameters but for the method, instruction set, threads.
std::string command_key(const PlanCommand& command, const Tuning& tuning);

// A command that several methods can compute.
struct TunableCommand {
  std::string key;
  const PlanCommand* command;
  MethodChoice choice;
};

// Those of a program, which outlives them; one for each key, in order.
std::vector<TunableCommand> tunable_commands(const Program& program, const Tuning& tuning);

// By its name; -1 where the slot has no such method.
int64_t method_named(const Methods& methods, const std::string& name);

}  // namespace hebb::stream

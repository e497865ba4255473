// Who reads and writes what: the dependencies between the commands of a program.
#pragma once

#include <string>
#include <vector>

#include "stream/program.h"

namespace hebb::stream::passes {

struct BufferUse {
  std::vector<int> readers;  // commands, in order; one that updates a buffer is in both lists
  std::vector<int> writers;
};

std::vector<BufferUse> uses_of(const Program& program);

// Whether `a` and `b` must keep their order: one writes what the other uses.
bool conflict(const PlanCommand& a, const PlanCommand& b);

// Appends what an operand's value follows from; `versions` are the writes so far, by buffer.
void append_value(std::string& key, const PlanOperand& operand, const std::vector<int>& versions);

// Removes the commands that are marked.
void erase_commands(Program& program, const std::vector<bool>& marked);

// Whether the view is the whole of its buffer, in row-major order.
bool is_whole(const Program& program, const PlanOperand& operand);

}  // namespace hebb::stream::passes

// Running a program: pointers are put in where they changed, then its commands run in order.
#include "stream/replay.h"

#include <algorithm>
#include <chrono>

#include "stream/stream.h"

namespace hebb::stream {

namespace {

int64_t now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// Outputs are always bound: a run may have to poison them.
bool is_bound(Origin origin, bool used) {
  if (origin == Origin::kOutput) return true;
  return used && (origin == Origin::kArgument || origin == Origin::kGradient || origin == Origin::kCaptured ||
                  origin == Origin::kPack);
}

}  // namespace

Replay::Replay(const Runtime& runtime, const Program& program, const ArenaLayout& layout,
               const std::vector<Block*>& states, void* random)
    : arena_bytes_(layout.bytes), blocks_(program.buffers.size()), random_(random) {
  const std::vector<bool> used = used_buffers(program);
  for (size_t i = 0; i < program.buffers.size(); ++i) {
    const Buffer& buffer = program.buffers[i];
    if (is_bound(buffer.origin, used[i])) {
      bound_.push_back(static_cast<int>(i));
    } else if (buffer.origin != Origin::kState) {
      blocks_[i] = std::make_unique<Block>();
    }
  }
  bound_places_.resize(bound_.size());
  bound_written_.resize(bound_.size());
  bound_changed_.resize(bound_.size());
  last_.resize(bound_.size());
  for (size_t k = 0; k < bound_.size(); ++k) {
    bound_written_[k] = program.buffers[static_cast<size_t>(bound_[k])].origin == Origin::kOutput;
  }
  for (const auto& command : program.commands) {
    add(runtime, command, program, layout, states);
    const int pack = pack_made_by(program, command);
    if (pack >= 0) packs_.push_back(static_cast<size_t>(pack));
  }
  connect();
}

void Replay::add(const Runtime& runtime, const PlanCommand& source, const Program& program,
                 const ArenaLayout& layout, const std::vector<Block*>& states) {
  Command command;
  command.slot = source.slot;
  command.operand_count = static_cast<int>(source.operands.size());
  std::memcpy(command.params, source.params.data(), kParamBytes);
  command.tiles = source.tiles.get();
  command.tile_operands = static_cast<int>(source.tile_operands);
  if (source.tiles) tiles_.push_back(source.tiles);
  first_operand_.push_back(operands_.size());
  for (const auto& operand : source.operands) {
    const size_t at = operands_.size();
    Operand view = operand.view;
    if (operand.buffer != kNoBuffer) {
      const auto id = static_cast<size_t>(operand.buffer);
      const Buffer& buffer = program.buffers[id];
      view.block = blocks_[id].get();
      if (buffer.origin == Origin::kState) {
        view.block = states[static_cast<size_t>(buffer.index)];
        view.data = static_cast<char*>(view.block->data) + operand.offset;
        if (view.role != Role::kIn) changed_.push_back(view.block);
      } else if (buffer.origin == Origin::kRandom) {
        view.data = static_cast<char*>(random_) + operand.offset;
      } else if (buffer.origin == Origin::kTemporary) {
        arena_places_.push_back({at, layout.offsets[id] + operand.offset});
      } else {
        size_t k = 0;
        while (bound_[k] != operand.buffer) ++k;
        bound_places_[k].push_back({at, operand.offset});
        if (view.role != Role::kIn) bound_changed_[k] = true;
      }
    }
    operands_.push_back(view);
  }
  const int checked = source.slot->checked;
  bool is_checked = false;
  if (runtime.has_check(*source.slot) && checked < command.own_operands()) {
    const int buffer = source.operands[static_cast<size_t>(checked)].buffer;
    if (buffer != kNoBuffer && program.buffers[static_cast<size_t>(buffer)].origin == Origin::kArgument) {
      checks_.push_back({commands_.size(), source.site});
      is_checked = true;
    }
  }
  has_open_guards_ = has_open_guards_ || (source.slot->traits.guard && !is_checked);
  sites_.push_back(source.site);
  commands_.push_back(command);
}

// Operands have their places now: the vector grows no more.
void Replay::connect() {
  for (size_t i = 0; i < commands_.size(); ++i) commands_[i].operands = operands_.data() + first_operand_[i];
}

void Replay::bind(const Run& run) {
  for (size_t k = 0; k < bound_.size(); ++k) {
    const Binding& binding = run.bindings[k];
    if (binding.data == last_[k].data && binding.block == last_[k].block) continue;
    for (const Place& place : bound_places_[k]) {
      operands_[place.operand].data = static_cast<char*>(binding.data) + place.offset;
      operands_[place.operand].block = binding.block;
    }
    last_[k] = binding;
  }
  if (run.arena != last_arena_) {
    for (const Place& place : arena_places_)
      operands_[place.operand].data = static_cast<char*>(run.arena) + place.offset;
    last_arena_ = run.arena;
  }
}

void Replay::place_draws(Runtime& runtime, const Run& run) {
  if (run.seed == nullptr) return;
  const auto base = static_cast<int64_t>(run.base);
  runtime.copy(random_, run.seed->data, sizeof base);
  runtime.upload(static_cast<char*>(random_) + sizeof base, &base, sizeof base);
}

// The fault of the first argument with bad contents; 0 for none. Nothing has been written yet.
uint32_t Replay::check_inputs(Stream& stream, int threads, uint64_t ticket) {
  for (const Check& check : checks_) {
    const Command& command = commands_[check.command];
    const Operand& operand = command[command.slot->checked];
    if (operand.block->fault != 0) return operand.block->fault;
    const uint32_t fault = stream.attempt(*command.slot, check.site != 0 ? check.site : ticket, [&] {
      const auto seen = stream.look_on_host(command);
      return seen ? *seen : stream.runtime().check(command, threads);
    });
    if (fault != 0) return fault;
  }
  return 0;
}

void Replay::run_command(Stream& stream, const Run& run, size_t index, int threads, uint64_t ticket) {
  if (run.timing) run.timing->begin[index] = now();
  stream.run_kernel(commands_[index], threads, sites_[index] != 0 ? sites_[index] : ticket);
  if (run.timing) run.timing->end[index] = now();
}

// Also where the run is then left out: later ones count on them.
void Replay::make_packs(Stream& stream, const Run& run, int threads, uint64_t ticket) {
  for (size_t i = 0; i < packs_.size(); ++i) {
    if (!run.made[packs_[i]]) {
      run_command(stream, run, i, threads, ticket);
    } else if (run.timing) {
      run.timing->begin[i] = run.timing->end[i] = now();
    }
  }
}

void Replay::run(Stream& stream, const Run& run, int threads, uint64_t ticket) {
  bind(run);
  uint32_t fault = stream.attempt(stream.copy_slot(), ticket, [&] {
    place_draws(stream.runtime(), run);
    return Fault{};
  });
  make_packs(stream, run, threads, ticket);
  if (fault == 0) fault = check_inputs(stream, threads, ticket);
  // Also without one: no command writes an output that has no elements.
  poison_outputs(run, fault);
  if (fault != 0) return;
  const auto commands = [&] {
    for (size_t i = packs_.size(); i < commands_.size(); ++i) run_command(stream, run, i, threads, ticket);
  };
  if (!fits_graph(stream.runtime(), run)) return commands();
  forget_copies(stream, run);
  const uint32_t failure = stream.attempt(*commands_[0].slot, ticket, [&] {
    graphs_.run(stream.runtime(), memory_of(run), commands);
    return Fault{};
  });
  if (failure != 0) poison_outputs(run, failure);
}

// Commands tell of what they write when they are run; those of a graph that is launched again do not.
void Replay::forget_copies(Stream& stream, const Run& run) const {
  for (Block* block : changed_) stream.host_copies_.forget(block);
  for (size_t k = 0; k < bound_.size(); ++k) {
    if (bound_changed_[k]) stream.host_copies_.forget(run.bindings[k].block);
  }
}

void Replay::poison_outputs(const Run& run, uint32_t fault) {
  for (size_t k = 0; k < bound_.size(); ++k) {
    if (bound_written_[k]) run.bindings[k].block->fault = fault;
  }
}

// A graph runs all commands, whatever their operands: nothing may be poisoned that one of them reads.
bool Replay::fits_graph(const Runtime& runtime, const Run& run) const {
  if (!runtime.keeps_graphs() || has_open_guards_ || run.timing || !packs_.empty()) return false;
  return std::none_of(operands_.begin(), operands_.end(), [](const Operand& operand) {
    return operand.role != Role::kOut && operand.block != nullptr && operand.block->fault != 0;
  });
}

GraphCache::Key Replay::memory_of(const Run& run) const {
  GraphCache::Key key{run.arena};
  for (const Binding& binding : run.bindings) key.push_back(binding.data);
  return key;
}

}  // namespace hebb::stream

// The executing side of a stream: poison, kernels, faults and host tasks.
#include <algorithm>
#include <new>
#include <string>
#include <utility>

#include "stream/stream.h"

namespace hebb::stream {

namespace {

// Commands a stream may run before the next one has its turn.
constexpr int kTurn = 64;

// Failures are kept for whoever asks; a process that goes on failing must not grow.
constexpr size_t kMostFaults = size_t{1} << 16;
constexpr const char* kTooMany = "more than 65536 commands have failed; the later ones are not told apart";
constexpr const char* kNoScratch =
    "no memory for the kernel's own work; use smaller sizes, padding or dilation, or raise the cap";

void replace_all(std::string& text, const std::string& mark, int64_t value) {
  for (size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at)) {
    text.replace(at, mark.size(), std::to_string(value));
  }
}

}  // namespace

bool Stream::run_some() {
  bool worked = settle();
  int count = 0;
  while (count < kTurn && later_.size() < kMostLater && !idle() &&
         !cancelled_.load(std::memory_order_relaxed)) {
    const uint64_t index = completed_.load(std::memory_order_relaxed);
    run(ring_[index % kQueueLength], index + 1);
    completed_.store(index + 1, std::memory_order_release);
    tell_counters();
    ++count;
  }
  return worked || count > 0;
}

void Stream::tell_counters() {
  const uint64_t completed = completed_.load(std::memory_order_relaxed);
  settled_.store(later_.empty() ? completed : later_.front().ticket - 1, std::memory_order_release);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (!waiting_.load(std::memory_order_relaxed)) return;
  { std::lock_guard lock(wait_mutex_); }
  wait_signal_.notify_all();
}

// Tasks whose point is reached, in order; whether there were any.
bool Stream::settle() {
  bool any = false;
  while (!later_.empty() && !cancelled_.load(std::memory_order_relaxed)) {
    Later& first = later_.front();
    bool reached = true;
    const uint32_t failure = attempt(copy_, first.ticket, [&] {
      reached = runtime().reached(first.point);
      return Fault{};
    });
    if (!reached) break;
    if (first.reads && first.fault == 0) first.fault = failure;
    finish_task(first);
    later_.erase(later_.begin());
    tell_counters();
    any = true;
  }
  return any;
}

void Stream::finish_task(Later& later) {
  if (later.landing && later.fault == 0) std::memcpy(later.to, later.landing.get(), later.bytes);
  later.task(later.fault == 0 ? nullptr : look_up(later.fault));
}

void Stream::run(Entry& entry, uint64_t ticket) {
  if (entry.command.slot != nullptr) {
    run_kernel(entry.command, entry.threads, ticket);
    entry.more_operands.reset();
    return;
  }
  if (entry.replay != nullptr) {
    entry.replay->run(*this, entry.replay_run, entry.threads, ticket);
    entry.replay.reset();
    if (!entry.task) return;
  }
  run_task(entry, ticket);
}

void Stream::run_task(Entry& entry, uint64_t ticket) {
  Copy copy = std::exchange(entry.copy, {});
  Later later;
  later.task = std::exchange(entry.task, nullptr);
  later.reads = entry.task_block != nullptr;
  later.fault = later.reads ? entry.task_block->fault : 0;
  later.ticket = ticket;
  later.to = copy.to;
  later.bytes = copy.bytes;
  bool reached = true;
  const uint32_t failure = attempt(copy_, ticket, [&] {
    if (copy.written != nullptr && copy.bytes > 0) {
      runtime().upload(copy.to, copy.from, copy.bytes);
    } else if (later.fault == 0 && copy.bytes > 0) {
      later.landing = runtime().download(copy.to, copy.from, copy.bytes);
    }
    if (!later.task) return Fault{};
    later.point = runtime().point();
    reached = runtime().reached(later.point);
    return Fault{};
  });
  if (copy.written != nullptr) note_written(copy, failure);
  if (!later.task) return;
  if (later.reads && later.fault == 0) later.fault = failure;
  // Tasks are called in order.
  if (reached && later_.empty()) return finish_task(later);
  later_.push_back(std::move(later));
}

void Stream::note_written(Copy& copy, uint32_t failure) {
  copy.written->fault = failure;
  if (copy.keeps && failure == 0 && device() != Device::kCpu) {
    host_copies_.keep(copy.written, std::move(copy.source), copy.bytes);
  } else {
    host_copies_.forget(copy.written);
  }
}

std::optional<Fault> Stream::look_on_host(const Command& command) {
  const int checked = command.slot->checked;
  if (command.slot->check == nullptr || checked >= command.own_operands()) return std::nullopt;
  void* data = host_copies_.find(command[checked]);
  if (data == nullptr) return std::nullopt;
  std::vector<Operand> operands(command.operands, command.operands + command.operand_count);
  operands[static_cast<size_t>(checked)].data = data;
  Command there = command;
  there.operands = operands.data();
  Context context(Threads{});
  command.slot->check(there, context);
  return context.fault();
}

Fault Stream::run_guarded(const Command& command, int count) {
  const std::optional<Fault> seen = command.slot->traits.guard ? look_on_host(command) : std::nullopt;
  if (!seen) return runtime().run(command, count);
  if (!seen->set) runtime().run_unguarded(command, count);
  return *seen;
}

void Stream::run_kernel(const Command& command, int count, uint64_t ticket) {
  uint32_t fault = 0;
  for (int i = 0; i < command.operand_count && fault == 0; ++i) {
    const Operand& operand = command[i];
    if (operand.role != Role::kOut && operand.block != nullptr) fault = operand.block->fault;
  }
  // What must not take a poisoned value keeps its own.
  if (fault != 0 && command.slot->traits.writes_state) return;
  if (fault == 0) fault = attempt(*command.slot, ticket, [&] { return run_guarded(command, count); });
  for (int i = 0; i < command.operand_count; ++i) {
    const Operand& operand = command[i];
    if (operand.role == Role::kIn) continue;
    operand.block->fault = fault;
    host_copies_.forget(operand.block);
  }
}

uint32_t Stream::add_fault(const Slot& slot, const Fault& fault, uint64_t ticket) {
  std::string message =
      slot.fault_text != nullptr ? slot.fault_text : std::string(slot.name) + ": bad value {value}";
  replace_all(message, "{value}", fault.value);
  replace_all(message, "{position}", fault.position);
  replace_all(message, "{limit}", fault.limit);
  const size_t colon = message.find(": ");
  return keep_fault(Error(ErrorKind::kValue, message.substr(0, colon), message.substr(colon + 2)), ticket);
}

// Memory for the kernel's work was refused; where there is none for the message either, the first fault
// serves.
uint32_t Stream::add_memory_fault(const Slot& slot, uint64_t ticket) {
  try {
    return keep_fault(Error(ErrorKind::kMemory, slot.name, kNoScratch), ticket);
  } catch (const std::bad_alloc&) {
    return kNoMemoryFault;
  }
}

uint32_t Stream::keep_fault(Error error, uint64_t ticket) {
  error.set_ticket(ticket);
  if (fault_listener_) fault_listener_();
  std::lock_guard lock(fault_mutex_);
  if (faults_.size() <= kMostFaults) {
    faults_.push_back(std::make_unique<Error>(
        faults_.size() < kMostFaults ? std::move(error) : Error(ErrorKind::kValue, "hebb", kTooMany)));
  }
  const auto id = static_cast<uint32_t>(faults_.size());
  fault_count_.store(id, std::memory_order_relaxed);
  if (untold_.load(std::memory_order_relaxed) == 0) untold_.store(id, std::memory_order_release);
  return id;
}

const Error* Stream::look_up(uint32_t fault) {
  std::lock_guard lock(fault_mutex_);
  if (untold_.load(std::memory_order_relaxed) == fault) untold_.store(0, std::memory_order_relaxed);
  return faults_[fault - 1].get();
}

std::optional<Error> Stream::take_fault(uint32_t count) {
  if (!has_fault()) return std::nullopt;
  std::lock_guard lock(fault_mutex_);
  const uint32_t id = untold_.load(std::memory_order_relaxed);
  if (id == 0 || id > count) return std::nullopt;
  untold_.store(0, std::memory_order_relaxed);
  return *faults_[id - 1];
}

std::optional<Error> Stream::fault_of(const Block& block) {
  if (block.fault == 0) return std::nullopt;
  return *look_up(block.fault);
}

}  // namespace hebb::stream

// The shared executor and pool.
#include "binding/process.h"

#include <cstdlib>
#include <mutex>

#include "device/cpu/pool.h"
#include "ops/environment.h"

namespace hebb::binding {

namespace {

std::mutex acquire_mutex;
std::weak_ptr<Process> shared;
// Used by the executor thread alone, between its start and its join.
cpu::ThreadPool* pool = nullptr;
// The most that was asked for so far: where the system refuses threads, it is asked once.
int asked_threads = 1;

stream::Threads threads_of(int count) {
  if (count > asked_threads) {
    asked_threads = count;
    pool->resize(count);
  }
  return pool->threads(count);
}

}  // namespace

Process::Process() : isa_(cpu::choose_isa(std::getenv("HEBB_ISA"))) {
  ops::load_kernels(isa_);
  pool = new cpu::ThreadPool(1);
  asked_threads = 1;
  executor_ = std::make_unique<stream::Executor>(stream::Runtime{&threads_of, &cpu::prepare_executor});
}

Process::~Process() {
  executor_.reset();
  delete pool;
  pool = nullptr;
}

std::shared_ptr<Process> Process::acquire() {
  std::lock_guard lock(acquire_mutex);
  auto process = shared.lock();
  if (!process) {
    process.reset(new Process);
    shared = process;
  }
  return process;
}

}  // namespace hebb::binding

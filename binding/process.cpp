// The shared executor and pool.
#include "binding/process.h"

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include <cstdlib>
#include <mutex>
#include <utility>

#include "core/error.h"
#include "device/cpu/pool.h"
#include "ops/environment.h"

namespace hebb::binding {

namespace {

std::mutex acquire_mutex;
std::once_flag thresholds_fixed;
// Made and ended under the mutex: a new one never starts before the old one's threads are joined.
Process* shared = nullptr;
int users = 0;
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

// glibc raises its trim threshold with every large block that is freed, and then keeps what each thread used
// at its peak: megabytes after V8 has compiled the hot functions. Fixed thresholds give it back; see
// docs/decisions.
void fix_malloc_thresholds() {
#if defined(__GLIBC__)
  if (std::getenv("MALLOC_TRIM_THRESHOLD_") != nullptr || std::getenv("GLIBC_TUNABLES") != nullptr) return;
  mallopt(M_TRIM_THRESHOLD, 128 << 10);
  mallopt(M_MMAP_THRESHOLD, 4 << 20);
#endif
}

}  // namespace

Process::Process() : isa_(cpu::choose_isa(std::getenv("HEBB_ISA"))) {
  ops::load_kernels(isa_);
  pool = new cpu::ThreadPool(1);
  asked_threads = 1;
  try {
    executor_ = std::make_unique<stream::Executor>(
        std::make_unique<stream::HostRuntime>(&threads_of, &cpu::prepare_executor));
  } catch (...) {
    delete std::exchange(pool, nullptr);
    throw;
  }
}

stream::Executor& Process::cuda_executor() {
  std::lock_guard lock(cuda_mutex_);
  if (cuda_executor_) return *cuda_executor_;
  cuda_library_ = cuda::open_library(cuda::search_of_process());
  if (cuda_library_.api == nullptr)
    throw Error(ErrorKind::kDevice, "device", "no GPU: " + cuda_library_.reason);
  ops::load_kernels(*cuda_library_.api, &cuda::CudaRuntime::run_program);
  cuda_executor_ = std::make_unique<stream::Executor>(std::make_unique<cuda::CudaRuntime>(cuda_library_));
  return *cuda_executor_;
}

Process::~Process() {
  cuda_executor_.reset();
  executor_.reset();
  delete pool;
  pool = nullptr;
}

std::shared_ptr<Process> Process::acquire() {
  std::lock_guard lock(acquire_mutex);
  std::call_once(thresholds_fixed, fix_malloc_thresholds);
  if (shared == nullptr) shared = new Process;
  ++users;
  return std::shared_ptr<Process>(shared, [](Process* process) {
    std::lock_guard last(acquire_mutex);
    if (--users > 0) return;
    shared = nullptr;
    delete process;
  });
}

}  // namespace hebb::binding

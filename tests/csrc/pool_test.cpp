// The thread pool: every task exactly once, whatever the workers do; scratch, resizing, the floating-point
// environment.
#include "device/cpu/pool.h"

#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <mutex>
#include <new>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "check.h"

using namespace hebb;
using namespace hebb::cpu;

namespace {

template <class F>
void run(ThreadPool& pool, int count, int64_t tasks, F&& body) {
  stream::Context(pool.threads(count)).parallel(tasks, body);
}

// Calls body once on thread 1; false where that thread does not come within ten seconds.
template <class F>
bool run_on_worker(ThreadPool& pool, F&& body) {
  std::atomic<bool> worked{false};
  run(pool, 2, 2, [&](int64_t, int thread) {
    if (thread == 1 && !worked) {
      body();
      worked = true;
    }
    const auto start = std::chrono::steady_clock::now();
    while (!worked && std::chrono::steady_clock::now() - start < std::chrono::seconds(10))
      std::this_thread::yield();
  });
  return worked;
}

}  // namespace

TEST(pool_runs_every_task_exactly_once) {
  for (int threads = 1; threads <= 4; ++threads) {
    ThreadPool pool(threads);
    CHECK_EQ(pool.size(), threads);
    for (int64_t tasks : {0, 1, 2, 3, 7, 31, 64, 65, 1000, 4097}) {
      std::vector<std::atomic<int>> runs(static_cast<size_t>(tasks));
      std::atomic<bool> strange{false};
      run(pool, threads, tasks, [&](int64_t task, int thread) {
        if (task < 0 || task >= tasks || thread < 0 || thread >= threads) strange = true;
        ++runs[static_cast<size_t>(task)];
      });
      CHECK(!strange);
      for (auto& count : runs) CHECK_EQ(count.load(), 1);
    }
  }
}

// The tasks' writes are plain: the join itself must make them visible, and no late worker may see the frame
// of a region that has ended.
TEST(pool_many_short_regions) {
  for (int threads = 1; threads <= 4; ++threads) {
    ThreadPool pool(threads);
    const int64_t regions = threads <= 2 ? 100000 : 10000;
    for (int64_t region = 0; region < regions; ++region) {
      int64_t values[8] = {};
      const int64_t tasks = 2 + region % 7;
      run(pool, threads, tasks, [&values, region](int64_t task, int) { values[task] = region + task; });
      for (int64_t task = 0; task < tasks; ++task) CHECK_EQ(values[task], region + task);
      for (int64_t task = tasks; task < 8; ++task) CHECK_EQ(values[task], 0);
    }
  }
}

TEST(pool_wakes_parked_workers) {
  ThreadPool pool(3);
  for (int round = 0; round < 20; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
    std::atomic<int64_t> sum{0};
    run(pool, 3, 100, [&](int64_t task, int) { sum += task; });
    CHECK_EQ(sum.load(), 4950);
  }
}

// Workers do come: a task that waits for another thread ends.
TEST(pool_workers_take_part) {
  ThreadPool pool(2);
  for (int pause : {0, 5}) {
    std::this_thread::sleep_for(std::chrono::milliseconds(pause));
    std::mutex mutex;
    std::set<int> seen;
    const auto both = [&] {
      std::lock_guard lock(mutex);
      return seen.size() == 2;
    };
    run(pool, 2, 2, [&](int64_t, int thread) {
      {
        std::lock_guard lock(mutex);
        seen.insert(thread);
      }
      const auto start = std::chrono::steady_clock::now();
      while (!both() && std::chrono::steady_clock::now() - start < std::chrono::seconds(10))
        std::this_thread::yield();
    });
    CHECK_EQ(seen.size(), 2u);
  }
}

TEST(pool_uses_no_more_threads_than_asked) {
  ThreadPool pool(4);
  for (int count = 1; count <= 6; ++count) {
    const stream::Threads threads = pool.threads(count);
    CHECK_EQ(threads.count, count <= 4 ? count : 4);
    std::atomic<int> highest{0};
    for (int i = 0; i < 200; ++i) {
      run(pool, count, 16, [&](int64_t, int thread) {
        int before = highest.load();
        while (before < thread && !highest.compare_exchange_weak(before, thread)) {
        }
      });
    }
    CHECK(highest.load() < threads.count);
  }
  CHECK_EQ(pool.threads(0).count, 1);
  CHECK_EQ(pool.threads(-3).count, 1);
}

TEST(pool_resizes) {
  ThreadPool pool(1);
  for (int size : {3, 1, 4, 2, 2, 5, 1}) {
    pool.resize(size);
    CHECK_EQ(pool.size(), size);
    for (int i = 0; i < 300; ++i) {
      std::atomic<int64_t> sum{0};
      run(pool, size, 50, [&](int64_t task, int) { sum += task; });
      CHECK_EQ(sum.load(), 1225);
    }
  }
  pool.resize(0);
  CHECK_EQ(pool.size(), 1);
}

TEST(pool_scratch_grows_and_stays) {
  ThreadPool pool(2);
  stream::Context context(pool.threads(2));
  std::atomic<bool> bad{false};
  run(pool, 2, 64, [&](int64_t task, int thread) {
    const int64_t count = 1000 + task * 20000;
    float* first = context.scratch<float>(thread, count);
    if (reinterpret_cast<uintptr_t>(first) % 64 != 0) bad = true;
    std::memset(first, static_cast<int>(task), static_cast<size_t>(count) * 4);
    if (context.scratch<float>(thread, count) != first) bad = true;
    if (context.scratch<float>(thread, 1) != first) bad = true;
  });
  CHECK(!bad);
  CHECK(context.scratch<char>(0, 0) != nullptr);
}

TEST(pool_region_out_of_memory_throws_once_all_threads_have_left_it) {
  for (const int size : {1, 2, 3}) {
    ThreadPool pool(size);
    stream::Context context(pool.threads(size));
    std::atomic<int> done{0};
    bool thrown = false;
    try {
      context.parallel(200, [&](int64_t task, int thread) {
        if (task % 50 == 49) context.scratch<char>(thread, int64_t{1} << 60);
        ++done;
      });
    } catch (const std::bad_alloc&) {
      thrown = true;
    }
    CHECK(thrown);
    CHECK(done.load() < 200);
    done = 0;
    context.parallel(200, [&](int64_t, int) { ++done; });
    CHECK_EQ(done.load(), 200);
  }
}

TEST(pool_threads_flush_denormals) {
  ThreadPool pool(2);
  volatile float tiny = 1e-38f;
  bool kept = true;
  CHECK(run_on_worker(pool, [&] { kept = tiny * 0.1f != 0; }));
  CHECK(!kept);
  // Thread 0 is ours and has not been asked to flush.
  CHECK(tiny * 0.1f != 0);
}

TEST(executor_thread_is_prepared) {
  bool kept = true, blocked = false;
  volatile float tiny = 1e-38f;
  std::thread([&] {
    prepare_executor();
    kept = tiny * 0.1f != 0;
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    blocked = sigismember(&mask, SIGINT) && !sigismember(&mask, SIGSEGV);
  }).join();
  CHECK(!kept);
  CHECK(blocked);
}

TEST(pool_threads_leave_signals_to_others) {
  sigset_t before;
  pthread_sigmask(SIG_SETMASK, nullptr, &before);
  ThreadPool pool(2);
  bool blocked = false;
  std::string name;
  CHECK(run_on_worker(pool, [&] {
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    blocked = sigismember(&mask, SIGINT) && sigismember(&mask, SIGTERM) && !sigismember(&mask, SIGSEGV);
    char text[16] = {};
    pthread_getname_np(pthread_self(), text, sizeof text);
    name = text;
  }));
  CHECK(blocked);
  CHECK_EQ(name, "hebb-cpu-1");
  sigset_t after;
  pthread_sigmask(SIG_SETMASK, nullptr, &after);
  CHECK_EQ(sigismember(&after, SIGINT), sigismember(&before, SIGINT));
}

// Executor: the one thread of a device that runs commands, serving the streams of all environments in turn.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "stream/runtime.h"

namespace hebb::stream {

class Stream;

class Executor {
 public:
  explicit Executor(std::unique_ptr<Runtime> runtime);
  // Every stream must have been detached.
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  Runtime& runtime() const { return *runtime_; }
  void attach(Stream* stream);
  // Returns when the executor holds no reference to the stream any more.
  void detach(Stream* stream);
  // Called by a stream after it has appended work.
  void wake();

 private:
  void loop();
  // What the streams had to do.
  enum class Served { kNothing, kWaits, kWorked };
  Served serve();
  // Until there is work or, where a device is waited for, for a moment.
  void park(Served served);

  std::unique_ptr<Runtime> runtime_;
  std::mutex streams_mutex_;
  // Threads that want the list: the executor, which takes the mutex again and again, lets them go first.
  std::atomic<int> visitors_{0};
  std::vector<Stream*> streams_;
  std::mutex park_mutex_;
  std::condition_variable park_signal_;
  std::atomic<bool> parked_{false};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace hebb::stream

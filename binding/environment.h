// Environment: what one JavaScript environment (main thread or worker) owns on the native side.
#pragma once

#include <napi.h>

#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "binding/handle.h"
#include "binding/plan.h"
#include "binding/process.h"
#include "device/cpu/allocator.h"
#include "ops/environment.h"
#include "stream/recorder.h"

namespace hebb::binding {

// "log_softmax" -> "logSoftmax": what JavaScript calls an op.
std::string camel_case(const std::string& name);

// One finished piece of work whose promise JavaScript waits for.
struct Completion {
  Napi::FunctionReference callback;
  Napi::ObjectReference target;  // keeps the memory that was read into alive
  const Error* fault = nullptr;
  bool take_fault = false;
  uint32_t room = 0;  // not 0: for the room listener, instead of a callback of its own
};

class Environment {
 public:
  explicit Environment(Napi::Env env);
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  static Environment& of(Napi::Env env);

  Napi::Env env() const { return env_; }
  ops::Environment& ops() { return *ops_; }
  stream::Stream& stream() { return ops_->stream(); }
  cpu::CpuAllocator& allocator() { return *allocator_; }
  // Null until the GPU is used.
  device::CachingAllocator* cuda_allocator() { return cuda_allocator_.get(); }
  Process& process() { return *process_; }
  HandleLists& handles() { return handles_; }
  stream::Isa isa() const { return process_->isa(); }

  // Makes typed JavaScript errors: (kind, op, detail, site) => Error, where site is undefined or what the
  // probe gave when the command that failed was submitted.
  void set_error_factory(Napi::Function factory) { error_factory_ = Napi::Persistent(factory); }
  // () => an object that knows the caller, and what is called soon after a failure in the background.
  void set_site_probe(Napi::Function probe) { site_probe_ = Napi::Persistent(probe); }
  void set_fault_listener(Napi::Function listener) { fault_listener_ = Napi::Persistent(listener); }
  // Remembers the caller of an op that may fail while running: it submitted the commands after `first`.
  void note_site(uint64_t first);
  // Where the next command goes: its number in the queue, or in the recording.
  uint64_t position();
  Napi::Value make_error(const Error& error);

  // Everything until end_recording() is recorded, on the device in use. Throws Error(kState) where something
  // is already.
  void begin_recording();
  stream::Recorder* recorder() { return recorder_.get(); }
  // The recorded values die; tensors made for real live on.
  void end_recording();
  const std::vector<uint64_t>& recorded_sites() const { return recorded_sites_; }
  const std::shared_ptr<PlanTable>& plans() const { return plans_; }
  std::vector<Tensor> run_plan(PlanHandle& handle, const std::vector<Tensor>& args, bool timed);
  void drop_plan(PlanHandle& handle);
  // One word that JavaScript sees without a call, and the listener that is told (number, error?).
  void watch_room(Napi::Object keeper, int32_t* status, Napi::Function listener);
  void set_status(int32_t value) {
    if (status_ != nullptr) *status_ = value;
  }
  uint32_t next_room() { return ++rooms_; }

  // Registers a callback to be called once `completion` arrives; the process stays alive until then.
  void expect();
  // From the executor thread.
  void complete(std::unique_ptr<Completion> completion);

  // The first failure of any device that nobody has been told of, if it is among the first `count` of its
  // device.
  std::optional<Error> take_fault(uint32_t count = ~uint32_t{0});
  uint32_t fault_count();

  // Tells the garbage collector how much memory its handles keep, when that changed by a megabyte or more.
  void account();

  // Nothing of this environment runs or is waited for after this.
  void end();
  bool ended() const { return ops_ == nullptr; }

 private:
  // Numbers of commands in the queue never get so far.
  static constexpr uint64_t kRecordedSite = uint64_t{1} << 63;

  static void deliver(napi_env env, napi_value, void* context, void*);
  void deliver_all();
  void open_cuda();
  void watch_faults(stream::Stream& stream);
  Napi::Value site_of(uint64_t ticket);

  Napi::Env env_;
  std::shared_ptr<Process> process_;
  std::unique_ptr<cpu::CpuAllocator> allocator_;
  std::unique_ptr<device::CachingAllocator> cuda_allocator_;
  std::unique_ptr<ops::Environment> ops_;
  HandleLists handles_;
  Napi::FunctionReference error_factory_;
  Napi::FunctionReference site_probe_;
  Napi::FunctionReference fault_listener_;
  // The callers of the last ops that may fail while running.
  struct Site {
    uint64_t first;
    uint64_t last;
    Napi::ObjectReference caller;
  };
  std::deque<Site> sites_;
  // Those of recorded commands, by the number that their faults carry.
  std::unordered_map<uint64_t, Napi::ObjectReference> plan_sites_;
  uint64_t next_site_ = kRecordedSite;
  std::unique_ptr<stream::Recorder> recorder_;
  std::vector<uint64_t> recorded_sites_;
  Napi::ObjectReference status_keeper_;
  int32_t* status_ = nullptr;
  Napi::FunctionReference room_listener_;
  uint32_t rooms_ = 0;
  std::shared_ptr<PlanTable> plans_ = std::make_shared<PlanTable>();
  bool fault_arrived_ = false;
  napi_threadsafe_function notify_ = nullptr;
  int64_t expected_ = 0;
  int64_t accounted_ = 0;
  std::mutex completions_mutex_;
  std::vector<std::unique_ptr<Completion>> completions_;
};

}  // namespace hebb::binding

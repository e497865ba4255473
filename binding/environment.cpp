// The life of an environment, and the way results come back to its thread.
#include "binding/environment.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "device/cpu/machine.h"

namespace hebb::binding {

namespace {

// Telling the collector is a call into V8: only changes of this size are worth one.
constexpr int64_t kAccountStep = 1 << 20;

// A step has a few ops that may fail while running, and a few steps are under way.
constexpr size_t kSites = 256;

void end_environment(void* data) { static_cast<Environment*>(data)->end(); }

}  // namespace

std::string camel_case(const std::string& name) {
  std::string result;
  bool upper = false;
  for (char c : name) {
    if (c == '_') {
      upper = true;
    } else {
      result += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
      upper = false;
    }
  }
  return result;
}

Environment::Environment(Napi::Env env) : env_(env), process_(Process::acquire()) {
  allocator_ = std::make_unique<cpu::CpuAllocator>();
  ops_ = std::make_unique<ops::Environment>(process_->executor(), *allocator_);
  ops_->set_opener([this] { open_cuda(); });
  ops_->make_current();
  stream().set_threads(cpu::usable_cores());
  napi_value name = Napi::String::New(env, "hebb");
  napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, this, &deliver,
                                  &notify_);
  napi_unref_threadsafe_function(env, notify_);
  watch_faults(stream());
  // Hooks run in reverse order: this one before the thread-safe function's own.
  napi_add_env_cleanup_hook(env, &end_environment, this);
}

Environment::~Environment() { end(); }

void Environment::watch_faults(stream::Stream& stream) {
  stream.on_fault([this] {
    {
      std::lock_guard lock(completions_mutex_);
      fault_arrived_ = true;
    }
    napi_call_threadsafe_function(notify_, nullptr, napi_tsfn_nonblocking);
  });
}

std::optional<Error> Environment::take_fault(uint32_t count) {
  std::optional<Error> taken;
  ops_->each_stream([&](stream::Stream& stream) {
    if (!taken) taken = stream.take_fault(count);
  });
  return taken;
}

uint32_t Environment::fault_count() {
  uint32_t most = 0;
  ops_->each_stream([&](stream::Stream& stream) { most = std::max(most, stream.fault_count()); });
  return most;
}

void Environment::open_cuda() {
  stream::Executor& executor = process_->cuda_executor();
  cuda_allocator_ = std::make_unique<device::CachingAllocator>(process_->cuda_chunks());
  ops_->add_device(executor, *cuda_allocator_);
  watch_faults(*ops_->stream_of(Device::kCuda));
}

Environment& Environment::of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

void Environment::end() {
  if (ended()) return;
  ops_->make_current();
  if (auto fault = take_fault()) {
    std::fprintf(stderr, "hebb: a failure that nothing read: %s: %s\n", camel_case(fault->op()).c_str(),
                 fault->detail().c_str());
  }
  if (recorder_) end_recording();
  for (PlanHandle* plan : *plans_) drop_plan(*plan);
  sites_.clear();
  plan_sites_.clear();
  handles_.clear();
  ops_.reset();
  if (notify_ != nullptr) napi_release_threadsafe_function(notify_, napi_tsfn_abort);
  notify_ = nullptr;
  completions_.clear();
  allocator_.reset();
  cuda_allocator_.reset();
  process_.reset();
}

Napi::Value Environment::make_error(const Error& error) {
  if (error_factory_.IsEmpty()) return Napi::Error::New(env_, error.what()).Value();
  return error_factory_.Call({Napi::String::New(env_, kind_name(error.kind())),
                              Napi::String::New(env_, camel_case(error.op())),
                              Napi::String::New(env_, error.detail()), site_of(error.ticket())});
}

uint64_t Environment::position() { return recorder_ ? recorder_->commands() : stream().submitted(); }

void Environment::note_site(uint64_t first) {
  if (site_probe_.IsEmpty()) return;
  Napi::Value caller = site_probe_.Call(std::initializer_list<napi_value>{});
  if (!caller.IsObject()) return;
  if (recorder_) {
    const uint64_t id = ++next_site_;
    plan_sites_.emplace(id, Napi::Persistent(caller.As<Napi::Object>()));
    recorded_sites_.push_back(id);
    recorder_->set_site(first, id);
    return;
  }
  // What has run without a fault needs its caller no more; kept longer, a caller's stack would keep its
  // values.
  const uint64_t done = stream().completed();
  while (!sites_.empty() && sites_.front().last <= done && stream().fault_count() == 0) sites_.pop_front();
  if (sites_.size() == kSites) sites_.pop_front();
  sites_.push_back({first, stream().submitted(), Napi::Persistent(caller.As<Napi::Object>())});
}

Napi::Value Environment::site_of(uint64_t ticket) {
  const auto recorded = plan_sites_.find(ticket);
  if (recorded != plan_sites_.end()) return recorded->second.Value();
  for (const auto& site : sites_) {
    if (site.first < ticket && ticket <= site.last) return site.caller.Value();
  }
  return env_.Undefined();
}

void Environment::begin_recording() {
  if (recorder_) {
    throw Error(ErrorKind::kState, "compile",
                "a step is being recorded already; call one step inside another");
  }
  recorder_ = std::make_unique<stream::Recorder>(ops_->device());
  ops_->set_recorded_device(ops_->device());
  recorded_sites_.clear();
  handles_.open();
  stream().set_recorder(recorder_.get());
}

void Environment::end_recording() {
  if (!recorder_) return;
  ops_->use(ops_->base_device());
  stream().set_recorder(nullptr);
  ops_->set_recorded_device(std::nullopt);
  handles_.close_recorded([this](const Tensor& tensor) {
    return !tensor.is_constant() && recorder_->owns(tensor.storage()->block());
  });
  recorder_.reset();
}

std::vector<Tensor> Environment::run_plan(PlanHandle& handle, const std::vector<Tensor>& args, bool timed) {
  stream::Plan& plan = *handle.plan;
  State* seed = nullptr;
  uint64_t base = 0;
  if (timed) {
    handle.timing = std::make_shared<stream::Timing>();
    handle.timing->begin.resize(plan.program().commands.size());
    handle.timing->end.resize(plan.program().commands.size());
  }
  if (plan.drawn() > 0) {
    // The generator starts with its first draw.
    ops_->advance(0);
    base = ops_->counter();
    seed = ops_->seed_cell().get();
  }
  handle.pace->begin();
  try {
    std::vector<Tensor> results = plan.run(args, seed, base, timed ? handle.timing : nullptr,
                                           [this, pace = handle.pace](const Error*) { pace->end(*this); });
    if (plan.drawn() > 0) ops_->advance(plan.drawn());
    return results;
  } catch (...) {
    handle.pace->cancel();
    throw;
  }
}

void Environment::watch_room(Napi::Object keeper, int32_t* status, Napi::Function listener) {
  status_keeper_ = Napi::Persistent(keeper);
  status_ = status;
  room_listener_ = Napi::Persistent(listener);
}

void Environment::drop_plan(PlanHandle& handle) {
  if (!ended()) {
    for (const uint64_t site : handle.sites) plan_sites_.erase(site);
  }
  handle.sites.clear();
  handle.plan.reset();
}

void Environment::expect() {
  {
    // The executor only takes places that are there: it must not run out of memory.
    std::lock_guard lock(completions_mutex_);
    const auto needed = static_cast<size_t>(expected_) + 1;
    if (completions_.capacity() < needed) completions_.reserve(2 * needed);
  }
  if (++expected_ == 1) napi_ref_threadsafe_function(env_, notify_);
}

void Environment::complete(std::unique_ptr<Completion> completion) {
  bool first;
  {
    std::lock_guard lock(completions_mutex_);
    first = completions_.empty();
    completions_.push_back(std::move(completion));
  }
  // One call delivers all that have gathered by then.
  if (first) napi_call_threadsafe_function(notify_, nullptr, napi_tsfn_nonblocking);
}

void Environment::deliver(napi_env env, napi_value, void* context, void*) {
  if (env == nullptr) return;
  static_cast<Environment*>(context)->deliver_all();
}

void Environment::deliver_all() {
  if (ended()) return;
  Napi::HandleScope scope(env_);
  std::vector<std::unique_ptr<Completion>> ready;
  ready.reserve(static_cast<size_t>(expected_));
  bool fault = false;
  {
    std::lock_guard lock(completions_mutex_);
    ready.swap(completions_);
    fault = std::exchange(fault_arrived_, false);
  }
  expected_ -= static_cast<int64_t>(ready.size());
  if (expected_ == 0 && !ready.empty()) napi_unref_threadsafe_function(env_, notify_);
  try {
    for (auto& completion : ready) {
      const auto untold = completion->take_fault ? take_fault() : std::nullopt;
      const Error* error = untold ? &*untold : completion->fault;
      Napi::Value argument = error ? make_error(*error) : env_.Undefined();
      // The callbacks only settle promises: whoever waits for those runs once all are settled.
      if (completion->room != 0) {
        room_listener_.Call({Napi::Number::New(env_, completion->room), argument});
      } else {
        completion->callback.Call({argument});
      }
      if (env_.IsExceptionPending()) env_.GetAndClearPendingException();
    }
    if (fault && !fault_listener_.IsEmpty()) {
      fault_listener_.Call({Napi::Number::New(env_, fault_count())});
    }
  } catch (const Napi::Error&) {
    // A worker that is being terminated runs no callback any more; nobody waits for the others either.
  }
}

void Environment::account() {
  if (ended()) return;
  // A small object of JavaScript may hold much memory of a GPU too.
  const size_t on_cuda = cuda_allocator_ ? cuda_allocator_->stats().live_bytes : 0;
  const auto live = static_cast<int64_t>(allocator_->stats().live_bytes + on_cuda);
  if (std::llabs(live - accounted_) < kAccountStep) return;
  int64_t total = 0;
  napi_adjust_external_memory(env_, live - accounted_, &total);
  accounted_ = live;
}

}  // namespace hebb::binding

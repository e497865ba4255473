// Compiled steps at the border: recording, running, telling about them.
#include "binding/plan.h"

#include <algorithm>

#include "autograd/grad_mode.h"
#include "binding/arguments.h"
#include "binding/entry.h"
#include "binding/exports.h"

namespace hebb::binding {

bool Pace::is_full() {
  std::lock_guard lock(mutex_);
  return pending_ >= limit_;
}

bool Pace::is_awaited() {
  std::lock_guard lock(mutex_);
  return waiting_ != nullptr;
}

void Pace::begin() {
  std::lock_guard lock(mutex_);
  if (pending_++ == 0) since_ = Clock::now();
}

void Pace::cancel() {
  std::lock_guard lock(mutex_);
  --pending_;
}

void Pace::end(Environment& environment) {
  const auto now = Clock::now();
  std::unique_ptr<Completion> ready;
  {
    std::lock_guard lock(mutex_);
    last_ = std::max(now - since_, Clock::duration(1));
    since_ = now;
    limit_ = static_cast<int>(std::clamp<int64_t>(kAhead / last_, kPending, kShortPending));
    if (--pending_ <= left_at_wake()) ready = std::move(waiting_);
  }
  if (ready) environment.complete(std::move(ready));
}

bool Pace::wait(std::unique_ptr<Completion>& completion) {
  std::lock_guard lock(mutex_);
  if (pending_ < limit_) return false;
  waiting_ = std::move(completion);
  return true;
}

PlanHandle& plan_of(Environment& environment, const Napi::Value& value) {
  void* data = nullptr;
  napi_get_value_external(value.Env(), value, &data);
  auto* handle = static_cast<PlanHandle*>(data);
  if (handle == nullptr || !environment.plans()->contains(handle)) {
    throw Error(ErrorKind::kValue, "compile", "got " + printed(value) + " for a compiled step");
  }
  if (!handle->plan) throw Error(ErrorKind::kState, "compile", "the step is disposed; compile it again");
  return *handle;
}

namespace {

constexpr uint32_t kMostBlanks = 1u << 20;

void finalize_plan(napi_env env, void* data, void*) {
  auto* handle = static_cast<PlanHandle*>(data);
  // An environment that has ended has dropped its plans.
  if (handle->plan) Environment::of(env).drop_plan(*handle);
  delete handle;
}

void check_arguments(const std::vector<Tensor>& args) {
  for (size_t i = 0; i < args.size(); ++i) {
    if (!args[i].requires_grad()) continue;
    throw Error(
        ErrorKind::kState, "compile",
        text("argument %zu requires a gradient, which a compiled step does not pass on; detach() it, or "
             "differentiate inside the step",
             i));
  }
}

// A step runs where its arguments are, or on the base device.
void follow(Environment& environment, const std::vector<Tensor>& args) {
  for (const auto& arg : args) {
    if (arg.is_constant()) continue;
    environment.ops().use(arg.device());
    return;
  }
}

// recordBegin(tensors): a placeholder for each. A state given as an argument is the value it has now.
Napi::Value record_begin(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    std::vector<Tensor> args;
    {
      autograd::GradMode off(false);
      args = tensors_of("compile", "arguments", info[0]);
    }
    check_arguments(args);
    follow(environment, args);
    environment.begin_recording();
    std::vector<Tensor> placeholders;
    for (const auto& arg : args)
      placeholders.push_back(environment.recorder()->argument(arg.dtype(), arg.shape()));
    return wrap_all(environment, std::move(placeholders));
  });
}

// recordEnd(results, optimise, methods): the plan, whose commands take the methods that are named for their
// keys. The recording is over, also where this throws.
Napi::Value record_end(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) -> Napi::Value {
    if (environment.recorder() == nullptr) throw Error(ErrorKind::kState, "compile", "nothing is recorded");
    auto handle = std::make_unique<PlanHandle>(environment.plans());
    handle->sites = environment.recorded_sites();
    try {
      handle->tuning = tuning_of(environment, info[2]);
      autograd::GradMode off(false);
      const std::vector<Tensor> results = tensors_of("compile", "results", info[0]);
      handle->plan = std::make_unique<stream::Plan>(
          environment.stream(), *environment.recorder(), results,
          info[1].ToBoolean() ? ops::Environment::optimiser(handle->tuning, environment.ops().device())
                              : stream::Optimiser{});
    } catch (...) {
      environment.end_recording();
      environment.drop_plan(*handle);
      throw;
    }
    environment.end_recording();
    napi_value result;
    if (napi_create_external(environment.env(), handle.get(), &finalize_plan, nullptr, &result) != napi_ok) {
      environment.drop_plan(*handle);
      throw Error(ErrorKind::kInternal, "compile", "the environment is shutting down");
    }
    handle.release();
    return Napi::Value(environment.env(), result);
  });
}

Napi::Value record_abort(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    environment.end_recording();
    return environment.env().Undefined();
  });
}

// planMatches(plan): whether its states are as they were recorded.
Napi::Value matches(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    return Napi::Boolean::New(environment.env(), plan_of(environment, info[0]).plan->matches());
  });
}

// The number that the room listener is told when another run may be begun, with a failure nobody was told of;
// 0 where it may be begun at once.
uint32_t room_after_run(Environment& environment, Pace& pace) {
  if (!pace.is_full()) return 0;
  auto completion = std::make_unique<Completion>();
  completion->room = environment.next_room();
  completion->take_fault = true;
  const uint32_t number = completion->room;
  environment.expect();
  if (!pace.wait(completion)) environment.complete(std::move(completion));
  return number;
}

// planBlanks(count): empty handles, for the results of planRun.
Napi::Value blanks(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    auto list = Napi::Array::New(environment.env());
    const uint32_t count = info[0].ToNumber().Uint32Value();
    for (uint32_t i = 0; i < count && i < kMostBlanks; ++i) list.Set(i, wrap_nothing(environment));
    return list;
  });
}

// planRun(plan, timed, ...results, ...tensors): whether it ran; not where it was recorded for other arguments
// or states. `results` are empty handles, for the results. The status word becomes the number of the room to
// wait for.
Napi::Value run(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) -> Napi::Value {
    PlanHandle& handle = plan_of(environment, info[0]);
    environment.ops().use(handle.plan->device());
    if (auto fault = environment.stream().take_fault()) throw *fault;
    const size_t first = 2, results = handle.plan->results();
    std::vector<Tensor> args;
    args.reserve(info.Length());
    {
      autograd::GradMode off(false);
      for (size_t i = first + results; i < info.Length(); ++i)
        args.push_back(tensor_handle("compile", "an argument", info[i]).value());
    }
    if (!handle.plan->takes(args) || !handle.plan->matches())
      return Napi::Boolean::New(environment.env(), false);
    check_arguments(args);
    // Not where it is merely full: the limit may have fallen since the last caller was told that there is
    // room.
    if (handle.pace->is_awaited()) {
      throw Error(ErrorKind::kState, "compile",
                  text("%d runs of the step are under way; await each call before the next", Pace::kPending));
    }
    std::vector<Handle*> empty;
    empty.reserve(results);
    for (size_t i = 0; i < results; ++i) empty.push_back(&empty_handle("compile", info[first + i]));
    std::vector<Tensor> made = environment.run_plan(handle, args, info[1].ToBoolean());
    for (size_t i = 0; i < results; ++i) fill(environment, *empty[i], std::move(made[i]));
    environment.set_status(static_cast<int32_t>(room_after_run(environment, *handle.pace)));
    return Napi::Boolean::New(environment.env(), true);
  });
}

// onRoom(status, listener): an Int32Array of one word for planRun, and who is told of room.
Napi::Value on_room(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    if (!info[0].IsTypedArray() || info[0].As<Napi::TypedArray>().ByteLength() < sizeof(int32_t)) {
      throw Error(ErrorKind::kValue, "compile", "status must be an Int32Array, got " + printed(info[0]));
    }
    environment.watch_room(info[0].As<Napi::Object>(),
                           static_cast<int32_t*>(info[0].As<Napi::TypedArrayOf<int32_t>>().Data()),
                           function_of("compile", "listener", info[1]));
    return environment.env().Undefined();
  });
}

Napi::Value dispose(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    environment.drop_plan(plan_of(environment, info[0]));
    return environment.env().Undefined();
  });
}

// planReports(plan): what each pass made of it, first the recording itself; and what it takes.
Napi::Value reports(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    const auto& plan = *plan_of(environment, info[0]).plan;
    auto list = Napi::Array::New(environment.env());
    for (const auto& report : plan.explain()) {
      auto object = Napi::Object::New(environment.env());
      object.Set("pass", report.pass);
      object.Set("text", report.text);
      object.Set("commands", static_cast<double>(report.commands));
      object.Set("bytes", report.bytes);
      object.Set("flops", report.flops);
      object.Set("arenaBytes", static_cast<double>(report.arena_bytes));
      list.Set(list.Length(), object);
    }
    return list;
  });
}

// planTimes(plan): [{ name, begin, end, flops, bytes }] of the run that was timed last, in microseconds.
Napi::Value times(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    const PlanHandle& handle = plan_of(environment, info[0]);
    auto list = Napi::Array::New(environment.env());
    if (!handle.timing) return list;
    const auto& commands = handle.plan->program().commands;
    for (size_t i = 0; i < commands.size() && i < handle.timing->begin.size(); ++i) {
      auto object = Napi::Object::New(environment.env());
      object.Set("name", commands[i].slot->name);
      object.Set("begin", static_cast<double>(handle.timing->begin[i] - handle.timing->begin[0]) * 1e-3);
      object.Set("end", static_cast<double>(handle.timing->end[i] - handle.timing->begin[0]) * 1e-3);
      object.Set("flops", stream::flops_of(commands[i]));
      object.Set("bytes", stream::bytes_of(commands[i]));
      list.Set(list.Length(), object);
    }
    return list;
  });
}

// planFigures(plan): { commands, drawn, arenaBytes, forgotten }, the last being the shapes of parameters that
// get a gradient though no update of the step reaches them.
Napi::Value figures(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    const auto& plan = *plan_of(environment, info[0]).plan;
    auto object = Napi::Object::New(environment.env());
    object.Set("commands", static_cast<double>(plan.program().commands.size()));
    object.Set("drawn", static_cast<double>(plan.drawn()));
    object.Set("arenaBytes", static_cast<double>(plan.arena_bytes()));
    auto forgotten = Napi::Array::New(environment.env());
    for (const auto& state : plan.forgotten()) forgotten.Set(forgotten.Length(), state->shape().text());
    object.Set("forgotten", forgotten);
    return object;
  });
}

}  // namespace

void export_plan(Napi::Env env, Napi::Object exports) {
  exports.Set("recordBegin", Napi::Function::New(env, record_begin));
  exports.Set("recordEnd", Napi::Function::New(env, record_end));
  exports.Set("recordAbort", Napi::Function::New(env, record_abort));
  exports.Set("planMatches", Napi::Function::New(env, matches));
  exports.Set("planBlanks", Napi::Function::New(env, blanks));
  exports.Set("planRun", Napi::Function::New(env, run));
  exports.Set("onRoom", Napi::Function::New(env, on_room));
  exports.Set("planDispose", Napi::Function::New(env, dispose));
  exports.Set("planReports", Napi::Function::New(env, reports));
  exports.Set("planTimes", Napi::Function::New(env, times));
  exports.Set("planFigures", Napi::Function::New(env, figures));
}

}  // namespace hebb::binding

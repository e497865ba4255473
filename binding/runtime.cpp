// Threads, seeds, memory figures and waiting, per environment.
#include <atomic>
#include <cmath>

#include "binding/arguments.h"
#include "binding/entry.h"
#include "binding/exports.h"
#include "device/cpu/pool.h"

namespace hebb::binding {

namespace {

double whole(const char* op, const char* name, const Napi::Value& value, double low, double high) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (!value.IsNumber() || number != std::floor(number) || number < low || number > high) {
    throw Error(ErrorKind::kValue, op,
                std::string(name) + " must be an integer in " + number_text(low) + ".." + number_text(high) +
                    ", got " + printed(value));
  }
  return number;
}

Napi::Value seed(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    environment.ops().set_seed(static_cast<uint64_t>(whole("seed", "seed", info[0], 0, 9007199254740991.0)));
    return environment.env().Undefined();
  });
}

// The place in the random numbers, to be saved with a checkpoint; setCounter goes back to it.
Napi::Value counter(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    return Napi::Number::New(environment.env(), static_cast<double>(environment.ops().counter()));
  });
}

Napi::Value set_counter(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    const double value = whole("random", "counter", info[0], 0, 9007199254740991.0);
    environment.ops().set_counter(static_cast<uint64_t>(value));
    return environment.env().Undefined();
  });
}

Napi::Value threads(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    return Napi::Number::New(environment.env(), environment.stream().threads());
  });
}

Napi::Value set_threads(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    environment.stream().set_threads(
        static_cast<int>(whole("threads", "count", info[0], 1, cpu::kMaxThreads)));
    return environment.env().Undefined();
  });
}

// setMemoryCap(bytes): the cap that all environments of the process share.
Napi::Value set_memory_cap(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    const auto cap = static_cast<size_t>(whole("memory", "cap", info[0], 0, 9007199254740991.0));
    if (!info[1].IsUndefined() && device_of("memory", info[1]) == Device::kCuda) {
      environment.process().cuda_executor();
      environment.process().cuda_chunks().cap.store(cap);
    } else {
      cpu::set_memory_cap(cap);
    }
    return environment.env().Undefined();
  });
}

void set_figures(Napi::Object object, const device::MemoryStats& stats, size_t cap, stream::Stream& stream) {
  object.Set("liveBytes", static_cast<double>(stats.live_bytes));
  object.Set("liveBlocks", static_cast<double>(stats.live_blocks));
  object.Set("peakBytes", static_cast<double>(stats.peak_bytes));
  object.Set("cachedBytes", static_cast<double>(stats.cached_bytes));
  object.Set("reservedBytes", static_cast<double>(stats.reserved_bytes));
  object.Set("capBytes", static_cast<double>(cap));
  object.Set("arenaBytes", static_cast<double>(stream.arena().bytes()));
}

Napi::Value memory(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    auto object = Napi::Object::New(environment.env());
    set_figures(object, environment.allocator().stats(), cpu::memory_cap(),
                *environment.ops().stream_of(Device::kCpu));
    if (const auto* allocator = environment.cuda_allocator()) {
      auto cuda = Napi::Object::New(environment.env());
      set_figures(cuda, allocator->stats(), environment.process().cuda_chunks().cap.load(),
                  *environment.ops().stream_of(Device::kCuda));
      object.Set("cuda", cuda);
    }
    object.Set("liveTensors", static_cast<double>(environment.handles().live()));
    return object;
  });
}

// setDevice('cpu' | 'cuda'): what does not follow from operands is computed there from now on. Throws the
// reason where there is no GPU.
Napi::Value set_device(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    const Device device = device_of("setDevice", info[0]);
    if (environment.recorder() != nullptr)
      throw Error(ErrorKind::kState, "setDevice", "a step is being recorded; set the device before");
    environment.ops().set_base_device(device);
    return environment.env().Undefined();
  });
}

Napi::Value device(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    return Napi::String::New(environment.env(), device_name(environment.ops().base_device()));
  });
}

// flush(done): done(error?) once everything submitted so far has run, with the first failure nobody was told
// of.
Napi::Value flush(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    auto completion = std::make_shared<std::unique_ptr<Completion>>(new Completion);
    (*completion)->callback = Napi::Persistent(function_of("flush", "done", info[0]));
    (*completion)->take_fault = info[1].ToBoolean();
    environment.expect();
    // The last device to get there tells.
    auto open = std::make_shared<std::atomic<int>>(0);
    environment.ops().each_stream([&](stream::Stream&) { ++*open; });
    environment.ops().each_stream([&](stream::Stream& stream) {
      stream.then(
          [&environment, completion, open](const Error*) {
            if (open->fetch_sub(1) == 1) environment.complete(std::move(*completion));
          },
          nullptr);
    });
    return environment.env().Undefined();
  });
}

// setPrecision(code): the kernels::Precision of what follows; returns the one before.
Napi::Value set_precision(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    const int64_t before = environment.ops().precision();
    const double code = whole("setPrecision", "code", info[0], 0, ops::Environment::kPrecisions - 1);
    environment.ops().set_precision(static_cast<int64_t>(code));
    return Napi::Number::New(environment.env(), static_cast<double>(before));
  });
}

Napi::Value isa(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    return Napi::String::New(environment.env(), cpu::isa_name(environment.isa()));
  });
}

Napi::Value on_error(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    environment.set_error_factory(function_of("onError", "factory", info[0]));
    return environment.env().Undefined();
  });
}

// watch(probe, listener): how callers are remembered, and who is told of failures in the background.
Napi::Value watch(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) {
    environment.set_site_probe(function_of("watch", "probe", info[0]));
    environment.set_fault_listener(function_of("watch", "listener", info[1]));
    return environment.env().Undefined();
  });
}

// takeFault(count): the first failure that nothing has reported, if it is among the first `count`; it counts
// as reported by this. Else undefined.
Napi::Value take_fault(const Napi::CallbackInfo& info) {
  return entry(info, [&](Environment& environment) -> Napi::Value {
    const double count = whole("takeFault", "count", info[0], 0, 4294967295.0);
    auto fault = environment.take_fault(static_cast<uint32_t>(count));
    return fault ? environment.make_error(*fault) : environment.env().Undefined();
  });
}

}  // namespace

void export_runtime(Napi::Env env, Napi::Object exports) {
  exports.Set("seed", Napi::Function::New(env, seed));
  exports.Set("counter", Napi::Function::New(env, counter));
  exports.Set("setCounter", Napi::Function::New(env, set_counter));
  exports.Set("threads", Napi::Function::New(env, threads));
  exports.Set("setThreads", Napi::Function::New(env, set_threads));
  exports.Set("setMemoryCap", Napi::Function::New(env, set_memory_cap));
  exports.Set("memory", Napi::Function::New(env, memory));
  exports.Set("setDevice", Napi::Function::New(env, set_device));
  exports.Set("device", Napi::Function::New(env, device));
  exports.Set("flush", Napi::Function::New(env, flush));
  exports.Set("setPrecision", Napi::Function::New(env, set_precision));
  exports.Set("isa", Napi::Function::New(env, isa));
  exports.Set("onError", Napi::Function::New(env, on_error));
  exports.Set("watch", Napi::Function::New(env, watch));
  exports.Set("takeFault", Napi::Function::New(env, take_fault));
}

}  // namespace hebb::binding

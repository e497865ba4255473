// entry(): the one way into native code. Nothing that is thrown leaves it but as a JavaScript error.
#pragma once

#include <napi.h>

#include <exception>

#include "binding/environment.h"
#include "core/error.h"

namespace hebb::binding {

// An entry computes on the base device unless it finds operands elsewhere; one that was called from within
// another, by a function of JavaScript, leaves that where it was.
class OnBaseDevice {
 public:
  explicit OnBaseDevice(ops::Environment& environment)
      : environment_(environment), before_(environment.device()) {
    environment.make_current();
  }
  ~OnBaseDevice() {
    if (environment_.stream_of(before_) != nullptr) environment_.use(before_);
  }
  OnBaseDevice(const OnBaseDevice&) = delete;
  OnBaseDevice& operator=(const OnBaseDevice&) = delete;

 private:
  ops::Environment& environment_;
  Device before_;
};

template <class F>
Napi::Value entry(const Napi::CallbackInfo& info, F body) {
  Napi::Env env = info.Env();
  Environment& environment = Environment::of(env);
  try {
    if (environment.ended()) throw Error(ErrorKind::kState, "hebb", "the environment has ended");
    const OnBaseDevice on(environment.ops());
    Napi::Value result = body(environment);
    environment.account();
    return result;
  } catch (const Error& error) {
    napi_throw(env, environment.make_error(error));
  } catch (const Napi::Error& error) {
    error.ThrowAsJavaScriptException();
  } catch (const std::bad_alloc&) {
    napi_throw(env,
               environment.make_error(Error(ErrorKind::kMemory, "hebb", "the process is out of memory")));
  } catch (const std::exception& error) {
    napi_throw(env, environment.make_error(Error(ErrorKind::kInternal, "hebb", error.what())));
  } catch (...) {
    napi_throw(env, environment.make_error(Error(ErrorKind::kInternal, "hebb", "an unknown native failure")));
  }
  return env.Undefined();
}

}  // namespace hebb::binding

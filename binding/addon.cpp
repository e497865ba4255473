// The addon's entry point.
#include <napi.h>

#include "binding/environment.h"
#include "binding/exports.h"

namespace hebb::binding {

namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) {
  try {
    env.SetInstanceData(new Environment(env));
    export_ops(env, exports);
    export_tensor(env, exports);
    export_state(env, exports);
    export_autograd(env, exports);
    export_checkpoint(env, exports);
    export_plan(env, exports);
    export_tuning(env, exports);
    export_runtime(env, exports);
  } catch (const Error& error) {
    Napi::Error::New(env, error.what()).ThrowAsJavaScriptException();
  } catch (const std::exception& error) {
    Napi::Error::New(env, error.what()).ThrowAsJavaScriptException();
  }
  return exports;
}

NODE_API_MODULE(hebb, init)

}  // namespace

}  // namespace hebb::binding

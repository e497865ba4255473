// The groups of functions that the addon exports.
#pragma once

#include <napi.h>

namespace hebb::binding {

void export_ops(Napi::Env env, Napi::Object exports);
void export_tensor(Napi::Env env, Napi::Object exports);
void export_state(Napi::Env env, Napi::Object exports);
void export_autograd(Napi::Env env, Napi::Object exports);
void export_checkpoint(Napi::Env env, Napi::Object exports);
void export_plan(Napi::Env env, Napi::Object exports);
void export_tuning(Napi::Env env, Napi::Object exports);
void export_runtime(Napi::Env env, Napi::Object exports);

}  // namespace hebb::binding

// Environment: what the ops of one thread work on: its stream and its random numbers.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "core/state.h"
#include "stream/cuda_api.h"
#include "stream/plan.h"
#include "stream/stream.h"
#include "stream/tuning.h"

namespace hebb::ops {

// Fills the kernel slots for one instruction set. Once per process, before the first environment.
void load_kernels(stream::Isa isa);
// The same for those of a CUDA library; commands that are their tile program are run by `run_program`.
void load_kernels(const stream::CudaApi& api, stream::DeviceKernel run_program);

class Environment {
 public:
  Environment(stream::Executor& executor, Allocator& allocator);
  ~Environment();

  // The environment of the calling thread; throws Error(kState) where there is none.
  static Environment& current();
  void make_current();

  // The stream of the device in use.
  stream::Stream& stream() { return *stream_; }
  // That of a device, null where it has not been opened.
  stream::Stream* stream_of(Device device) { return streams_[index(device)].get(); }
  // f(stream) for every device that has been opened.
  template <class F>
  void each_stream(F&& f) {
    for (const auto& stream : streams_)
      if (stream) f(*stream);
  }
  // Who opens a device that is asked for the first time, by add_device, or throws Error(kDevice).
  void set_opener(std::function<void()> opener) { opener_ = std::move(opener); }
  void add_device(stream::Executor& executor, Allocator& allocator);

  // What follows computes on `device`, until make_current().
  void use(Device device);
  // The same for where x is; a constant is anywhere.
  void follow(const Tensor& x) {
    if (x && !x.is_constant()) use(x.device());
  }
  Device device() const { return stream_->device(); }
  // The device of what does not follow from operands: that of the step being recorded, or the one that was
  // set.
  Device base_device() const { return recorded_device_ ? *recorded_device_ : base_device_; }
  void set_base_device(Device device);
  bool is_recording() const { return recorded_device_.has_value(); }
  void set_recorded_device(std::optional<Device> device) { recorded_device_ = device; }

  // The passes for a device, with the kernels they need; methods that `tuning` does not name follow from
  // the shapes.
  static stream::Optimiser optimiser(const stream::Tuning& tuning = {}, Device device = Device::kCpu);

  // Restarts the random numbers: the same seed gives the same draws in program order.
  void set_seed(uint64_t seed);
  // The seed and the base that counters are added to, 0 here (i64 [2]), and the first counter of the next
  // `blocks` Philox blocks.
  const std::shared_ptr<State>& seed_cell();
  uint64_t advance(uint64_t blocks);
  uint64_t counter() const { return counter_; }
  // The same for the step being recorded, where one is.
  uint64_t draw_place() const;
  void set_draw_place(uint64_t place);
  // The kernels::Precision of products that ops submit, below kPrecisions.
  static constexpr int64_t kPrecisions = 3;
  int64_t precision() const { return precision_; }
  void set_precision(int64_t value) { precision_ = value; }
  // While a part of a step is computed a second time: its writes to states have been made.
  bool repeats() const { return repeats_; }
  void set_repeats(bool value) { repeats_ = value; }
  void set_counter(uint64_t counter) { counter_ = counter; }

 private:
  static constexpr int kDevices = 2;
  static size_t index(Device device) { return static_cast<size_t>(device); }
  void write_seed(std::shared_ptr<State>& cell) const;

  std::unique_ptr<stream::Stream> streams_[kDevices];
  stream::Stream* stream_;
  std::function<void()> opener_;
  Device base_device_ = Device::kCpu;
  std::optional<Device> recorded_device_;
  std::shared_ptr<State> seeds_[kDevices];  // made when a device first draws
  uint64_t seed_value_ = 0;
  uint64_t counter_ = 0;
  int64_t precision_ = 0;
  bool repeats_ = false;
};

// Goes back to the random numbers of `place` and leaves states alone, until it ends.
class Repetition {
 public:
  explicit Repetition(uint64_t place);
  ~Repetition();
  Repetition(const Repetition&) = delete;
  Repetition& operator=(const Repetition&) = delete;

 private:
  Environment& environment_;
  uint64_t place_;
  bool repeated_;
};

}  // namespace hebb::ops

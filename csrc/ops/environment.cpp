// Environments and their generator.
#include "ops/environment.h"

#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/error.h"
#include "kernels/copy.h"
#include "kernels/fill.h"
#include "kernels/fused.h"
#include "kernels/ptx/fill.h"
#include "kernels/slots.h"
#include "ops/op.h"
#include "ops/shape.h"
#include "stream/passes/fuse.h"
#include "stream/passes/passes.h"
#include "stream/recorder.h"

namespace hebb::ops {

namespace passes = stream::passes;

namespace {

// Beyond this many bytes of temporaries, memory is worth more than computing cheap results twice.
void rematerialise(stream::Program& program) { passes::rematerialise(program, int64_t{64} << 20); }

void fuse(stream::Program& program) { stream::fuse_elementwise(program, kernels::fused); }

// Commands of different devices have different numbers: faults name their callers by them.
constexpr uint64_t kTickets = uint64_t{1} << 62;

thread_local Environment* current_environment = nullptr;

}  // namespace

void load_kernels(stream::Isa isa) { kernels::fill(isa); }

void load_kernels(const stream::CudaApi& api, stream::DeviceKernel run_program) {
  std::unordered_map<std::string_view, const stream::CudaKernel*> by_name;
  for (int i = 0; i < api.kernel_count; ++i) by_name.emplace(api.kernels[i].name, &api.kernels[i]);
  for (stream::Slot* slot : kernels::all_slots()) {
    const auto found = by_name.find(slot->name);
    if (found == by_name.end()) continue;
    slot->cuda = found->second->run;
    slot->cuda_check = found->second->check;
  }
  kernels::fused.cuda = run_program;
  kernels::ptx::fill();
}

Environment::Environment(stream::Executor& executor, Allocator& allocator) {
  add_device(executor, allocator);
  stream_ = stream_of(Device::kCpu);
}

Environment::~Environment() {
  if (current_environment == this) current_environment = nullptr;
}

void Environment::add_device(stream::Executor& executor, Allocator& allocator) {
  const Device device = executor.runtime().device();
  streams_[index(device)] =
      std::make_unique<stream::Stream>(executor, allocator, kernels::copy, kTickets * index(device));
}

void Environment::use(Device device) {
  if (stream_of(device) == nullptr && opener_) opener_();
  if (stream_of(device) == nullptr)
    throw Error(ErrorKind::kDevice, "device", text("there is no %s here", device_name(device)));
  stream_ = stream_of(device);
  stream::Stream::set_current(stream_);
}

void Environment::set_base_device(Device device) {
  use(device);
  base_device_ = device;
}

stream::Optimiser Environment::optimiser(const stream::Tuning& tuning, Device device) {
  std::vector<passes::Pass> list;
  if (device == Device::kCpu) {
    const auto set_methods = [tuning](stream::Program& program) { passes::set_methods(program, tuning); };
    list = {{"tuned", set_methods},
            {"dead", &passes::drop_dead},
            {"common", &passes::merge_common},
            {"totals", &passes::add_up},
            {"updates", &passes::split_updates},
            {"rematerialised", &rematerialise},
            {"fused", &fuse},
            {"epilogues", &passes::append_epilogues},
            {"prologues", &passes::prepend_prologues},
            {"packs", &passes::pack_once},
            {"in place", &passes::reuse_in_place}};
  } else {
    list = {{"dead", &passes::drop_dead},
            {"common", &passes::merge_common},
            {"rematerialised", &rematerialise},
            {"fused", &fuse},
            {"in place", &passes::reuse_in_place}};
  }
  return [list](stream::Program& program, std::vector<stream::PassReport>* reports) {
    passes::run_all(list, program, reports);
  };
}

Environment& Environment::current() {
  if (current_environment == nullptr) {
    throw Error(ErrorKind::kState, "environment", "this thread has none; load the addon here first");
  }
  return *current_environment;
}

void Environment::make_current() {
  current_environment = this;
  use(base_device());
  State::set_cells(stream_->recorder());
}

void Environment::set_seed(uint64_t seed) {
  if (stream_->recorder() != nullptr) {
    throw Error(ErrorKind::kState, "seed", "a step is being recorded; seed before it is called");
  }
  seed_value_ = seed;
  const Device before = device();
  for (size_t i = 0; i < kDevices; ++i) {
    if (!seeds_[i]) continue;
    use(static_cast<Device>(i));
    write_seed(seeds_[i]);
  }
  use(before);
  seed_cell();
  counter_ = 0;
}

void Environment::write_seed(std::shared_ptr<State>& cell) const {
  const Tensor seed = Tensor::constant(DType::kI64, static_cast<double>(seed_value_), {1});
  const Tensor value = concat({seed, Tensor::constant(DType::kI64, 0, {1})}, 0);
  if (cell) {
    assign(*cell, value);
  } else {
    cell = make_state(value);
  }
}

const std::shared_ptr<State>& Environment::seed_cell() {
  std::shared_ptr<State>& cell = seeds_[index(device())];
  if (!cell) write_seed(cell);
  return cell;
}

uint64_t Environment::draw_place() const {
  const stream::Recorder* recorder = stream_->recorder();
  return recorder != nullptr ? recorder->drawn() : counter_;
}

void Environment::set_draw_place(uint64_t place) {
  if (stream::Recorder* recorder = stream_->recorder()) {
    recorder->set_drawn(place);
  } else {
    counter_ = place;
  }
}

Repetition::Repetition(uint64_t place)
    : environment_(Environment::current()),
      place_(environment_.draw_place()),
      repeated_(environment_.repeats()) {
  environment_.set_draw_place(place);
  environment_.set_repeats(true);
  if (auto* recorder = environment_.stream().recorder()) recorder->set_repetition(recorder->new_repetition());
}

Repetition::~Repetition() {
  environment_.set_draw_place(place_);
  environment_.set_repeats(repeated_);
  if (auto* recorder = environment_.stream().recorder()) recorder->set_repetition(0);
}

uint64_t Environment::advance(uint64_t blocks) {
  const uint64_t start = counter_;
  counter_ += blocks;
  return start;
}

}  // namespace hebb::ops

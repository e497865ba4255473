// Environments and their generator.
#include "ops/environment.h"

#include "kernels/copy.h"
#include "kernels/fill.h"
#include "kernels/fused.h"
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

thread_local Environment* current_environment = nullptr;

}  // namespace

void load_kernels(stream::Isa isa) { kernels::fill(isa); }

Environment::Environment(stream::Executor& executor, Allocator& allocator)
    : stream_(executor, allocator, kernels::copy) {}

Environment::~Environment() {
  if (current_environment == this) current_environment = nullptr;
}

stream::Optimiser Environment::optimiser(const stream::Tuning& tuning) {
  const auto set_methods = [tuning](stream::Program& program) { passes::set_methods(program, tuning); };
  const std::vector<passes::Pass> list = {{"tuned", set_methods},
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
  stream::Stream::set_current(&stream_);
  State::set_cells(stream_.recorder());
}

void Environment::set_seed(uint64_t seed) {
  if (stream_.recorder() != nullptr) {
    throw Error(ErrorKind::kState, "seed", "a step is being recorded; seed before it is called");
  }
  const Tensor value = concat(
      {Tensor::constant(DType::kI64, static_cast<double>(seed), {1}), Tensor::constant(DType::kI64, 0, {1})},
      0);
  if (!seed_) {
    seed_ = make_state(value);
  } else {
    assign(*seed_, value);
  }
  counter_ = 0;
}

uint64_t Environment::draw_place() const {
  const stream::Recorder* recorder = stream_.recorder();
  return recorder != nullptr ? recorder->drawn() : counter_;
}

void Environment::set_draw_place(uint64_t place) {
  if (stream::Recorder* recorder = stream_.recorder()) {
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
  if (!seed_) set_seed(0);
  const uint64_t start = counter_;
  counter_ += blocks;
  return start;
}

}  // namespace hebb::ops

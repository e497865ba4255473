// Plan: a compiled step of one stream. It keeps what the step uses alive and hands runs to the queue.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/state.h"
#include "stream/recorder.h"
#include "stream/stream.h"

namespace hebb::stream {

// What a program looked like before and after each pass.
struct PassReport {
  std::string pass;
  std::string text;
  size_t commands = 0;
  double bytes = 0;
  double flops = 0;
  int64_t arena_bytes = 0;
};

PassReport report_of(std::string pass, const Program& program);

// Turns a recorded program into the one that is run; tells of each stage where `reports` is not null.
using Optimiser = std::function<void(Program& program, std::vector<PassReport>* reports)>;

class Plan {
 public:
  // Ends the recording: `outputs` are what each run gives. `optimise` may be empty. Throws what allocation
  // throws; nothing has happened then.
  Plan(Stream& stream, Recorder& recorder, const std::vector<Tensor>& outputs, Optimiser optimise);
  ~Plan();
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  // Whether the states are as the recording found them: which want a gradient, which have one.
  bool matches() const;
  // Whether a run takes these arguments.
  bool takes(const std::vector<Tensor>& args) const;
  // Appends one run to the queue. `seed` is the generator's cell, `base` its counter; `done` is called after
  // the run, on the executor.
  std::vector<Tensor> run(const std::vector<Tensor>& args, State* seed, uint64_t base,
                          std::shared_ptr<Timing> timing = nullptr, Stream::Task done = nullptr);

  Device device() const { return stream_.device(); }
  // Counter blocks that a run draws.
  uint64_t drawn() const { return drawn_; }
  // Tensors that a run gives.
  size_t results() const { return returned_; }
  const Program& program() const { return program_; }
  // What the passes are given.
  const Program& unoptimised() const { return folded_ ? *folded_ : recorded_; }
  // Runs other passes than those so far; for runs submitted from now on.
  void optimise(Optimiser optimise);
  // The program as recorded and after each pass.
  std::vector<PassReport> explain() const;
  int64_t arena_bytes() const { return replay_->arena_bytes(); }
  // Parameters that end a run with a gradient though the step updates others.
  std::vector<std::shared_ptr<State>> forgotten() const;

 private:
  // What a run is given, or gives.
  struct Spec {
    DType dtype;
    Shape shape;
  };
  // What a run does to a state.
  struct StateUse {
    std::shared_ptr<State> state;
    bool required_grad = false;
    bool had_grad = false;
    bool grad_seen = false;
    uint64_t writes = 0;
    enum class Grad : uint8_t { kKept, kCleared, kOutput } grad = Grad::kKept;
    int grad_output = -1;
  };

  void fold();
  void apply_passes();
  void make_replay();
  int add_output(Recorder& recorder, const Tensor& value);
  void note_states(Recorder& recorder);
  Tensor contiguous(const Tensor& x);
  void move_snapshots();
  void bind(Run& run, const std::vector<Tensor>& args, const std::vector<Tensor>& outputs,
            std::vector<Tensor>& held);

  Stream& stream_;
  Optimiser optimise_;
  Program recorded_;
  std::optional<Program> folded_;  // where there were constants to fold
  Program program_;
  std::vector<Spec> args_;
  std::vector<Spec> outputs_;
  size_t returned_ = 0;  // the first outputs; gradients follow
  std::vector<StateUse> states_;
  std::vector<std::shared_ptr<Storage>> captured_;
  uint64_t drawn_ = 0;
  Tensor random_;  // memory for {seed, base} of a run
  PlanPacks packs_;
  std::shared_ptr<Replay> replay_;
};

}  // namespace hebb::stream

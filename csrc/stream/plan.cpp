// From a recording to runs: outputs, states and gradients of a compiled step.
#include "stream/plan.h"

#include <utility>

#include "stream/fold.h"
#include "stream/operand.h"

namespace hebb::stream {

namespace {

bool same_view(const Tensor& a, const Tensor& b) {
  return a.storage() == b.storage() && a.offset() == b.offset() && a.shape() == b.shape() &&
         a.strides() == b.strides();
}

// Where the commands of a scope go.
class Recording {
 public:
  Recording(Stream& stream, Recorder* recorder) : stream_(stream), before_(stream.set_recorder(recorder)) {}
  ~Recording() { stream_.set_recorder(before_); }
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

 private:
  Stream& stream_;
  Recorder* before_;
};

void submit_copy(Stream& stream, const Tensor& to, const Tensor& from) {
  const Operand pair[2] = {operand_of(to, Role::kOut), operand_of(from, Role::kIn)};
  stream.submit(stream.copy_slot(), pair, 2, nullptr, 0);
}

}  // namespace

PassReport report_of(std::string pass, const Program& program) {
  PassReport report{std::move(pass), program_text(program), program.commands.size()};
  for (const auto& command : program.commands) {
    report.bytes += bytes_of(command);
    report.flops += flops_of(command);
  }
  report.arena_bytes = plan_arena(program).bytes;
  return report;
}

Plan::Plan(Stream& stream, Recorder& recorder, const std::vector<Tensor>& outputs, Optimiser optimise)
    : stream_(stream), optimise_(std::move(optimise)) {
  {
    const Recording on(stream, &recorder);
    for (const auto& output : outputs) add_output(recorder, output);
    returned_ = outputs_.size();
    note_states(recorder);
  }
  recorded_ = std::move(recorder.program());
  captured_ = recorder.captured();
  for (const auto& [dtype, shape] : recorder.arguments()) args_.push_back({dtype, shape});
  drawn_ = recorder.drawn();
  if (optimise_) fold();
  apply_passes();
  make_replay();
}

void Plan::make_replay() {
  std::vector<Block*> homes;
  std::vector<State*> states;
  for (const auto& use : states_) {
    homes.push_back(use.state->own().home->block());
    states.push_back(use.state.get());
  }
  packs_ = PlanPacks(program_, states, captured_);
  const Recording off(stream_, nullptr);
  if (drawn_ > 0 && !random_) random_ = new_tensor(stream_, DType::kI64, {2});
  void* random = random_ ? random_.storage()->block()->data : nullptr;
  replay_ = std::make_shared<Replay>(stream_.runtime(), program_, plan_arena(program_), homes, random);
  stream_.arena().add(replay_->arena_bytes());
}

void Plan::fold() {
  const Recording off(stream_, nullptr);
  Program program = recorded_;
  if (fold_constants(stream_, program, captured_)) folded_ = std::move(program);
}

void Plan::apply_passes() {
  program_ = unoptimised();
  if (!optimise_) return;
  optimise_(program_, nullptr);
  // What only constants were made of need not live on.
  const std::vector<bool> used = used_buffers(program_);
  for (size_t i = 0; i < used.size(); ++i) {
    const Buffer& buffer = program_.buffers[i];
    if (buffer.origin == Origin::kCaptured && !used[i])
      captured_[static_cast<size_t>(buffer.index)] = nullptr;
  }
}

void Plan::optimise(Optimiser optimise) {
  optimise_ = std::move(optimise);
  apply_passes();
  stream_.arena().remove(replay_->arena_bytes());
  make_replay();
}

Plan::~Plan() { stream_.arena().remove(replay_->arena_bytes()); }

// A value that nothing else stands for leaves the arena; any other is copied.
int Plan::add_output(Recorder& recorder, const Tensor& value) {
  const int number = static_cast<int>(outputs_.size());
  Tensor result = value;
  const auto leaves = [&](const Tensor& x) {
    if (!x.is_contiguous() || x.offset() != 0 || !recorder.owns(x.storage()->block())) return false;
    const Buffer& buffer =
        recorder.program().buffers[static_cast<size_t>(recorder.buffer_of(x.storage()->block()))];
    return buffer.origin == Origin::kTemporary && buffer.bytes == x.nbytes();
  };
  if (!leaves(result)) {
    result = new_tensor(stream_, value.dtype(), value.shape());
    if (!value.is_constant() && !recorder.owns(value.storage()->block())) recorder.capture(value.storage());
    submit_copy(stream_, result, value);
  }
  Buffer& buffer =
      recorder.program().buffers[static_cast<size_t>(recorder.buffer_of(result.storage()->block()))];
  buffer.origin = Origin::kOutput;
  buffer.index = number;
  outputs_.push_back({result.dtype(), result.shape()});
  return number;
}

void Plan::note_states(Recorder& recorder) {
  // By number: looking at a state's gradient may make the recorder know of further ones.
  for (size_t i = 0; i < recorder.states().size(); ++i) {
    const RecordedState& recorded = *recorder.states()[i];
    StateUse use{recorded.state, recorded.required_grad, recorded.had_grad, recorded.grad_seen,
                 recorded.cell.version};
    const Tensor& grad = recorded.cell.grad;
    if (!recorded.grad_replaced) {
      use.grad = StateUse::Grad::kKept;
    } else if (!grad) {
      use.grad = StateUse::Grad::kCleared;
    } else if (!recorded.entry_grad || !same_view(grad, recorded.entry_grad)) {
      use.grad = StateUse::Grad::kOutput;
      use.grad_output = add_output(recorder, grad);
    }
    states_.push_back(std::move(use));
  }
}

std::vector<PassReport> Plan::explain() const {
  std::vector<PassReport> reports;
  reports.push_back(report_of("recorded", recorded_));
  if (!optimise_) return reports;
  Program program = unoptimised();
  reports.push_back(report_of("constants", program));
  optimise_(program, &reports);
  return reports;
}

bool Plan::takes(const std::vector<Tensor>& args) const {
  if (args.size() != args_.size()) return false;
  for (size_t i = 0; i < args.size(); ++i) {
    if (args[i].dtype() != args_[i].dtype || args[i].shape() != args_[i].shape) return false;
  }
  return true;
}

bool Plan::matches() const {
  for (const auto& use : states_) {
    if (use.state->requires_grad() != use.required_grad) return false;
    if (use.grad_seen && use.state->own().grad.defined() != use.had_grad) return false;
  }
  return true;
}

std::vector<std::shared_ptr<State>> Plan::forgotten() const {
  bool updates = false;
  for (const auto& use : states_) updates = updates || (use.required_grad && use.writes > 0);
  std::vector<std::shared_ptr<State>> found;
  for (const auto& use : states_) {
    const bool left = use.grad == StateUse::Grad::kOutput && use.required_grad;
    if (updates && left && use.writes == 0) found.push_back(use.state);
  }
  return found;
}

Tensor Plan::contiguous(const Tensor& x) {
  if (x.is_contiguous()) return x;
  Tensor y = new_tensor(stream_, x.dtype(), x.shape());
  submit_copy(stream_, y, x);
  return y;
}

// A snapshot never changes: it gets memory of its own before its state is written.
void Plan::move_snapshots() {
  for (const auto& use : states_) {
    if (use.writes == 0) continue;
    Cell& cell = use.state->own();
    const auto snapshot = cell.snapshot.lock();
    if (!snapshot) continue;
    Tensor copy = new_tensor(stream_, use.state->dtype(), use.state->shape());
    const Tensor value(cell.home, use.state->dtype(), use.state->shape(),
                       contiguous_strides(use.state->shape()), 0);
    submit_copy(stream_, copy, value);
    Block* block = copy.storage()->block();
    copy.storage()->disown();
    snapshot->move_to(block);
    cell.snapshot.reset();
  }
}

void Plan::bind(Run& run, const std::vector<Tensor>& args, const std::vector<Tensor>& outputs,
                std::vector<Tensor>& held) {
  const auto data_of = [](const Tensor& x) {
    Block* block = x.storage()->block();
    return Binding{static_cast<char*>(block->data) + x.offset() * item_size(x.dtype()), block};
  };
  run.bindings.clear();
  for (const int id : replay_->bound()) {
    const Buffer& buffer = program_.buffers[static_cast<size_t>(id)];
    const auto index = static_cast<size_t>(buffer.index);
    switch (buffer.origin) {
      case Origin::kArgument:
        held.push_back(contiguous(args[index]));
        run.bindings.push_back(data_of(held.back()));
        break;
      case Origin::kGradient: {
        held.push_back(contiguous(states_[index].state->own().grad));
        run.bindings.push_back(data_of(held.back()));
        break;
      }
      case Origin::kCaptured: {
        Block* block = captured_[index]->block();
        run.bindings.push_back({block->data, block});
        break;
      }
      case Origin::kPack:
        run.bindings.push_back(packs_.binding(index));
        break;
      default: {
        Block* block = outputs[index].storage()->block();
        run.bindings.push_back({block->data, block});
        block->fresh = false;
      }
    }
  }
}

std::vector<Tensor> Plan::run(const std::vector<Tensor>& args, State* seed, uint64_t base,
                              std::shared_ptr<Timing> timing, Stream::Task done) {
  // Everything that may be refused comes before anything that shows.
  move_snapshots();
  packs_.allocate(stream_);
  std::vector<Tensor> results;
  results.reserve(outputs_.size());
  for (const auto& spec : outputs_) results.push_back(new_tensor(stream_, spec.dtype, spec.shape));
  std::vector<Tensor> held;
  held.reserve(args.size() + states_.size());
  Run run;
  bind(run, args, results, held);
  run.arena = stream_.arena().memory();
  run.seed = seed == nullptr ? nullptr : seed->own().home->block();
  run.base = base;
  run.made = packs_.made();
  run.timing = std::move(timing);
  stream_.replay(replay_, std::move(run), std::move(done));
  packs_.note_made();
  for (auto& use : states_) {
    Cell& cell = use.state->own();
    cell.version += use.writes;
    if (use.grad == StateUse::Grad::kCleared) cell.grad = {};
    if (use.grad == StateUse::Grad::kOutput) cell.grad = results[static_cast<size_t>(use.grad_output)];
  }
  results.resize(returned_);
  return results;
}

}  // namespace hebb::stream

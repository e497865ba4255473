// Whether operations on this thread are being recorded for a gradient.
#pragma once

namespace hebb::autograd {

bool grad_enabled();
// Returns what it was.
bool set_grad_enabled(bool enabled);

class GradMode {
 public:
  explicit GradMode(bool enabled) : before_(set_grad_enabled(enabled)) {}
  ~GradMode() { set_grad_enabled(before_); }
  GradMode(const GradMode&) = delete;
  GradMode& operator=(const GradMode&) = delete;

 private:
  bool before_;
};

}  // namespace hebb::autograd

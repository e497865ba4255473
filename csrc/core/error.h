// Error: what every failure of the core is thrown as; the binding turns the kind into a typed class.
#pragma once

#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>

namespace hebb {

enum class ErrorKind { kShape, kDType, kDevice, kMemory, kValue, kState, kData, kInternal };

class Error : public std::exception {
 public:
  Error(ErrorKind kind, std::string op, std::string detail);

  ErrorKind kind() const { return kind_; }
  const std::string& op() const { return op_; }
  const std::string& detail() const { return detail_; }
  // The number of the command that failed while running; 0 for what was thrown at the call.
  uint64_t ticket() const { return ticket_; }
  void set_ticket(uint64_t ticket) { ticket_ = ticket; }
  // "op: detail".
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  ErrorKind kind_;
  std::string op_;
  std::string detail_;
  std::string message_;
  uint64_t ticket_ = 0;
};

const char* kind_name(ErrorKind kind);

// printf into a string: error messages carry values, and std::format is missing in g++ 12.
[[gnu::format(printf, 1, 2)]] std::string text(const char* format, ...);

// "3", "0.5": a JavaScript number as JavaScript would print it.
std::string number_text(double value);

}  // namespace hebb

// A test framework in one header: TEST(name) { CHECK(...); CHECK_THROWS(...); }, run by tests/csrc/main.cpp.
#pragma once

#include <cstdio>
#include <exception>
#include <ostream>
#include <sstream>
#include <string>
#include <type_traits>
#include <vector>

namespace hebb::testing {

struct Test {
  const char* name;
  void (*body)();
};

inline std::vector<Test>& tests() {
  static std::vector<Test> all;
  return all;
}

struct Registration {
  Registration(const char* name, void (*body)()) { tests().push_back({name, body}); }
};

// Ends the running test; what() says where and why.
class Failure : public std::exception {
 public:
  Failure(const char* file, int line, const std::string& why)
      : message_(std::string(file) + ":" + std::to_string(line) + ": " + why) {}
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  std::string message_;
};

// Ends the running test, which this program or machine has nothing for.
struct Skip {
  const char* why;
};

template <class T>
concept Printable = requires(std::ostream& stream, const T& value) {
  stream << value;
};

template <class T>
std::string show(const T& value) {
  std::ostringstream stream;
  stream.precision(17);
  if constexpr (std::is_enum_v<T>) {
    stream << static_cast<long long>(value);
  } else if constexpr (Printable<T>) {
    stream << value;
  } else {
    stream << "(a value that does not print)";
  }
  return stream.str();
}

}  // namespace hebb::testing

#define TEST(name)                                                                               \
  static void hebb_test_##name();                                                                \
  static const ::hebb::testing::Registration hebb_registration_##name{#name, &hebb_test_##name}; \
  static void hebb_test_##name()

#define CHECK(...)                                                                                     \
  do {                                                                                                 \
    if (!(__VA_ARGS__)) throw ::hebb::testing::Failure(__FILE__, __LINE__, "is false: " #__VA_ARGS__); \
  } while (false)

// CHECK_EQ(actual, expected): the message shows both values.
#define CHECK_EQ(actual, expected)                                                               \
  do {                                                                                           \
    const auto hebb_a = (actual);                                                                \
    const auto hebb_e = (expected);                                                              \
    if (!(hebb_a == hebb_e))                                                                     \
      throw ::hebb::testing::Failure(__FILE__, __LINE__,                                         \
                                     #actual " is " + ::hebb::testing::show(hebb_a) + ", not " + \
                                         ::hebb::testing::show(hebb_e) + " (" #expected ")");    \
  } while (false)

// |actual - expected| <= tolerance; false for NaN.
#define CHECK_NEAR(actual, expected, tolerance)                                                  \
  do {                                                                                           \
    const double hebb_a = static_cast<double>(actual), hebb_e = static_cast<double>(expected);   \
    const double hebb_d = hebb_a > hebb_e ? hebb_a - hebb_e : hebb_e - hebb_a;                   \
    if (!(hebb_d <= (tolerance)) && hebb_a != hebb_e)                                            \
      throw ::hebb::testing::Failure(__FILE__, __LINE__,                                         \
                                     #actual " is " + ::hebb::testing::show(hebb_a) + ", not " + \
                                         ::hebb::testing::show(hebb_e) + " within " #tolerance); \
  } while (false)

// CHECK_THROWS(statement, "part of the message"): a std::exception with that text must come out.
#define CHECK_THROWS(statement, part)                                                                 \
  do {                                                                                                \
    bool hebb_threw = false;                                                                          \
    try {                                                                                             \
      statement;                                                                                      \
    } catch (const std::exception& hebb_error) {                                                      \
      hebb_threw = true;                                                                              \
      if (std::string(hebb_error.what()).find(part) == std::string::npos)                             \
        throw ::hebb::testing::Failure(                                                               \
            __FILE__, __LINE__,                                                                       \
            std::string(#statement " threw \"") + hebb_error.what() + "\", without " + #part);        \
    }                                                                                                 \
    if (!hebb_threw) throw ::hebb::testing::Failure(__FILE__, __LINE__, #statement " did not throw"); \
  } while (false)

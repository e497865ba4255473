// The test header itself: each macro passes, and fails, when it should.
#include "check.h"

#include <cmath>
#include <stdexcept>
#include <string>

namespace {

// The message of the failure that `body` ends with, "" for none.
std::string failure_of(void (*body)()) {
  try {
    body();
  } catch (const hebb::testing::Failure& failure) {
    return failure.what();
  }
  return "";
}

bool contains(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST(check_passes_and_fails) {
  CHECK(failure_of([] { CHECK(1 + 1 == 2); }).empty());
  const std::string message = failure_of([] { CHECK(1 + 1 == 3); });
  CHECK(contains(message, "is false: 1 + 1 == 3"));
  CHECK(contains(message, "check_test.cpp:"));
}

TEST(check_eq_shows_both_values) {
  CHECK(failure_of([] { CHECK_EQ(6 * 7, 42); }).empty());
  CHECK(contains(failure_of([] { CHECK_EQ(6 * 7, 41); }), "6 * 7 is 42, not 41"));
}

TEST(check_near_refuses_nan_and_accepts_infinity) {
  CHECK(failure_of([] { CHECK_NEAR(1.0, 1.05, 0.1); }).empty());
  CHECK(failure_of([] { CHECK_NEAR(INFINITY, INFINITY, 0.1); }).empty());
  CHECK(contains(failure_of([] { CHECK_NEAR(1.0, 1.5, 0.1); }), "within 0.1"));
  CHECK(!failure_of([] { CHECK_NEAR(NAN, 1.0, 1e9); }).empty());
  CHECK(!failure_of([] { CHECK_NEAR(NAN, NAN, 1e9); }).empty());
}

TEST(check_throws_matches_the_message) {
  CHECK(failure_of([] { CHECK_THROWS(throw std::runtime_error("sum: bad axis"), "bad axis"); }).empty());
  CHECK(contains(failure_of([] { CHECK_THROWS(throw std::runtime_error("other"), "bad axis"); }),
                 "threw \"other\""));
  CHECK(contains(failure_of([] { CHECK_THROWS((void)0, "bad axis"); }), "did not throw"));
}

// Runs every TEST whose name contains the first argument (all without one) and prints `N passed, N failed`,
// and before it the tests that took long.
#include <chrono>
#include <cstring>

#include "check.h"

int main(int argc, char** argv) {
  const char* filter = argc > 1 ? argv[1] : "";
  int passed = 0, failed = 0;
  for (const auto& test : hebb::testing::tests()) {
    if (!std::strstr(test.name, filter)) continue;
    const auto began = std::chrono::steady_clock::now();
    try {
      test.body();
      ++passed;
    } catch (const hebb::testing::Skip& skip) {
      std::printf("skipped: %s: %s\n", test.name, skip.why);
    } catch (const std::exception& error) {
      ++failed;
      std::printf("FAILED %s\n  %s\n", test.name, error.what());
    } catch (...) {
      ++failed;
      std::printf("FAILED %s\n  threw something that is not a std::exception\n", test.name);
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    if (took.count() > 5) std::printf("  %s: %.0f s\n", test.name, took.count());
    std::fflush(stdout);
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  if (passed + failed == 0) std::printf("no test name contains \"%s\"\n", filter);
  return failed == 0 && passed > 0 ? 0 : 1;
}

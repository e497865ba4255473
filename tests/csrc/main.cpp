// Runs every TEST whose name contains the first argument (all without one) and prints `N passed, N failed`,
// and before it the tests that took long. `--record FILE [filter]` keeps what the tests of PTX run instead of
// comparing it: ptx_record.h.
#include <chrono>
#include <cstring>

#include "check.h"
#if !defined(HEBB_RACES)
#include "ptx_record.h"
#endif

namespace hebb::testing {
namespace {

bool run_tests(const char* filter) {
  int passed = 0, failed = 0;
  for (const auto& test : tests()) {
    if (!std::strstr(test.name, filter)) continue;
    const auto began = std::chrono::steady_clock::now();
    try {
      test.body();
      ++passed;
    } catch (const Skip& skip) {
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
  return failed == 0 && passed > 0;
}

#if !defined(HEBB_RACES)
int record(const char* file, const char* filter) {
  try {
    start_ptx_record(file);
    if (!run_tests(filter)) return 1;
    std::printf("%s\n", finish_ptx_record().c_str());
    return 0;
  } catch (const std::exception& error) {
    std::printf("%s\n", error.what());
    return 1;
  }
}
#endif

}  // namespace
}  // namespace hebb::testing

int main(int argc, char** argv) {
#if !defined(HEBB_RACES)
  if (argc > 2 && std::strcmp(argv[1], "--record") == 0)
    return hebb::testing::record(argv[2], argc > 3 ? argv[3] : "ptx_");
#endif
  return hebb::testing::run_tests(argc > 1 ? argv[1] : "") ? 0 : 1;
}

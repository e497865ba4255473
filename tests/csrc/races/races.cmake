# hebb_races: the tests of the CUDA kernels, with every access of a kernel checked for races (kernels/cuda/races.h). The
# kernels are compiled with -fsanitize=thread and linked with hooks of our own, not with its library. Nothing else of the
# sanitizers is in it, nor kernels of the CPU.
set(HEBB_RACES_TESTS tests/csrc/main.cpp tests/csrc/races/shadow_test.cpp)
foreach(test ${HEBB_TEST_SOURCES})
  if(test MATCHES "_test\\.cpp$")
    file(STRINGS "${test}" uses_kernels REGEX "for_each_device" LIMIT_COUNT 1)
    if(uses_kernels)
      list(APPEND HEBB_RACES_TESTS "${test}")
    endif()
  endif()
endforeach()
file(GLOB HEBB_RACES_CORE CONFIGURE_DEPENDS csrc/core/*.cpp csrc/kernels/cuda/races/*.cpp)
set(HEBB_RACES_SLOTS ${HEBB_KERNEL_SHARED})
list(FILTER HEBB_RACES_SLOTS EXCLUDE REGEX "/kernels/fill\\.cpp$|/kernels/ptx/")

add_library(hebb_races_options INTERFACE)
target_link_libraries(hebb_races_options INTERFACE hebb_plain_options)
target_compile_definitions(hebb_races_options INTERFACE HEBB_ISA=cuda HEBB_RACES)
# Addresses of the program fit 30 bits, and reports name its lines.
target_compile_options(hebb_races_options INTERFACE ${HEBB_BASELINE} -O1 -g1 -fwrapv -fno-pie)

add_library(hebb_watched OBJECT ${HEBB_CUDA_KERNELS} tests/csrc/races/races_test.cpp)
target_link_libraries(hebb_watched PRIVATE hebb_races_options)
target_include_directories(hebb_watched PRIVATE tests/csrc)
target_compile_options(hebb_watched PRIVATE -fsanitize=thread --param=tsan-instrument-func-entry-exit=0)

add_executable(hebb_races ${HEBB_RACES_TESTS} ${HEBB_RACES_CORE} ${HEBB_RACES_SLOTS} ${HEBB_EMULATOR_SOURCES}
                          $<TARGET_OBJECTS:hebb_watched>)
target_link_libraries(hebb_races PRIVATE hebb_races_options)
target_include_directories(hebb_races PRIVATE tests/csrc)
target_link_options(hebb_races PRIVATE -no-pie)
# The other tests are built, and run, without it.
set_target_properties(hebb_watched hebb_races PROPERTIES EXCLUDE_FROM_ALL ON POSITION_INDEPENDENT_CODE OFF)

# The CPU kernels, compiled once for every instruction set and element type and chosen when the module is loaded: a wheel
# runs on any processor of its architecture, and is never built with -march=native.
set(isas baseline)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  list(APPEND isas avx2 avx512)
endif()
set(TRANSJET_ISAS ${isas} CACHE STRING "Instruction sets of the CPU kernels; baseline must be among them")
if(NOT baseline IN_LIST TRANSJET_ISAS)
  message(FATAL_ERROR "TRANSJET_ISAS must contain baseline, got '${TRANSJET_ISAS}'")
endif()
set(TRANSJET_ISA_FLAGS_baseline "")
set(TRANSJET_ISA_FLAGS_avx2 -mavx2 -mfma)
set(TRANSJET_ISA_FLAGS_avx512 ${TRANSJET_ISA_FLAGS_avx2} -mavx512f -mavx512dq -mavx512bw -mavx512vl)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Vectors wider than the baseline's never cross a function that is not inlined, so their calling convention is moot.
  set(TRANSJET_ISA_WARNINGS -Wno-psabi)
  list(APPEND TRANSJET_ISA_FLAGS_avx512 -mprefer-vector-width=512)
endif()

foreach(isa IN LISTS TRANSJET_ISAS)
  string(TOUPPER TRANSJET_HAS_${isa} has)
  target_compile_definitions(transjet_cpu PRIVATE ${has})
  foreach(element IN ITEMS float double)
    set(target transjet_cpu_${isa}_${element})
    add_library(${target} OBJECT csrc/cpu/isa.cpp)
    target_include_directories(${target} PUBLIC csrc)
    target_compile_definitions(${target} PRIVATE TRANSJET_ISA=${isa} TRANSJET_ELEMENT=${element})
    # Contraction makes a * b + c one instruction; it reorders nothing. Traps and errno are not used.
    target_compile_options(${target} PRIVATE ${TRANSJET_ISA_FLAGS_${isa}} ${TRANSJET_ISA_WARNINGS} -ffp-contract=fast
                                             -fno-math-errno -fno-trapping-math)
    transjet_strict(${target} -Wpedantic)
    target_link_libraries(transjet_cpu PUBLIC $<TARGET_OBJECTS:${target}>)
  endforeach()
endforeach()

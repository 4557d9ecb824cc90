# Decides whether CUDA kernels are built, and says why not:
#   TRANSJET_CUDA_COMPILED (true or false, as C++ spells it), TRANSJET_CUDA_REASON (text),
#   TRANSJET_CUDA_ARCHITECTURES and TRANSJET_CUDA_TOOLKIT (text, empty without CUDA).
include(CheckLanguage)

# Machine code for these generations of GPUs, and PTX that the driver of a later one compiles.
set(TRANSJET_CUDA_DEFAULT_ARCHITECTURES 80-real 90-real 100-real 100-virtual)

function(transjet_find_cuda)
  set(compiled false)
  if(TRANSJET_CUDA STREQUAL "OFF")
    set(reason "switched off by TRANSJET_CUDA=OFF")
  elseif(TRANSJET_CUDA STREQUAL "AUTO" OR TRANSJET_CUDA STREQUAL "ON")
    check_language(CUDA)
    if(NOT CMAKE_CUDA_COMPILER)
      set(reason "no CUDA compiler found (nvcc is not on PATH and CUDACXX is not set)")
    elseif(TRANSJET_SANITIZE)
      set(reason "a build with sanitizers runs the kernels' sources in the emulation alone")
    else()
      set(compiled true)
    endif()
  else()
    message(FATAL_ERROR "TRANSJET_CUDA must be AUTO, ON or OFF, got '${TRANSJET_CUDA}'")
  endif()
  if(TRANSJET_CUDA STREQUAL "ON" AND NOT compiled)
    message(FATAL_ERROR "TRANSJET_CUDA=ON asks for CUDA kernels: ${reason}. Use AUTO or OFF for a build without them.")
  endif()
  set(TRANSJET_CUDA_COMPILED ${compiled} PARENT_SCOPE)
  set(TRANSJET_CUDA_REASON "${reason}" PARENT_SCOPE)
endfunction()

# A macro: a language that is enabled in a function is known there alone.
macro(transjet_enable_cuda)
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES ${TRANSJET_CUDA_DEFAULT_ARCHITECTURES})
  endif()
  # The runtime goes into the module: that must be importable where there is neither a GPU nor a driver.
  set(CMAKE_CUDA_RUNTIME_LIBRARY Static)
  set(CMAKE_CUDA_STANDARD 17)
  set(CMAKE_CUDA_STANDARD_REQUIRED ON)
  set(CMAKE_CUDA_EXTENSIONS OFF)
  enable_language(CUDA)
  list(JOIN CMAKE_CUDA_ARCHITECTURES " " TRANSJET_CUDA_ARCHITECTURES)
  set(TRANSJET_CUDA_TOOLKIT ${CMAKE_CUDA_COMPILER_VERSION})
  set(TRANSJET_CUDA_REASON "kernels for ${TRANSJET_CUDA_ARCHITECTURES} by CUDA ${TRANSJET_CUDA_TOOLKIT}")
endmacro()

# The kernels: no Python, no JAX.
function(transjet_add_cuda_kernels)
  file(GLOB sources CONFIGURE_DEPENDS csrc/cuda/*.cu)
  add_library(transjet_cuda OBJECT ${sources})
  target_include_directories(transjet_cuda PUBLIC csrc)
  target_compile_options(transjet_cuda PRIVATE -Xcompiler=-Wall,-Wextra)
endfunction()

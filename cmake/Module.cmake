# The extension module transjet._core, against the XLA FFI headers of the jaxlib that the building Python has.
find_package(Python 3.11 REQUIRED COMPONENTS Interpreter Development.Module)

# Runs a line of Python that prints one string; `remedy` says what to do when it fails.
function(transjet_ask_python out code remedy)
  execute_process(
    COMMAND ${Python_EXECUTABLE} -c "${code}"
    OUTPUT_VARIABLE answer OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_VARIABLE errors RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${remedy}\n${Python_EXECUTABLE} said:\n${errors}")
  endif()
  set(${out} "${answer}" PARENT_SCOPE)
endfunction()

transjet_ask_python(TRANSJET_FFI_INCLUDE "import jax.ffi; print(jax.ffi.include_dir())"
                    "The XLA FFI headers come with jax: install jax and jaxlib 0.10.0, or set TRANSJET_MODULE=OFF.")
transjet_ask_python(TRANSJET_JAXLIB_VERSION "import jaxlib.version as v; print(v.__version__)"
                    "jaxlib has no version: install jax and jaxlib 0.10.0.")
if(NOT pybind11_DIR)
  transjet_ask_python(pybind11_DIR "import pybind11; print(pybind11.get_cmake_dir())" "Install pybind11 3.0 or newer.")
endif()
find_package(pybind11 3.0 CONFIG REQUIRED)

configure_file(csrc/bindings/build_config.h.in generated/build_config.h @ONLY)

# NO_EXTRAS: link-time optimisation would blur the instruction sets of separately compiled kernels.
pybind11_add_module(_core NO_EXTRAS csrc/bindings/module.cpp csrc/ffi/registry.cpp csrc/ffi/reader.cpp
                    csrc/ffi/jet_operands.cpp csrc/ffi/null_ffi.cpp csrc/ffi/jets_ffi.cpp csrc/ffi/gauss_newton_ffi.cpp
                    csrc/ffi/transport_ffi.cpp csrc/ffi/gram_ffi.cpp csrc/ffi/cholesky_solve_ffi.cpp csrc/ffi/terms.cpp
                    csrc/ffi/factor_bytes.cpp csrc/ffi/triton_ffi.cpp csrc/ffi/triton_launch.cpp
                    csrc/ffi/triton_kernels.cpp csrc/cuda/driver.cpp)
if(TRANSJET_CUDA_COMPILED)
  target_sources(_core PRIVATE csrc/ffi/cuda_jets_ffi.cpp csrc/ffi/cuda_gauss_newton_ffi.cpp
                               csrc/ffi/cuda_gram_ffi.cpp csrc/ffi/cuda_workspace.cpp)
  target_compile_definitions(_core PRIVATE TRANSJET_CUDA_KERNELS)
  target_link_libraries(_core PRIVATE transjet_cuda)
endif()
target_include_directories(_core PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/generated)
target_include_directories(_core SYSTEM PRIVATE ${TRANSJET_FFI_INCLUDE})
target_link_libraries(_core PRIVATE transjet_cpu ${CMAKE_DL_LIBS})
# No -Wpedantic here: with it g++ rejects XLA's C header even as a system header.
transjet_strict(_core)
install(TARGETS _core LIBRARY DESTINATION .)

# Warnings and sanitizers of our own targets; headers of others are SYSTEM and stay silent.
set(TRANSJET_SANITIZERS "" address undefined address,undefined thread)
if(NOT TRANSJET_SANITIZE IN_LIST TRANSJET_SANITIZERS)
  message(FATAL_ERROR "TRANSJET_SANITIZE must be one of address | undefined | address,undefined | thread or empty, "
                      "got '${TRANSJET_SANITIZE}'")
endif()
if(TRANSJET_SANITIZE AND TRANSJET_MODULE)
  message(FATAL_ERROR "TRANSJET_SANITIZE is for the tests of the kernels: a plain Python cannot load a sanitized "
                      "module. Set TRANSJET_MODULE=OFF.")
endif()

# Further warnings may follow the target's name.
function(transjet_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wshadow -Wconversion ${ARGN})
endfunction()

function(transjet_strict target)
  transjet_warnings(${target} ${ARGN})
  if(TRANSJET_SANITIZE)
    target_compile_options(
      ${target} PRIVATE -g1 -fsanitize=${TRANSJET_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(${target} PRIVATE -fsanitize=${TRANSJET_SANITIZE})
  endif()
endfunction()

// run_if_supported ISA PROGRAM: runs a program compiled for an instruction set where the processor has it;
// elsewhere returns 77, which CTest calls skipped. The program could not tell by itself: its first
// instruction may be its last.
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "cpu/dispatch.h"

int main(int count, char** arguments) {
  if (count < 3) return 2;
  const std::vector<std::string> isas = transjet::cpu::supported_isas();
  if (std::find(isas.begin(), isas.end(), arguments[1]) == isas.end()) {
    std::printf("this processor has no %s\n", arguments[1]);
    return 77;
  }
  execv(arguments[2], arguments + 2);
  std::perror(arguments[2]);
  return 1;
}

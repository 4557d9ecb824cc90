// Threads of execution that hand over to one another by hand, for the emulation of a GPU's threads on one
// thread of the processor. Sanitizers are told about every change of stacks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

// Elsewhere the C library changes stacks, which takes it a system call; TRANSJET_UCONTEXT makes it do so
// here.
#if defined(__x86_64__) && !defined(TRANSJET_UCONTEXT)
#define TRANSJET_SWITCH_STACKS
#else
#include <ucontext.h>
#endif
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

#if defined(TRANSJET_SWITCH_STACKS)
// Saves what a function call preserves, and the stack, and continues on another one. As plain assembly,
// because a compiler that sees a function's body may count on registers that it leaves alone.
asm(R"(
  .pushsection .text
  .weak transjet_switch_stacks
  .hidden transjet_switch_stacks
  .type transjet_switch_stacks, @function
transjet_switch_stacks:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
  .size transjet_switch_stacks, . - transjet_switch_stacks
  .popsection
)");
extern "C" void transjet_switch_stacks(void** from, void* to);
#endif

namespace transjet::cuda {

// A stack, and where its execution rests. The default is that of the thread that runs already.
class Fiber {
 public:
  Fiber() = default;
  explicit Fiber(std::size_t stack_bytes) : size_(stack_bytes), stack_(new char[stack_bytes]) {
    std::memset(stack_.get(), kCanary, kWall);
  }
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;
#if defined(__SANITIZE_THREAD__)
  ~Fiber() {
    if (size_ > 0 && tsan_ != nullptr) __tsan_destroy_fiber(tsan_);
  }
#endif

  // The next change to this fiber calls entry(), which must not return.
  void restart(void (*entry)()) {
#if defined(__SANITIZE_ADDRESS__)
    __asan_unpoison_memory_region(stack_.get(), size_);  // whatever ran here before may have been given up
#endif
#if defined(__SANITIZE_THREAD__)
    if (tsan_ == nullptr) tsan_ = __tsan_create_fiber(0);
#endif
#if defined(TRANSJET_SWITCH_STACKS)
    const auto end = (reinterpret_cast<std::uintptr_t>(stack_.get()) + size_) & ~std::uintptr_t{15};
    void** top = reinterpret_cast<void**>(end) - 2;  // as after a call: 8 bytes off a multiple of 16
    *top = reinterpret_cast<void*>(entry);
    for (int i = 0; i < 6; ++i) *--top = nullptr;
    rest_ = top;
#else
    getcontext(&rest_);
    rest_.uc_stack.ss_sp = stack_.get();
    rest_.uc_stack.ss_size = size_;
    rest_.uc_link = nullptr;
    makecontext(&rest_, entry, 0);
#endif
  }

  // Rests here and goes on in `to`.
  void change_to(Fiber& to) {
#if defined(__SANITIZE_ADDRESS__)
    if (size_ == 0 && bottom_ == nullptr) to.came_from_ = this;
    __sanitizer_start_switch_fiber(&fake_stack_, to.size_ > 0 ? to.stack_.get() : to.bottom_,
                                   to.size_ > 0 ? to.size_ : to.bottom_size_);
#endif
#if defined(__SANITIZE_THREAD__)
    if (tsan_ == nullptr) tsan_ = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(to.tsan_, 0);
#endif
#if defined(TRANSJET_SWITCH_STACKS)
    transjet_switch_stacks(&rest_, to.rest_);
#else
    swapcontext(&rest_, &to.rest_);
#endif
    arrived();
  }

  // To be called first by entry().
  void arrived() {
#if defined(__SANITIZE_ADDRESS__)
    const void* bottom = nullptr;
    std::size_t size = 0;
    __sanitizer_finish_switch_fiber(fake_stack_, &bottom, &size);
    fake_stack_ = nullptr;
    if (came_from_ != nullptr) {
      came_from_->bottom_ = bottom;
      came_from_->bottom_size_ = size;
      came_from_ = nullptr;
    }
#endif
  }

  // Nothing has grown into the end of the stack.
  bool intact() const {
    for (std::size_t i = 0; i < (size_ > 0 ? kWall : 0); ++i) {
      if (stack_[i] != kCanary) return false;
    }
    return true;
  }

 private:
  static constexpr std::size_t kWall = 64;
  static constexpr char kCanary = 0x5a;

  std::size_t size_ = 0;
  std::unique_ptr<char[]> stack_;
#if defined(TRANSJET_SWITCH_STACKS)
  void* rest_ = nullptr;
#else
  ucontext_t rest_{};
#endif
#if defined(__SANITIZE_ADDRESS__)
  void* fake_stack_ = nullptr;
  const void* bottom_ = nullptr;  // of the thread's own stack, learnt by the first fiber that it goes to
  std::size_t bottom_size_ = 0;
  Fiber* came_from_ = nullptr;
#endif
#if defined(__SANITIZE_THREAD__)
  void* tsan_ = nullptr;
#endif
};

}  // namespace transjet::cuda

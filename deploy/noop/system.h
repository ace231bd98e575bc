/*
 * What programs without a C library need: system calls of x86_64 and aarch64, files, and messages on standard error. Each
 * program includes this once, names itself by NAME, and defines run, which returns the exit code.
 */

typedef unsigned long word;

enum { STDERR = 2, AT_FDCWD = -100, O_RDONLY = 0, O_WRONLY = 1, O_CREAT = 0100, O_TRUNC = 01000, O_CLOEXEC = 02000000 };

#if defined(__x86_64__)

enum { SYS_read = 0, SYS_write = 1, SYS_close = 3, SYS_exit = 60, SYS_fchmod = 91, SYS_openat = 257 };

/* At entry, the stack pointer points to argc, followed by the arguments. */
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall start\n");

static long system_call(word number, word a, word b, word c, word d) {
  long result;
  register word r10 __asm__("r10") = d;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
                   : "rcx", "r11", "memory");
  return result;
}

#elif defined(__aarch64__)

enum { SYS_fchmod = 52, SYS_openat = 56, SYS_close = 57, SYS_read = 63, SYS_write = 64, SYS_exit = 93 };

__asm__(".globl _start\n_start:\n\tmov x29, xzr\n\tmov x30, xzr\n\tmov x0, sp\n\tbl start\n");

static long system_call(word number, word a, word b, word c, word d) {
  register word x8 __asm__("x8") = number;
  register word x0 __asm__("x0") = a;
  register word x1 __asm__("x1") = b;
  register word x2 __asm__("x2") = c;
  register word x3 __asm__("x3") = d;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
  return (long)x0;
}

#else
#error "only the system calls of x86_64 and aarch64 are known"
#endif

static word length(const char *text) {
  word n = 0;
  while (text[n] != 0) n++;
  return n;
}

static void say(const char *text) { system_call(SYS_write, STDERR, (word)text, length(text), 0); }

static void say_number(word n) {
  char digits[21];
  char *first = digits + sizeof digits - 1;
  *first = 0;
  do *--first = (char)('0' + n % 10); while ((n /= 10) != 0);
  say(first);
}

/* Prints the failed operation and the error number (see errno(3)). Returns the exit code. */
static int failure(const char *what, const char *path, long result) {
  say(NAME ": cannot ");
  say(what);
  say(" ");
  say(path);
  say(": error ");
  say_number((word)-result);
  say("\n");
  return 1;
}

static long open(const char *path, word flags, word mode) {
  return system_call(SYS_openat, (word)AT_FDCWD, (word)path, flags | O_CLOEXEC, mode);
}

/* Writes all bytes, also over partial writes. Returns 0 or a negative error number. */
static long write_all(long file, const char *bytes, long count) {
  while (count > 0) {
    long written = system_call(SYS_write, (word)file, (word)bytes, (word)count, 0);
    if (written < 0) return written;
    bytes += written;
    count -= written;
  }
  return 0;
}

static int run(word count, const char *const *arguments);

__attribute__((used, noreturn)) void start(const word *stack) {
  int code = run(stack[0], (const char *const *)(stack + 1));
  for (;;) system_call(SYS_exit, (word)code, 0, 0, 0);
}

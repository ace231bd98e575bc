/*
 * noop exits successfully. Pull Jobs run it so that the kubelet pulls an image.
 *
 *   noop             exits 0
 *   noop copy PATH   copies itself to PATH with mode 0755, so that another image's container can run it
 *
 * Every node pulls it, so it is small. It runs under any uid in any image, so it only needs the kernel: no C library, no
 * loader, and no writable memory except its stack.
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
#error "noop knows the system calls of x86_64 and aarch64 only"
#endif

static word length(const char *text) {
  word n = 0;
  while (text[n] != 0) n++;
  return n;
}

static int equal(const char *a, const char *b) {
  while (*a != 0 && *a == *b) a++, b++;
  return *a == *b;
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
  say("noop: cannot ");
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

static int copy_to(const char *path) {
  static const char self[] = "/proc/self/exe";
  char buffer[4096];
  long in, out, count, result;

  if ((in = open(self, O_RDONLY, 0)) < 0) return failure("open", self, in);
  if ((out = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755)) < 0) return failure("create", path, out);
  while ((count = system_call(SYS_read, (word)in, (word)buffer, sizeof buffer, 0)) > 0)
    if ((result = write_all(out, buffer, count)) < 0) return failure("write", path, result);
  if (count < 0) return failure("read", self, count);
  /* The umask restricts the mode passed to open. */
  if ((result = system_call(SYS_fchmod, (word)out, 0755, 0, 0)) < 0) return failure("make executable", path, result);
  if ((result = system_call(SYS_close, (word)out, 0, 0, 0)) < 0) return failure("close", path, result);
  return 0;
}

static int run(word count, const char *const *arguments) {
  if (count <= 1) return 0;
  if (count == 3 && equal(arguments[1], "copy")) return copy_to(arguments[2]);
  say("noop: usage: noop [copy PATH]\n");
  return 2;
}

__attribute__((used, noreturn)) void start(const word *stack) {
  int code = run(stack[0], (const char *const *)(stack + 1));
  for (;;) system_call(SYS_exit, (word)code, 0, 0, 0);
}

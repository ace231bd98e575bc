/*
 * noop exits successfully. Pull Jobs run it so that the kubelet pulls an image.
 *
 *   noop             exits 0
 *   noop copy PATH   copies itself to PATH with mode 0755, so that another image's container can run it
 *
 * Every node pulls it, so it is small. It runs under any uid in any image, so it only needs the kernel: no C library, no
 * loader, and no writable memory except its stack.
 */

#define NAME "noop"
#include "system.h"

static int equal(const char *a, const char *b) {
  while (*a != 0 && *a == *b) a++, b++;
  return *a == *b;
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

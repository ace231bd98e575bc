/*
 * cat writes files to standard output. OpenFaaS probes a function by `cat /tmp/.lock` where http_probe is false, and the
 * functions image has no other program than Node.
 *
 *   cat FILE...   exits 1 if a file cannot be read
 */

#define NAME "cat"
#include "system.h"

enum { STDOUT = 1 };

static int print(const char *path) {
  char buffer[4096];
  long in, count, result;

  if ((in = open(path, O_RDONLY, 0)) < 0) return failure("open", path, in);
  while ((count = system_call(SYS_read, (word)in, (word)buffer, sizeof buffer, 0)) > 0)
    if ((result = write_all(STDOUT, buffer, count)) < 0) return failure("write", path, result);
  if (count < 0) return failure("read", path, count);
  system_call(SYS_close, (word)in, 0, 0, 0);
  return 0;
}

static int run(word count, const char *const *arguments) {
  int code = 0;
  for (word index = 1; index < count; index++) code |= print(arguments[index]);
  return code;
}

/* A disk that fails: LD_PRELOADed by tools/faults.py, it makes the n-th call and all later ones below a path fail.
 *
 * FAULT_PATH: absolute prefix; FAULT_AT: which call is the first to fail, from 1; FAULT_ERRNO: with what;
 * FAULT_KIND: `read` (bytes of files that are read) or `write` (creating, writing, flushing, renaming).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static long calls;

static int below(const char *path) {
    const char *prefix = getenv("FAULT_PATH");
    return prefix && path && strncmp(path, prefix, strlen(prefix)) == 0;
}

static int open_below(int handle) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", handle);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    return below(path);
}

static int fails(const char *kind) {
    const char *wanted = getenv("FAULT_KIND"), *at = getenv("FAULT_AT"), *code = getenv("FAULT_ERRNO");
    if (!wanted || !at || !code || strcmp(wanted, kind) != 0 || __sync_add_and_fetch(&calls, 1) < atol(at))
        return 0;
    errno = atoi(code);
    return 1;
}

#define REAL(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))
#define WRAP(result, name, parameters, arguments, hit, kind)                                                           \
    result name parameters {                                                                                           \
        int known = errno;                                                                                             \
        if ((hit) && fails(kind))                                                                                      \
            return -1;                                                                                                 \
        errno = known;                                                                                                 \
        return REAL(name) arguments;                                                                                   \
    }

WRAP(ssize_t, read, (int f, void *b, size_t n), (f, b, n), open_below(f), "read")
WRAP(ssize_t, readv, (int f, const struct iovec *v, int n), (f, v, n), open_below(f), "read")
WRAP(ssize_t, pread, (int f, void *b, size_t n, off_t o), (f, b, n, o), open_below(f), "read")
WRAP(ssize_t, pread64, (int f, void *b, size_t n, off64_t o), (f, b, n, o), open_below(f), "read")
WRAP(ssize_t, preadv, (int f, const struct iovec *v, int n, off_t o), (f, v, n, o), open_below(f), "read")
WRAP(ssize_t, preadv64, (int f, const struct iovec *v, int n, off64_t o), (f, v, n, o), open_below(f), "read")
WRAP(ssize_t, preadv2, (int f, const struct iovec *v, int n, off_t o, int x), (f, v, n, o, x), open_below(f), "read")
WRAP(ssize_t, preadv64v2, (int f, const struct iovec *v, int n, off64_t o, int x), (f, v, n, o, x), open_below(f), "read")
WRAP(ssize_t, write, (int f, const void *b, size_t n), (f, b, n), open_below(f), "write")
WRAP(ssize_t, pwrite64, (int f, const void *b, size_t n, off64_t o), (f, b, n, o), open_below(f), "write")
WRAP(int, fsync, (int f), (f), open_below(f), "write")
WRAP(int, mkdir, (const char *p, mode_t m), (p, m), below(p), "write")
WRAP(int, link, (const char *p, const char *q), (p, q), below(q), "write")
WRAP(int, rename, (const char *p, const char *q), (p, q), below(q), "write")

ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t length, unsigned flags) {
    if ((open_below(in) && fails("read")) || (open_below(out) && fails("write")))
        return -1;
    return REAL(copy_file_range)(in, from, out, to, length, flags);
}

#define OPEN(name)                                                                                                     \
    int name(const char *path, int flags, ...) {                                                                       \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;                                        \
        va_end(rest);                                                                                                  \
        if (flags & O_CREAT && below(path) && fails("write"))                                                          \
            return -1;                                                                                                 \
        return REAL(name)(path, flags, mode);                                                                          \
    }

OPEN(open)
OPEN(open64)

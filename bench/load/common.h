// What the mock upstream and the load generator share: one clock, strict arguments, a bounded find.
#pragma once
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_MS 1000000LL
#define NS_PER_S 1000000000LL

// CLOCK_MONOTONIC is one clock for all processes of a machine: a stamp made by the mock is compared in the generator.
static inline int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static inline void die(const char *format, ...) {
  va_list args;
  va_start(args, format);
  vfprintf(stderr, format, args);
  va_end(args);
  fputc('\n', stderr);
  exit(2);
}

static inline long number(const char *what, const char *text, long low, long high) {
  char *end;
  errno = 0;
  long value = strtol(text, &end, 10);
  if (errno || *end || end == text || value < low || value > high)
    die("%s must be a whole number from %ld to %ld", what, low, high);
  return value;
}

// The wait of epoll in nanoseconds; a negative wait has no end.
static inline int wait_ns(int epoll, struct epoll_event *events, int count, int64_t wait) {
  if (wait < 0) return epoll_pwait2(epoll, events, count, NULL, NULL);
  struct timespec t = {.tv_sec = wait / NS_PER_S, .tv_nsec = wait % NS_PER_S};
  return epoll_pwait2(epoll, events, count, &t, NULL);
}

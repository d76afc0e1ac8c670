// A load generator of one thread on loopback: closed loop or fixed rate, keep-alive, streams read to their end.
//
//   load --port N --body FILE [--path P] [--key K] [--header "Name: value"]...
//        --connections C --seconds S [--rate R] [--requests N] [--ramp-ms M] [--drain-ms M]
//        [--abort-after CHUNKS] [--read-bytes B --read-every-ms M] [--raw]
//
// Rate 0 is the closed loop. With a rate, latency counts from the time at which a request was due, so that a server
// that stalls can't hide it. A stream counts as ok only if it ended with [DONE]; anything else is `truncated`.
// --abort-after closes the connection after that many chunks and reports when; --read-bytes reads slowly.
// Prints one JSON object; the head of the first answer that is not 200 goes to stderr.
#include "common.h"
#include <getopt.h>

enum { MAX_CONNECTIONS = 8192, HEAD_CAP = 16384, MAX_CHUNKS = 4000000, MAX_REQUESTS = 4000000, MAX_ABORTS = 4096, MAX_STATUS = 600 };
enum Body { BY_LENGTH, BY_CHUNKS, BY_CLOSE };
enum Chunk { SIZE, SIZE_END, DATA, DATA_END, TRAILER };

typedef struct {
  int fd;
  bool busy, has_head, closes, done_seen, paused;
  enum Body framing;
  enum Chunk chunk;
  int64_t due_ns, first_ns, resume_ns, left;
  int head_len, status, stamp_digits, done_match, trailer_len, chunks;
  int64_t stamp, stream_digits, id_so_far, stream_id;
  char head[HEAD_CAP];
} Conn;

typedef struct { int64_t *values; long count, cap; } Samples;

static Conn *conns;
static int *idle, idle_count, busy_count, epoll;
static int port, connection_count = 1, abort_after, read_bytes, request_len;
static double rate;
static int64_t read_every_ns;
static char *request;
static Samples latency, first_byte, transit;
static long sent, ok, errors, non200, truncated, cut, chunks;
static long statuses[MAX_STATUS];
static struct { int64_t id, at; } aborts[MAX_ABORTS];
static long abort_count;

static Samples samples(long cap) {
  Samples s = {.values = malloc(cap * sizeof(int64_t)), .cap = cap};
  if (!s.values) die("out of memory");
  return s;
}

static void note(Samples *s, int64_t ns) {
  if (s->count < s->cap) s->values[s->count++] = ns;
}

static int by_value(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

static void print_percentiles(const char *name, Samples *s) {
  static const struct { const char *name; double part; } points[] = {{"p50", .5}, {"p90", .9}, {"p99", .99}, {"p999", .999}, {"max", 1}};
  qsort(s->values, s->count, sizeof *s->values, by_value);
  printf("\"%s\":{\"count\":%ld", name, s->count);
  for (int i = 0; s->count && i < 5; i++)
    printf(",\"%s\":%.1f", points[i].name, s->values[(long)((s->count - 1) * points[i].part)] / 1e3);
  printf("},");
}

// --- connections -------------------------------------------------------------------------------------------------

static bool dial(Conn *c) {
  c->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (c->fd < 0) return false;
  int one = 1, small = 16384;
  struct timeval patience = {.tv_sec = 5};
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (read_bytes) setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  if (connect(c->fd, (void *)&address, sizeof address)) {
    close(c->fd);
    c->fd = -1;
    return false;
  }
  struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
  epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &e);
  return true;
}

static void hang_up(Conn *c) {
  if (c->fd >= 0) close(c->fd);
  c->fd = -1;
  c->paused = false;
}

static void rest(Conn *c) {
  c->busy = false;
  busy_count--;
  idle[idle_count++] = c - conns;
}

static bool send_request(Conn *c) {
  for (int at = 0; at < request_len;) {
    ssize_t n = send(c->fd, request + at, request_len - at, MSG_NOSIGNAL);
    if (n <= 0) return false;
    at += n;
  }
  return true;
}

static void start(Conn *c, int64_t due) {
  c->busy = true;
  busy_count++;
  sent++;
  c->has_head = c->closes = c->done_seen = false;
  c->due_ns = due;
  c->first_ns = c->head_len = c->done_match = c->chunks = c->trailer_len = 0;
  c->stamp_digits = -1;
  c->stream_id = 0;
  c->stream_digits = -1;
  if ((c->fd >= 0 || dial(c)) && send_request(c)) return;
  errors++;
  hang_up(c);
  rest(c);
}

static void finish(Conn *c, bool whole) {
  bool stream = c->framing == BY_CHUNKS && c->chunks;
  if (c->status != 200) {
    if (c->status > 0 && c->status < MAX_STATUS) statuses[c->status]++;
    non200++;
  } else if (!whole || (stream && !c->done_seen)) truncated++;
  else {
    ok++;
    note(&latency, now_ns() - c->due_ns);
  }
  if (c->closes || !whole) hang_up(c);
  rest(c);
}

// --- reading an answer -------------------------------------------------------------------------------------------

// Look for `T` 19 digits `T` 10 digits `T` (when a chunk was made, and in which stream) and for [DONE].
static void scan(Conn *c, const char *bytes, ssize_t n, int64_t now) {
  static const char done[] = "[DONE]";
  for (ssize_t i = 0; i < n; i++) {
    char ch = bytes[i];
    if (ch == done[c->done_match]) {
      if (!done[++c->done_match]) c->done_seen = true, c->done_match = 0;
    } else c->done_match = ch == '[';
    bool digit = ch >= '0' && ch <= '9';
    if (c->stream_digits >= 0) {
      if (digit && c->stream_digits < 10) c->id_so_far = c->id_so_far * 10 + ch - '0', c->stream_digits++;
      else {
        if (ch == 'T' && c->stream_digits == 10) note(&transit, now - c->stamp), c->stream_id = c->id_so_far, chunks++, c->chunks++;
        c->stream_digits = -1;
      }
    } else if (c->stamp_digits >= 0 && digit && c->stamp_digits < 19) c->stamp = c->stamp * 10 + ch - '0', c->stamp_digits++;
    else if (ch == 'T') {
      if (c->stamp_digits == 19) c->stream_digits = c->id_so_far = 0, c->stamp_digits = -1;
      else c->stamp_digits = c->stamp = 0;
    } else c->stamp_digits = -1;
  }
}

static void payload(Conn *c, const char *bytes, ssize_t n, int64_t now) {
  if (!n) return;
  if (!c->first_ns) {
    c->first_ns = now;
    if (c->status == 200) note(&first_byte, now - c->due_ns);
  }
  if (c->framing == BY_CHUNKS) scan(c, bytes, n, now);
}

static int hex(char ch) {
  if (ch >= '0' && ch <= '9') return ch - '0';
  if (ch >= 'a' && ch <= 'f') return ch - 'a' + 10;
  return ch >= 'A' && ch <= 'F' ? ch - 'A' + 10 : -1;
}

// Return 1 at the end of the body, -1 where the framing is broken, 0 when more is to come.
static int unchunk(Conn *c, const char *b, ssize_t n, int64_t now) {
  for (ssize_t i = 0; i < n;) {
    switch (c->chunk) {
      case SIZE:
        if (hex(b[i]) >= 0 && c->left < (1 << 26)) c->left = c->left * 16 + hex(b[i]);
        else if (b[i] == '\n') c->chunk = c->left ? DATA : TRAILER;
        else if (b[i] == '\r' || b[i] == ';') c->chunk = SIZE_END;
        else return -1;
        i++;
        break;
      case SIZE_END:
        if (b[i++] == '\n') c->chunk = c->left ? DATA : TRAILER;
        break;
      case DATA: {
        ssize_t part = n - i < c->left ? n - i : c->left;
        payload(c, b + i, part, now);
        c->left -= part;
        i += part;
        if (!c->left) c->chunk = DATA_END;
        break;
      }
      case DATA_END:
        if (b[i++] == '\n') c->chunk = SIZE;
        break;
      case TRAILER:
        if (b[i] == '\n') {
          if (!c->trailer_len) return 1;
          c->trailer_len = 0;
        } else if (b[i] != '\r') c->trailer_len++;
        i++;
    }
  }
  return 0;
}

static const char *header(const Conn *c, const char *name) {
  const char *at = strcasestr(c->head, name);
  return at ? at + strlen(name) : NULL;
}

// Return how many bytes of `b` belong to the head, or -1 while it is not whole.
static ssize_t read_head(Conn *c, const char *b, ssize_t n) {
  int before = c->head_len, room = HEAD_CAP - 1 - before;
  int part = n < room ? n : room;
  memcpy(c->head + before, b, part);
  c->head[c->head_len += part] = 0;
  char *end = strstr(c->head, "\r\n\r\n");
  if (!end) return -1;
  c->status = atoi(c->head + 9);
  if (c->status != 200 && !non200) fprintf(stderr, "%.900s\n", c->head);
  end[2] = 0;
  c->has_head = true;
  c->closes = header(c, "\nconnection: close") || !strncmp(c->head, "HTTP/1.0", 8);
  const char *length = header(c, "\ncontent-length:");
  c->framing = length ? BY_LENGTH : header(c, "\ntransfer-encoding:") ? BY_CHUNKS : BY_CLOSE;
  c->left = length ? atoll(length) : 0;
  c->chunk = SIZE;
  return end + 4 - c->head - before;
}

static void abort_stream(Conn *c) {
  aborts[abort_count % MAX_ABORTS].id = c->stream_id;
  aborts[abort_count++ % MAX_ABORTS].at = now_ns();
  cut++;
  hang_up(c);
  rest(c);
}

static void take(Conn *c, const char *b, ssize_t n, int64_t now) {
  if (!c->has_head) {
    ssize_t used = read_head(c, b, n);
    if (used < 0) {
      if (c->head_len >= HEAD_CAP - 1) c->status = -1, finish(c, false);
      return;
    }
    b += used;
    n -= used;
    if (c->framing == BY_LENGTH && !c->left) return finish(c, true);
  }
  if (c->framing == BY_CHUNKS) {
    int end = unchunk(c, b, n, now);
    if (end) return finish(c, end > 0);
    if (abort_after && c->chunks >= abort_after) abort_stream(c);
    return;
  }
  payload(c, b, n, now);
  if (c->framing == BY_LENGTH && (c->left -= n) <= 0) finish(c, true);
}

static void pause_reading(Conn *c, bool pause) {
  struct epoll_event e = {.events = pause ? 0 : EPOLLIN, .data.ptr = c};
  if (c->fd >= 0) epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &e);
  c->paused = pause;
  c->resume_ns = now_ns() + read_every_ns;
}

static void on_readable(Conn *c) {
  static char buffer[262144];
  if (c->fd < 0) return;
  ssize_t n = recv(c->fd, buffer, read_bytes ? read_bytes : (int)sizeof buffer, MSG_DONTWAIT);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) {
    bool was_busy = c->busy, ends = was_busy && c->has_head && c->framing == BY_CLOSE && n == 0, began = c->has_head;
    hang_up(c);
    if (!was_busy) return;
    if (began) finish(c, ends);
    else errors++, rest(c);
    return;
  }
  if (!c->busy) return;
  take(c, buffer, n, now_ns());
  if (read_bytes && c->busy) pause_reading(c, true);
}

// --- the run -----------------------------------------------------------------------------------------------------

static void build_request(const char *path, const char *key, const char *headers, const char *file) {
  enum { MAX_BODY = 4 << 20 };
  FILE *in = fopen(file, "rb");
  if (!in) die("can't read %s", file);
  char *body = malloc(MAX_BODY);
  size_t n = fread(body, 1, MAX_BODY, in);
  fclose(in);
  if (n == MAX_BODY) die("the body is larger than 4 MB");
  request = malloc(n + 8192);
  request_len = snprintf(request, 8192,
                         "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"
                         "Accept: */*\r\nUser-Agent: load/1\r\n%sContent-Length: %zu\r\n\r\n", path, port, key, headers, n);
  if (request_len >= 8192) die("the headers are too long");
  memcpy(request + request_len, body, n);
  request_len += n;
  free(body);
}

static void print_result(double elapsed, int unfinished, bool raw) {
  printf("{\"sent\":%ld,\"ok\":%ld,\"errors\":%ld,\"non200\":%ld,\"truncated\":%ld,\"cut\":%ld,\"unfinished\":%d,\"seconds\":%.4f,\"per_second\":%.1f,\"chunks\":%ld,",
         sent, ok, errors, non200, truncated, cut, unfinished, elapsed, ok / elapsed, chunks);
  if (raw) {
    printf("\"first_byte_raw_us\":[");
    for (long i = 0; i < first_byte.count; i++) printf("%s%.1f", i ? "," : "", first_byte.values[i] / 1e3);
    printf("],");
  }
  print_percentiles("latency_us", &latency);
  print_percentiles("first_byte_us", &first_byte);
  print_percentiles("transit_us", &transit);
  printf("\"statuses\":{");
  const char *comma = "";
  for (int i = 0; i < MAX_STATUS; i++)
    if (statuses[i]) printf("%s\"%d\":%ld", comma, i, statuses[i]), comma = ",";
  printf("},\"aborts\":[");
  for (long i = 0; i < abort_count && i < MAX_ABORTS; i++)
    printf("%s[%lld,%lld]", i ? "," : "", (long long)aborts[i].id, (long long)aborts[i].at);
  printf("]}\n");
}

int main(int argc, char **argv) {
  static const struct option names[] = {
      {"port", 1, 0, 'p'}, {"path", 1, 0, 'P'}, {"body", 1, 0, 'b'}, {"key", 1, 0, 'k'}, {"header", 1, 0, 'h'}, {"connections", 1, 0, 'c'},
      {"rate", 1, 0, 'r'}, {"seconds", 1, 0, 's'}, {"requests", 1, 0, 'n'}, {"ramp-ms", 1, 0, 'm'}, {"drain-ms", 1, 0, 'd'}, {"abort-after", 1, 0, 'a'},
      {"read-bytes", 1, 0, 'B'}, {"read-every-ms", 1, 0, 'M'}, {"raw", 0, 0, 'R'}, {0, 0, 0, 0}};
  const char *path = "/v1/chat/completions", *key = "sk-bench", *file = NULL;
  char headers[4096] = "";
  double seconds = 1;
  long limit = MAX_REQUESTS, ramp_ms = 0, drain_ms = 15000;
  bool raw = false;
  for (int option; (option = getopt_long(argc, argv, "", names, NULL)) != -1;) switch (option) {
    case 'p': port = number("port", optarg, 1, 65535); break;
    case 'P': path = optarg; break;
    case 'b': file = optarg; break;
    case 'k': key = optarg; break;
    case 'h':
      if (strlen(headers) + strlen(optarg) + 3 > sizeof headers || strpbrk(optarg, "\r\n")) die("a header is too long or has a line break");
      strcat(strcat(headers, optarg), "\r\n");
      break;
    case 'c': connection_count = number("connections", optarg, 1, MAX_CONNECTIONS); break;
    case 'r': rate = number("rate", optarg, 0, 100000); break;
    case 's': seconds = atof(optarg); break;
    case 'n': limit = number("requests", optarg, 1, MAX_REQUESTS); break;
    case 'm': ramp_ms = number("ramp-ms", optarg, 0, 60000); break;
    case 'd': drain_ms = number("drain-ms", optarg, 0, 120000); break;
    case 'a': abort_after = number("abort-after", optarg, 1, 100000); break;
    case 'B': read_bytes = number("read-bytes", optarg, 1, 262144); break;
    case 'M': read_every_ns = number("read-every-ms", optarg, 1, 60000) * NS_PER_MS; break;
    case 'R': raw = true; break;
    default: die("unknown option");
  }
  if (!port || !file || !(seconds > 0 && seconds <= 120)) die("--port, --body and --seconds (at most 120) are needed");
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  signal(SIGPIPE, SIG_IGN);
  build_request(path, key, headers, file);
  epoll = epoll_create1(0);
  conns = calloc(connection_count, sizeof *conns);
  idle = calloc(connection_count, sizeof *idle);
  if (!conns || !idle) die("out of memory");
  latency = samples(MAX_REQUESTS), first_byte = samples(MAX_REQUESTS), transit = samples(MAX_CHUNKS);
  for (int i = connection_count - 1; i >= 0; i--) conns[i].fd = -1, idle[idle_count++] = i;

  int64_t begin = now_ns(), end = begin + (int64_t)(seconds * 1e9), last = end + drain_ms * NS_PER_MS, finished = begin;
  static struct epoll_event events[1024];
  for (;;) {
    int64_t now = now_ns();
    if ((now >= end || sent >= limit) && !busy_count) break;
    if (now >= last) break;
    int64_t wait = now < end ? end - now : last - now;
    if (now < end) {
      while (idle_count && sent < limit) {
        int64_t due = now;
        if (rate > 0) due = begin + (int64_t)(sent / rate * 1e9);
        else if (ramp_ms && sent < connection_count) due = begin + sent * ramp_ms * NS_PER_MS / connection_count;
        if (due > now) {
          if (due - now < wait) wait = due - now;
          break;
        }
        long failed = errors;
        start(&conns[idle[--idle_count]], rate > 0 ? due : now_ns());
        if (errors > failed) break;  // don't spin on a server that is not there
      }
    }
    if (read_bytes)
      for (int i = 0; i < connection_count; i++) {
        if (!conns[i].paused) continue;
        if (conns[i].resume_ns <= now) pause_reading(&conns[i], false);
        else if (conns[i].resume_ns - now < wait) wait = conns[i].resume_ns - now;
      }
    int count = wait_ns(epoll, events, 1024, wait > NS_PER_S / 10 ? NS_PER_S / 10 : wait);
    for (int i = 0; i < count; i++) on_readable(events[i].data.ptr);
    if (count) finished = now_ns();
  }
  double elapsed = ((finished > end ? finished : now_ns()) - begin) / 1e9;
  print_result(elapsed, busy_count, raw);
}

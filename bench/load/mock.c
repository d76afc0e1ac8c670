// A mock upstream: an OpenAI-compatible server of one thread that costs little and counts what it saw.
//
//   mock PORT [PORT ...]     listens on 127.0.0.1, on up to 8 ports; ends with its parent
//
// How it answers is chosen by the name of the model, so that gateways need no special header:
//   mock            at once       mock-d20   first byte after 20 ms     mock-p20   a chunk each 20 ms
//   mock-c10        10 chunks     mock-flood 64 KB events as fast as the reader takes them, 400 MB at most
// and these combine: mock-d20-p20-c10. Streams are 100 chunks by default, with usage where the caller asked for it.
// Each chunk carries a stamp of CLOCK_MONOTONIC and the number of its stream; each answer has its own id.
// GET /stats tells what was counted: requests, answers, bytes of floods, and when each abandoned stream was noticed.
#include "common.h"

enum { MAX_IN = 1 << 20, MAX_FD = 65536, MAX_ABORTS = 4096, ANSWER_BYTES = 961, FLOOD_EVENT = 65536 };
static const int64_t FLOOD_CAP = 400LL * 1000 * 1000;

enum Kind { CHAT, EMBEDDINGS };
enum State { READING, WAITING, STREAMING };

typedef struct {
  int fd;
  enum State state;
  enum Kind kind;
  bool stream, usage, flood, armed_out;
  uint32_t id;
  int sent, total, heap_at;
  int64_t delay_ns, pace_ns, due_ns, flooded;
  char *in, *out;
  int in_len, in_cap, out_len, out_cap, out_at;
} Conn;

static Conn *conns[MAX_FD], *heap[MAX_FD];
static int heap_len, epoll, open_streams, peak_streams;
static uint32_t next_id = 1;
static long requests, answers, streams, abandoned;
static int64_t flood_bytes;
static struct { uint32_t id; int64_t at; } aborts[MAX_ABORTS];
static char flood_event[FLOOD_EVENT + 32];
static int flood_event_len;

// --- a heap of connections by the time at which they are due -----------------------------------------------------

static void heap_put(int at, Conn *c) { heap[at] = c; c->heap_at = at; }

static void heap_up(int at) {
  Conn *c = heap[at];
  for (; at && heap[(at - 1) / 2]->due_ns > c->due_ns; at = (at - 1) / 2) heap_put(at, heap[(at - 1) / 2]);
  heap_put(at, c);
}

static void heap_down(int at) {
  Conn *c = heap[at];
  for (;;) {
    int child = 2 * at + 1;
    if (child >= heap_len) break;
    if (child + 1 < heap_len && heap[child + 1]->due_ns < heap[child]->due_ns) child++;
    if (heap[child]->due_ns >= c->due_ns) break;
    heap_put(at, heap[child]);
    at = child;
  }
  heap_put(at, c);
}

static void unschedule(Conn *c) {
  int at = c->heap_at;
  if (at < 0) return;
  c->heap_at = -1;
  Conn *last = heap[--heap_len];
  if (last == c) return;
  heap_put(at, last);
  heap_up(at);
  heap_down(last->heap_at);
}

static void schedule(Conn *c, int64_t due) {
  unschedule(c);
  c->due_ns = due;
  heap_put(heap_len, c);
  heap_up(heap_len++);
}

// --- writing -----------------------------------------------------------------------------------------------------

static void watch(Conn *c, bool out) {
  if (c->armed_out == out) return;
  struct epoll_event e = {.events = EPOLLIN | (out ? EPOLLOUT : 0), .data.fd = c->fd};
  epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &e);
  c->armed_out = out;
}

static bool flush_out(Conn *c) {
  while (c->out_at < c->out_len) {
    ssize_t n = send(c->fd, c->out + c->out_at, c->out_len - c->out_at, MSG_NOSIGNAL);
    if (n < 0) {
      if (errno != EAGAIN) return false;
      watch(c, true);
      return true;
    }
    c->out_at += n;
  }
  c->out_at = c->out_len = 0;
  watch(c, false);
  return true;
}

static void put(Conn *c, const char *bytes, int n) {
  if (c->out_len + n > c->out_cap) {
    c->out_cap = (c->out_len + n) * 2;
    c->out = realloc(c->out, c->out_cap);
    if (!c->out) die("out of memory");
  }
  memcpy(c->out + c->out_len, bytes, n);
  c->out_len += n;
}

static void put_event(Conn *c, const char *event, int n) {
  char size[16];
  put(c, size, snprintf(size, sizeof size, "%x\r\n", n));
  put(c, event, n);
  put(c, "\r\n", 2);
}

#define CHUNK_HEAD "data: {\"id\":\"chatcmpl-mock%010u\",\"object\":\"chat.completion.chunk\",\"created\":1763860000,\"model\":\"mock\",\"choices\":"

static void put_chunk(Conn *c, bool last) {
  char event[512];
  int n = snprintf(event, sizeof event,
                   CHUNK_HEAD "[{\"index\":0,\"delta\":{\"content\":\"T%019lldT%010uT w%03d\"},\"finish_reason\":%s}]}\n\n",
                   c->id, (long long)now_ns(), c->id, c->sent, last ? "\"stop\"" : "null");
  put_event(c, event, n);
}

static void put_stream_end(Conn *c) {
  char event[512];
  if (c->usage) {
    int n = snprintf(event, sizeof event,
                     CHUNK_HEAD "[],\"usage\":{\"prompt_tokens\":200,\"completion_tokens\":%d,\"total_tokens\":%d}}\n\n",
                     c->id, c->total, 200 + c->total);
    put_event(c, event, n);
  }
  put_event(c, "data: [DONE]\n\n", 14);
  put(c, "0\r\n\r\n", 5);
}

static void put_json(Conn *c, const char *body, int n) {
  char head[160];
  put(c, head, snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n", n));
  put(c, body, n);
}

static void put_chat(Conn *c) {
  char body[ANSWER_BYTES + 64];
  static const char tail[] =
      "\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":200,\"completion_tokens\":100,\"total_tokens\":300}}";
  int n = snprintf(body, sizeof body,
                   "{\"id\":\"chatcmpl-mock%010u\",\"object\":\"chat.completion\",\"created\":1763860000,\"model\":\"mock\","
                   "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"", c->id);
  for (int word = 0; n < ANSWER_BYTES - (int)sizeof tail + 1; n++, word++) body[n] = "lorem ipsum dolor sit amet "[word % 27];
  memcpy(body + n, tail, sizeof tail - 1);
  put_json(c, body, n + sizeof tail - 1);
}

static void put_embedding(Conn *c) {
  char body[1024];
  int n = snprintf(body, sizeof body, "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,\"embedding\":[");
  for (int i = 0; i < 64; i++) n += snprintf(body + n, sizeof body - n, "%s0.%03d", i ? "," : "", (i * 37 + 11) % 1000);
  n += snprintf(body + n, sizeof body - n, "]}],\"model\":\"mock\",\"usage\":{\"prompt_tokens\":200,\"total_tokens\":200}}");
  put_json(c, body, n);
}

static void put_stats(Conn *c) {
  int cap = 256 + MAX_ABORTS * 40, n;
  char *body = malloc(cap);
  if (!body) die("out of memory");
  n = snprintf(body, cap, "{\"requests\":%ld,\"answers\":%ld,\"streams\":%ld,\"abandoned\":%ld,\"flood_bytes\":%lld,\"open_streams\":%d,\"peak_streams\":%d,\"aborts\":[",
               requests, answers, streams, abandoned, (long long)flood_bytes, open_streams, peak_streams);
  long count = abandoned < MAX_ABORTS ? abandoned : MAX_ABORTS;
  for (long i = abandoned - count; i < abandoned; i++)
    n += snprintf(body + n, cap - n, "%s[%u,%lld]", i > abandoned - count ? "," : "", aborts[i % MAX_ABORTS].id, (long long)aborts[i % MAX_ABORTS].at);
  n += snprintf(body + n, cap - n, "]}");
  put_json(c, body, n);
  free(body);
}

// --- answering ---------------------------------------------------------------------------------------------------

static void leave_stream(Conn *c) {
  if (c->state == STREAMING) open_streams--;
  c->state = READING;
  answers++;
}

static bool pump_flood(Conn *c) {
  while (c->out_len == 0 && c->flooded < FLOOD_CAP) {
    put(c, flood_event, flood_event_len);
    c->flooded += flood_event_len;
    flood_bytes += flood_event_len;
    if (!flush_out(c)) return false;
  }
  if (c->out_len) return true;  // the reader is slow: EPOLLOUT goes on
  put_chunk(c, true);
  put_stream_end(c);
  leave_stream(c);
  return flush_out(c);
}

static bool begin_answer(Conn *c) {
  if (!c->stream) {
    if (c->kind == EMBEDDINGS) put_embedding(c);
    else put_chat(c);
    c->state = READING;
    answers++;
    return flush_out(c);
  }
  static const char head[] =
      "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n";
  put(c, head, sizeof head - 1);
  c->state = STREAMING;
  c->sent = 0;
  c->flooded = 0;
  streams++;
  if (++open_streams > peak_streams) peak_streams = open_streams;
  if (c->flood) return flush_out(c) && pump_flood(c);
  if (c->pace_ns) {
    // A first byte that was delayed comes with its first chunk; otherwise streams start out of step.
    int64_t first = c->delay_ns ? 0 : random() % c->pace_ns;
    schedule(c, now_ns() + first);
    return flush_out(c);
  }
  for (; c->sent < c->total; c->sent++) put_chunk(c, c->sent + 1 == c->total);
  put_stream_end(c);
  leave_stream(c);
  return flush_out(c);
}

static bool feed(Conn *c);

static bool on_due(Conn *c) {
  if (c->state == WAITING) return begin_answer(c) && (c->state != READING || feed(c));
  bool last = c->sent + 1 >= c->total;
  put_chunk(c, last);
  c->sent++;
  if (!last) {
    int64_t next = c->due_ns + c->pace_ns, now = now_ns();
    schedule(c, next > now ? next : now + c->pace_ns);
    return flush_out(c);
  }
  put_stream_end(c);
  leave_stream(c);
  return flush_out(c) && feed(c);
}

// --- reading -----------------------------------------------------------------------------------------------------

static long option(const char *model, int n, char letter) {
  for (int i = 0; i + 2 < n; i++)
    if (model[i] == '-' && model[i + 1] == letter && model[i + 2] >= '0' && model[i + 2] <= '9') {
      long value = 0;
      for (int j = i + 2; j < n && model[j] >= '0' && model[j] <= '9' && value < 100000; j++) value = value * 10 + model[j] - '0';
      return value;
    }
  return 0;
}

static bool says_true(const char *body, int n, const char *name) {
  char *at = memmem(body, n, name, strlen(name));
  if (!at) return false;
  const char *end = body + n;
  for (at += strlen(name); at < end && (*at == ':' || *at == ' '); at++) {}
  return end - at >= 4 && !memcmp(at, "true", 4);
}

static void choose(Conn *c, const char *body, int n) {
  const char *model = memmem(body, n, "\"mock", 5), *end = model ? memchr(model + 1, '"', body + n - model - 1) : NULL;
  int len = end ? end - model - 1 : 0;
  c->stream = says_true(body, n, "\"stream\"");
  c->usage = says_true(body, n, "\"include_usage\"");
  c->delay_ns = len ? option(model + 1, len, 'd') * NS_PER_MS : 0;
  c->pace_ns = len ? option(model + 1, len, 'p') * NS_PER_MS : 0;
  c->total = len ? option(model + 1, len, 'c') : 0;
  if (c->total <= 0 || c->total > 10000) c->total = 100;
  c->flood = len && memmem(model + 1, len, "-flood", 6);
  c->id = next_id++;
}

static bool respond(Conn *c, const char *head, int head_len, const char *body, int n) {
  if (!strncmp(head, "GET ", 4)) {
    if (!strncmp(head + 4, "/stats", 6)) {
      put_stats(c);
      return flush_out(c) && false;  // one answer, then the connection ends
    } else {
      static const char models[] = "{\"object\":\"list\",\"data\":[{\"id\":\"mock\",\"object\":\"model\",\"owned_by\":\"bench\"}]}";
      put_json(c, models, sizeof models - 1);
    }
    return flush_out(c);
  }
  requests++;
  choose(c, body, n);
  const char *line = memchr(head, '\r', head_len);
  c->kind = memmem(head, line - head, "/embeddings", 11) ? EMBEDDINGS : CHAT;
  if (c->kind == EMBEDDINGS) c->stream = false;
  if (!c->delay_ns) return begin_answer(c);
  c->state = WAITING;
  schedule(c, now_ns() + c->delay_ns);
  return true;
}

// Take one request from the buffer; 0 when it is not whole yet, -1 when it can't be one.
static int take(Conn *c, int *head_len, int *body_at, int *body_len) {
  char *end = memmem(c->in, c->in_len, "\r\n\r\n", 4);
  if (!end) return 0;
  int head = end - c->in + 4;
  long length = 0;
  bool chunked = false;
  for (char *line = c->in; line < end; ) {
    if (!strncasecmp(line, "content-length:", 15)) length = strtol(line + 15, NULL, 10);
    if (!strncasecmp(line, "transfer-encoding:", 18)) chunked = true;
    line = (char *)memmem(line, end - line + 2, "\r\n", 2) + 2;
  }
  if (length < 0 || length > MAX_IN) return -1;
  *head_len = *body_at = head;
  if (chunked) {
    char *last = memmem(c->in + head - 2, c->in_len - head + 2, "\r\n0\r\n\r\n", 7);
    if (!last) return 0;
    *body_len = last - c->in - head;
    return last - c->in + 7;
  }
  *body_len = length;
  return c->in_len >= head + length ? head + length : 0;
}

static bool feed(Conn *c) {
  while (c->state == READING && c->in_len) {
    int head_len, body_at, body_len, whole = take(c, &head_len, &body_at, &body_len);
    if (whole < 0) return false;
    if (!whole) return true;
    bool alive = respond(c, c->in, head_len, c->in + body_at, body_len);
    memmove(c->in, c->in + whole, c->in_len - whole);
    c->in_len -= whole;
    if (!alive) return false;
  }
  return true;
}

static void drop(Conn *c) {
  if (c->state != READING) {
    if (c->state == STREAMING) open_streams--;
    aborts[abandoned % MAX_ABORTS].id = c->id;
    aborts[abandoned++ % MAX_ABORTS].at = now_ns();
  }
  unschedule(c);
  conns[c->fd] = NULL;
  close(c->fd);
  free(c->in);
  free(c->out);
  free(c);
}

static bool on_input(Conn *c) {
  if (c->in_cap - c->in_len < 32768) {
    if (c->in_cap >= 2 * MAX_IN) return false;
    c->in_cap = c->in_cap ? c->in_cap * 2 : 65536;
    c->in = realloc(c->in, c->in_cap);
    if (!c->in) die("out of memory");
  }
  ssize_t n = recv(c->fd, c->in + c->in_len, c->in_cap - c->in_len, 0);
  if (n == 0) return false;
  if (n < 0) return errno == EAGAIN;
  c->in_len += n;
  return feed(c);
}

static void welcome(int listener) {
  for (;;) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK), one = 1;
    if (fd < 0) return;
    if (fd >= MAX_FD) { close(fd); continue; }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    Conn *c = calloc(1, sizeof *c);
    if (!c) die("out of memory");
    c->fd = fd;
    c->heap_at = -1;
    conns[fd] = c;
    struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
  }
}

static int listen_on(int port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (bind(fd, (void *)&address, sizeof address) || listen(fd, 4096)) die("port %d: %s", port, strerror(errno));
  struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
  return fd;
}

int main(int argc, char **argv) {
  if (argc < 2 || argc > 9) die("usage: mock PORT [PORT ...]");
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  signal(SIGPIPE, SIG_IGN);
  srandom(7);
  epoll = epoll_create1(0);
  bool listeners[MAX_FD] = {false};
  for (int i = 1; i < argc; i++) listeners[listen_on(number("PORT", argv[i], 1, 65535))] = true;
  int n = snprintf(flood_event, sizeof flood_event, "%x\r\ndata: {\"id\":\"chatcmpl-flood\",\"object\":\"chat.completion.chunk\",\"created\":1763860000,\"model\":\"mock\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"", FLOOD_EVENT);
  static const char tail[] = "\"},\"finish_reason\":null}]}\n\n\r\n";
  int prefix = strchr(flood_event, '\n') - flood_event + 1;
  while (n < prefix + FLOOD_EVENT + 2 - (int)sizeof tail + 1) flood_event[n++] = 'x';
  memcpy(flood_event + n, tail, sizeof tail - 1);
  flood_event_len = n + sizeof tail - 1;
  static struct epoll_event events[1024];
  for (;;) {
    int64_t wait = -1;
    if (heap_len) wait = heap[0]->due_ns > now_ns() ? heap[0]->due_ns - now_ns() : 0;
    if (wait < -1 || (heap_len && wait < 0)) wait = 0;
    int count = wait_ns(epoll, events, 1024, wait);
    for (int i = 0; i < count; i++) {
      int fd = events[i].data.fd;
      if (listeners[fd]) { welcome(fd); continue; }
      Conn *c = conns[fd];
      if (!c) continue;
      bool alive = true;
      if (events[i].events & EPOLLOUT) alive = c->flood && c->state == STREAMING ? flush_out(c) && pump_flood(c) : flush_out(c);
      if (alive && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) alive = on_input(c);
      if (!alive) drop(c);
    }
    int64_t now = now_ns();
    for (int budget = heap_len; budget-- && heap_len && heap[0]->due_ns <= now; ) {
      Conn *c = heap[0];
      unschedule(c);
      if (!on_due(c)) drop(c);
    }
  }
}

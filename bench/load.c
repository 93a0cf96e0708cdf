/* load: sends one message many times over SMTP and tells how fast.
 *
 *     load PORT MESSAGE COUNT SESSIONS SECONDS
 *
 * SESSIONS connections to 127.0.0.1:PORT stay open and share COUNT transactions of one recipient
 * each. The recipients are numbered, so that every look-up is another one. PIPELINING is used when
 * the server offers it, as Postfix does. MESSAGE is a file with CRLF line ends; dots are stuffed
 * here. Wherever it says PERSONAL, each transaction writes eight digits of its own, so that no two
 * messages are the same, as in a campaign. After SECONDS the run is broken off.
 *
 * Writes one line of JSON: transactions done and failed, wall seconds, and the 50th and 99th
 * percentile of the time from MAIL to the reply after the dot, in milliseconds.
 * Exits 1 if anything failed; the first replies that were not expected go to standard error.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SENDER "news@news.acme.example"
#define RECIPIENTS 1000
#define MARK "PERSONAL"
#define MARK_SIZE (sizeof MARK - 1)

enum state { GREETING, EHLO, MAIL, RCPT, DATA, ENVELOPE, CONTENT, QUIT };

struct session {
    int fd;
    enum state state;
    bool pipelining;
    bool blocked;         /* the last write did not fit */
    int awaited;          /* replies still to come for a pipelined envelope */
    double begun;         /* when MAIL of the current transaction was sent */
    char command[256];
    char *content;        /* the message with the digits of this transaction */
    const char *out;      /* what is still to be written ... */
    size_t left;          /* ... and how much of it */
    char in[8192];
    size_t filled;
};

static char *content;
static size_t content_size;
static size_t *marks, mark_count;
static int port, count, started, finished, failed, open_sessions, poller;
static double *latency;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static void die(const char *what)
{
    perror(what);
    exit(2);
}

/* The file, dots stuffed (RFC 5321 §4.5.2), with the final dot. */
static void read_message(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        die(path);
    fseek(file, 0, SEEK_END);
    size_t size = ftell(file);
    rewind(file);
    char *raw = malloc(size);
    if (!raw || fread(raw, 1, size, file) != size)
        die(path);
    fclose(file);
    content = malloc(2 * size + 3);
    bool line_start = true;
    for (size_t i = 0; i < size; i++) {
        if (line_start && raw[i] == '.')
            content[content_size++] = '.';
        content[content_size++] = raw[i];
        line_start = raw[i] == '\n';
    }
    memcpy(content + content_size, ".\r\n", 3);
    content_size += 3;
    free(raw);
    marks = malloc((content_size / MARK_SIZE + 1) * sizeof *marks);
    for (size_t i = 0; i + MARK_SIZE <= content_size; i++)
        if (!memcmp(content + i, MARK, MARK_SIZE))
            marks[mark_count++] = i;
}

/* The session's own copy of the message, with the number of this transaction in it. */
static const char *personal(struct session *s)
{
    char digits[MARK_SIZE + 1];
    if (!s->content) {
        s->content = malloc(content_size);
        memcpy(s->content, content, content_size);
    }
    snprintf(digits, sizeof digits, "%08d", started);
    for (size_t i = 0; i < mark_count; i++)
        memcpy(s->content + marks[i], digits, MARK_SIZE);
    return s->content;
}

static void watch(struct session *s, int operation)
{
    struct epoll_event event = {.events = EPOLLIN | (s->blocked ? EPOLLOUT : 0), .data.ptr = s};
    epoll_ctl(poller, operation, s->fd, &event);
}

static void write_on(struct session *s)
{
    while (s->left) {
        ssize_t n = send(s->fd, s->out, s->left, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0)
            break; /* full, or gone: the reader will see which */
        s->out += n;
        s->left -= n;
    }
    if (s->blocked != (s->left > 0)) {
        s->blocked = s->left > 0;
        watch(s, EPOLL_CTL_MOD);
    }
}

static void say(struct session *s, enum state next, const char *octets, size_t size)
{
    s->state = next;
    s->out = octets;
    s->left = size;
    write_on(s);
}

static void command(struct session *s, enum state next, const char *text)
{
    if (text != s->command)
        snprintf(s->command, sizeof s->command, "%s", text);
    say(s, next, s->command, strlen(s->command));
}

static void begin(struct session *s)
{
    int reader = started++ % RECIPIENTS;
    s->begun = now();
    if (!s->pipelining) {
        command(s, MAIL, "MAIL FROM:<" SENDER ">\r\n");
        return;
    }
    snprintf(s->command, sizeof s->command,
             "MAIL FROM:<" SENDER ">\r\nRCPT TO:<reader%d@example.org>\r\nDATA\r\n", reader);
    s->awaited = 3;
    command(s, ENVELOPE, s->command);
}

static void hang_up(struct session *s)
{
    close(s->fd);
    s->fd = -1;
    open_sessions--;
}

static void complain(struct session *s, const char *reply)
{
    if (failed++ < 3)
        fprintf(stderr, "load: in state %d: %s\n", s->state, reply);
    command(s, QUIT, "QUIT\r\n");
}

static void on_reply(struct session *s, const char *reply)
{
    int class = reply[0] - '0';
    if (class > 3 && s->state != QUIT) {
        complain(s, reply);
        return;
    }
    switch (s->state) {
    case GREETING:
        command(s, EHLO, "EHLO load.example\r\n");
        break;
    case EHLO:
        begin(s);
        break;
    case MAIL:
        snprintf(s->command, sizeof s->command, "RCPT TO:<reader%d@example.org>\r\n",
                 started % RECIPIENTS);
        command(s, RCPT, s->command);
        break;
    case RCPT:
        command(s, DATA, "DATA\r\n");
        break;
    case ENVELOPE:
        if (--s->awaited)
            break;
        /* fall through */
    case DATA:
        say(s, CONTENT, personal(s), content_size);
        break;
    case CONTENT:
        latency[finished++] = now() - s->begun;
        if (started < count)
            begin(s);
        else
            command(s, QUIT, "QUIT\r\n");
        break;
    case QUIT:
        hang_up(s);
        break;
    }
}

static void read_on(struct session *s)
{
    ssize_t n = recv(s->fd, s->in + s->filled, sizeof s->in - 1 - s->filled, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        failed += s->state != QUIT;
        hang_up(s);
        return;
    }
    s->filled += n;
    char *line = s->in, *end;
    while (s->fd >= 0 && (end = memchr(line, '\n', s->in + s->filled - line))) {
        *end = 0;
        if (s->state == EHLO && strstr(line, "PIPELINING"))
            s->pipelining = true;
        if (end - line < 4 || line[3] != '-')
            on_reply(s, line);
        line = end + 1;
    }
    s->filled = s->in + s->filled - line;
    memmove(s->in, line, s->filled);
}

static void dial(struct session *s)
{
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, "127.0.0.1", &there.sin_addr);
    int one = 1;
    s->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (s->fd < 0 || connect(s->fd, (struct sockaddr *)&there, sizeof there))
        die("connect");
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    watch(s, EPOLL_CTL_ADD);
    open_sessions++;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double percentile(double share)
{
    return finished ? latency[(int)((finished - 1) * share)] * 1e3 : 0;
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: load PORT MESSAGE COUNT SESSIONS SECONDS\n");
        return 64;
    }
    port = atoi(argv[1]);
    read_message(argv[2]);
    count = atoi(argv[3]);
    int sessions = atoi(argv[4]);
    double limit = atof(argv[5]);
    latency = calloc(count + sessions, sizeof *latency);
    poller = epoll_create1(0);
    struct session *all = calloc(sessions, sizeof *all);

    double start = now();
    for (int i = 0; i < sessions && i < count; i++)
        dial(all + i);
    while (open_sessions > 0 && now() - start < limit) {
        struct epoll_event events[256];
        int ready = epoll_wait(poller, events, 256, 1000);
        for (int i = 0; i < ready; i++) {
            struct session *s = events[i].data.ptr;
            if (s->fd >= 0 && events[i].events & EPOLLOUT)
                write_on(s);
            if (s->fd >= 0 && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                read_on(s);
        }
    }
    double wall = now() - start;
    failed += count - finished > failed ? count - finished - failed : 0;
    qsort(latency, finished, sizeof *latency, ascending);
    printf("{\"done\": %d, \"failed\": %d, \"seconds\": %.4f, \"p50\": %.3f, \"p99\": %.3f}\n",
           finished, failed, wall, percentile(.5), percentile(.99));
    return failed ? 1 : 0;
}

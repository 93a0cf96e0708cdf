/* click: one-click POSTs over HTTP/1.1, as mailbox providers send them, and how fast they are answered.
 *
 *     click PORT PATHS SESSIONS SECONDS
 *
 * PATHS is a file with one path a line; each is POSTed once. SESSIONS connections to 127.0.0.1:PORT
 * stay open and share them. Every request comes from another client, as X-Forwarded-For says: we
 * stand where the reverse proxy does. After SECONDS the run is broken off.
 *
 * Writes one line of JSON: requests done and failed, wall seconds, and the 50th and 99th percentile
 * of the time from the request to the whole answer, in milliseconds. Whatever is not 200 failed.
 * Exits 1 if anything failed; the first answers that were not expected go to standard error.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BODY "List-Unsubscribe=One-Click"

struct session {
    int fd;
    double begun;
    char in[8192];
    size_t filled;
};

static char **paths;
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

static void read_paths(const char *name)
{
    FILE *file = fopen(name, "r");
    char *line = NULL;
    size_t room = 0;
    ssize_t size;
    if (!file)
        die(name);
    while ((size = getline(&line, &room, file)) > 1) {
        line[size - 1] = 0;
        paths = realloc(paths, (count + 1) * sizeof *paths);
        paths[count++] = strdup(line);
    }
    free(line);
    fclose(file);
}

static void hang_up(struct session *s)
{
    close(s->fd);
    s->fd = -1;
    open_sessions--;
}

static void click(struct session *s)
{
    char out[2048];
    if (started == count) {
        hang_up(s);
        return;
    }
    int who = started++;
    int size = snprintf(out, sizeof out,
                        "POST %s HTTP/1.1\r\n"
                        "Host: u.acme.example\r\n"
                        "Content-Type: application/x-www-form-urlencoded\r\n"
                        "Content-Length: %zu\r\n"
                        "User-Agent: Mozilla/5.0 (one-click)\r\n"
                        "Accept-Encoding: gzip, deflate\r\n"
                        "X-Forwarded-For: 10.%d.%d.%d\r\n"
                        "\r\n" BODY,
                        paths[who], strlen(BODY), who >> 16 & 255, who >> 8 & 255, who & 255);
    s->begun = now();
    s->filled = 0;
    /* An answer was read whole: there is room for a request in the socket. */
    if (size >= (int)sizeof out || send(s->fd, out, size, MSG_NOSIGNAL | MSG_DONTWAIT) != size) {
        failed++;
        hang_up(s);
    }
}

static void read_on(struct session *s)
{
    ssize_t n = recv(s->fd, s->in + s->filled, sizeof s->in - 1 - s->filled, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        if (failed++ < 3)
            fprintf(stderr, "click: the server hung up: %.*s\n", (int)s->filled, s->in);
        hang_up(s);
        return;
    }
    s->filled += n;
    s->in[s->filled] = 0;
    char *body = strstr(s->in, "\r\n\r\n"), *length = strcasestr(s->in, "\r\ncontent-length:");
    if (!body)
        return;
    size_t whole = body + 4 - s->in + (length && length < body ? atoi(length + 17) : 0);
    if (s->filled < whole)
        return;
    if (strncmp(s->in, "HTTP/1.1 200 ", 13)) {
        if (failed++ < 3)
            fprintf(stderr, "click: %s\n", s->in);
        hang_up(s);
        return;
    }
    latency[finished++] = now() - s->begun;
    click(s);
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
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = s};
    epoll_ctl(poller, EPOLL_CTL_ADD, s->fd, &event);
    open_sessions++;
    click(s);
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
    if (argc != 5) {
        fprintf(stderr, "usage: click PORT PATHS SESSIONS SECONDS\n");
        return 64;
    }
    port = atoi(argv[1]);
    read_paths(argv[2]);
    int sessions = atoi(argv[3]);
    double limit = atof(argv[4]);
    latency = calloc(count + 1, sizeof *latency);
    poller = epoll_create1(0);
    struct session *all = calloc(sessions, sizeof *all);

    double start = now();
    for (int i = 0; i < sessions && i < count; i++)
        dial(all + i);
    while (open_sessions > 0 && now() - start < limit) {
        struct epoll_event events[256];
        int ready = epoll_wait(poller, events, 256, 1000);
        for (int i = 0; i < ready; i++)
            read_on(events[i].data.ptr);
    }
    double wall = now() - start;
    failed = count - finished;
    qsort(latency, finished, sizeof *latency, ascending);
    printf("{\"done\": %d, \"failed\": %d, \"seconds\": %.4f, \"p50\": %.3f, \"p99\": %.3f}\n",
           finished, failed, wall, percentile(.5), percentile(.99));
    return failed ? 1 : 0;
}

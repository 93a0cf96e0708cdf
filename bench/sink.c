/* sink: an SMTP server that accepts everything, counts it and throws it away.
 *
 *     sink PORT [FILE]
 *
 * Listens on 127.0.0.1:PORT, with PIPELINING, until it is ended by a signal. The first message is
 * written to FILE, as it came (dots still stuffed), so that its signature can be verified. The
 * command XCOUNT is answered with the number of messages so far: `250 1234`.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER (256 * 1024)

struct session {
    int fd;
    bool content;      /* after 354 */
    bool fresh;        /* nothing of the content was read yet, so a dot may stand first */
    bool over;
    size_t filled;
    size_t answered;
    char answers[8192];
    char in[BUFFER];
};

static long messages;
static FILE *first;

static void answer(struct session *s, const char *reply)
{
    size_t size = strlen(reply);
    if (s->answered + size <= sizeof s->answers) {
        memcpy(s->answers + s->answered, reply, size);
        s->answered += size;
    }
}

static void keep(const char *octets, size_t size)
{
    if (first && !messages)
        fwrite(octets, 1, size, first);
}

/* Reads content; how many octets of it were used up. */
static size_t on_content(struct session *s, const char *octets, size_t size)
{
    bool empty = s->fresh && size >= 3 && !memcmp(octets, ".\r\n", 3);
    const char *end = empty ? octets - 2 : memmem(octets, size, "\r\n.\r\n", 5);
    if (!end) {
        size_t sure = size > 4 ? size - 4 : 0; /* the end may lie across two reads */
        keep(octets, sure);
        s->fresh = s->fresh && !sure;
        return sure;
    }
    keep(octets, empty ? 0 : end + 2 - octets);
    if (first && !messages)
        fflush(first);
    messages++;
    s->content = false;
    answer(s, "250 2.0.0 Ok: thrown away\r\n");
    return end + 5 - octets;
}

static void on_command(struct session *s, const char *line)
{
    char reply[64];
    if (!strncasecmp(line, "EHLO", 4)) {
        answer(s, "250-sink.example\r\n250-PIPELINING\r\n250-SIZE 52428800\r\n250-8BITMIME\r\n"
                  "250-ENHANCEDSTATUSCODES\r\n250-DSN\r\n250 SMTPUTF8\r\n");
    } else if (!strncasecmp(line, "DATA", 4)) {
        s->content = s->fresh = true;
        answer(s, "354 Go on\r\n");
    } else if (!strncasecmp(line, "QUIT", 4)) {
        s->over = true;
        answer(s, "221 2.0.0 Bye\r\n");
    } else if (!strncasecmp(line, "XCOUNT", 6)) {
        snprintf(reply, sizeof reply, "250 %ld\r\n", messages);
        answer(s, reply);
    } else {
        answer(s, "250 2.1.0 Ok\r\n");
    }
}

static void on_octets(struct session *s)
{
    size_t at = 0;
    for (;;) {
        if (s->content) {
            at += on_content(s, s->in + at, s->filled - at);
            if (s->content)
                break;
        } else {
            char *end = memchr(s->in + at, '\n', s->filled - at);
            if (!end)
                break;
            on_command(s, s->in + at);
            at = end + 1 - s->in;
        }
    }
    s->filled -= at;
    memmove(s->in, s->in + at, s->filled);
}

static void serve(struct session *s)
{
    ssize_t n = recv(s->fd, s->in + s->filled, BUFFER - s->filled, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n > 0) {
        s->filled += n;
        on_octets(s);
        if (s->answered)
            send(s->fd, s->answers, s->answered, MSG_NOSIGNAL);
        s->answered = 0;
    }
    if (n <= 0 || s->over) {
        close(s->fd);
        free(s);
    }
}

static void greet(int poller, int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK), one = 1;
    if (fd < 0)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct session *s = malloc(sizeof *s);
    memset(s, 0, offsetof(struct session, answers));
    s->fd = fd;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = s};
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
    send(fd, "220 sink.example ESMTP\r\n", 24, MSG_NOSIGNAL);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: sink PORT [FILE]\n");
        return 64;
    }
    first = argc > 2 ? fopen(argv[2], "wb") : NULL;
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
    inet_pton(AF_INET, "127.0.0.1", &here.sin_addr);
    int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1, poller = epoll_create1(0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&here, sizeof here) || listen(listener, 4096)) {
        perror("sink");
        return 69;
    }
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, events[256];
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int ready = epoll_wait(poller, events, 256, -1);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.ptr)
                serve(events[i].data.ptr);
            else
                greet(poller, listener);
        }
    }
}

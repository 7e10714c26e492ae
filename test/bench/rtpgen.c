// rtpgen: sends and receives RTP, and measures what lies between. One thread, sendmmsg and recvmmsg,
// the kernel's receive timestamps. Loopback only. Prints one JSON object.
//
// usage: rtpgen -t TABLE -d SECONDS [-w SECONDS before latency counts] [-q FIRST_SEQUENCE]
// TABLE:  sock INDEX IP PORT                       a socket to bind; indexes from 0, without gaps
//         flow SOCK DST_IP DST_PORT TYPE SSRC      50 packets a second of 160 bytes
//
// Every payload carries the time of its sending, so latency needs no state; a flow's sequence numbers and
// timestamps follow -q, so that a second run of the same calls goes on where the first one ended.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_SOCKETS = 4096,
    MAX_FLOWS = 65536,
    BATCH = 64,
    SLOTS = 80,                        // parts of the 20 ms in which packets leave
    HEADER = 12,
    PAYLOAD = 160,                     // 20 ms of G.711
    PERIOD_NS = 20 * 1000 * 1000,
    MOST_SAMPLES = 20 * 1000 * 1000,
    SECOND_NS = 1000 * 1000 * 1000,
};
static const uint32_t MAGIC = 0x52545042;

typedef struct {
    int socket;
    struct sockaddr_in to;
    uint8_t type;
    uint16_t sequence;
    uint32_t timestamp, ssrc;
} flow_t;

static int sockets[MAX_SOCKETS], socket_count;
static flow_t flows[MAX_FLOWS];
static int flow_count;
static uint32_t first_sequence = 1000;

static uint32_t *samples;              // latencies in ns
static size_t sample_count;
static uint64_t sent, received, send_errors, late_slots, measure_from;

static uint64_t now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * (uint64_t)SECOND_NS + t.tv_nsec;
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static struct sockaddr_in loopback(const char *ip, int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    if (inet_pton(AF_INET, ip, &address.sin_addr) != 1 || ntohl(address.sin_addr.s_addr) >> 24 != 127) {
        fprintf(stderr, "%s: loopback only\n", ip);
        exit(1);
    }
    return address;
}

static int bound_socket(const char *ip, int port)
{
    struct sockaddr_in address = loopback(ip, port);
    int buffer = 8 << 20, on = 1, s = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer))
        setsockopt(s, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    setsockopt(s, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    if (bind(s, (struct sockaddr *)&address, sizeof address))
        fail("bind");
    return s;
}

static void load(const char *path)
{
    FILE *file = fopen(path, "r");
    char line[256], ip[64];
    int index, port;
    unsigned type, ssrc;
    if (!file)
        fail(path);
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "sock %d %63s %d", &index, ip, &port) == 3 && index == socket_count && index < MAX_SOCKETS) {
            sockets[socket_count++] = bound_socket(ip, port);
        } else if (sscanf(line, "flow %d %63s %d %u %u", &index, ip, &port, &type, &ssrc) == 5 && flow_count < MAX_FLOWS) {
            flows[flow_count++] = (flow_t){index, loopback(ip, port), type, first_sequence, first_sequence * PAYLOAD, ssrc};
        } else {
            fprintf(stderr, "not understood: %s", line);
            exit(1);
        }
    }
    fclose(file);
}

// --- out

typedef struct {
    uint8_t bytes[BATCH][HEADER + PAYLOAD];
    struct iovec parts[BATCH];
    struct mmsghdr messages[BATCH];
    int count, socket;
} batch_t;

static void put(batch_t *batch, flow_t *flow)
{
    uint8_t *p = batch->bytes[batch->count];
    uint32_t timestamp = htonl(flow->timestamp), ssrc = htonl(flow->ssrc);
    uint16_t sequence = htons(flow->sequence);
    p[0] = 0x80;
    p[1] = flow->type;
    memcpy(p + 2, &sequence, 2);
    memcpy(p + 4, &timestamp, 4);
    memcpy(p + 8, &ssrc, 4);
    memset(p + HEADER, 0xd5, PAYLOAD);
    batch->parts[batch->count] = (struct iovec){p, HEADER + PAYLOAD};
    batch->messages[batch->count].msg_hdr = (struct msghdr){
        .msg_name = &flow->to, .msg_namelen = sizeof flow->to, .msg_iov = &batch->parts[batch->count], .msg_iovlen = 1};
    batch->count++;
    flow->sequence++;
    flow->timestamp += PAYLOAD;
}

static void flush(batch_t *batch)
{
    uint64_t at = now(CLOCK_REALTIME);
    for (int i = 0; i < batch->count; i++) {
        memcpy(batch->bytes[i] + HEADER, &MAGIC, 4);
        memcpy(batch->bytes[i] + HEADER + 4, &at, 8);
    }
    for (int done = 0; done < batch->count;) {
        int n = sendmmsg(sockets[batch->socket], batch->messages + done, batch->count - done, 0);
        if (n < 0 && errno == EINTR)
            continue;
        send_errors += n < 0;
        sent += n < 0 ? 0 : n;
        done += n < 0 ? 1 : n;
    }
    batch->count = 0;
}

// The flows of one slot; neighbours on the same socket share a batch.
static void send_slot(int slot)
{
    static batch_t batch;
    for (int i = slot; i < flow_count; i += SLOTS) {
        if (batch.count == BATCH || (batch.count && batch.socket != flows[i].socket))
            flush(&batch);
        batch.socket = flows[i].socket;
        put(&batch, &flows[i]);
    }
    if (batch.count)
        flush(&batch);
}

// --- in

static uint64_t received_at(struct msghdr *message)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec t;
            memcpy(&t, CMSG_DATA(c), sizeof t);
            return t.tv_sec * (uint64_t)SECOND_NS + t.tv_nsec;
        }
    }
    return now(CLOCK_REALTIME);
}

static void take(const uint8_t *p, unsigned length, struct msghdr *message)
{
    uint32_t magic;
    uint64_t at = received_at(message), sent_at;
    if (length < HEADER + 12 || p[0] >> 6 != 2 || (p[1] >= 192 && p[1] <= 223))      // RTCP is not counted
        return;
    received++;
    memcpy(&magic, p + HEADER, 4);
    memcpy(&sent_at, p + HEADER + 4, 8);
    if (magic == MAGIC && at > sent_at && at > measure_from && at - sent_at < 4ull * SECOND_NS && sample_count < MOST_SAMPLES)
        samples[sample_count++] = at - sent_at;
}

static void drain(void)
{
    static uint8_t bytes[BATCH][1600], control[BATCH][64];
    struct mmsghdr messages[BATCH];
    struct iovec parts[BATCH];
    for (int s = 0; s < socket_count; s++) {
        int n;
        do {
            for (int i = 0; i < BATCH; i++) {
                parts[i] = (struct iovec){bytes[i], sizeof bytes[i]};
                messages[i].msg_hdr = (struct msghdr){
                    .msg_iov = &parts[i], .msg_iovlen = 1, .msg_control = control[i], .msg_controllen = sizeof control[i]};
            }
            n = recvmmsg(sockets[s], messages, BATCH, MSG_DONTWAIT, NULL);
            for (int i = 0; i < n; i++)
                take(bytes[i], messages[i].msg_len, &messages[i].msg_hdr);
        } while (n == BATCH);
    }
}

// --- all

static void run(double seconds)
{
    uint64_t start = now(CLOCK_MONOTONIC) + 1000000, step = PERIOD_NS / SLOTS;
    uint64_t slots = (uint64_t)(seconds * SECOND_NS / step);
    for (uint64_t k = 0; k < slots; k++) {
        uint64_t due = start + k * step;
        late_slots += now(CLOCK_MONOTONIC) > due + 5000000;
        struct timespec t = {due / SECOND_NS, due % SECOND_NS};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
        send_slot(k % SLOTS);
        if (k % 2 == 0)
            drain();
    }
    for (int i = 0; i < 300; i++) {
        usleep(1000);
        drain();
    }
}

static int ascending(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static double quantile(double share)
{
    return sample_count ? samples[(size_t)((sample_count - 1) * share)] / 1000.0 : -1;
}

int main(int argc, char **argv)
{
    const char *table = NULL;
    double seconds = 10, warm = 0.5;
    int option;
    while ((option = getopt(argc, argv, "t:d:w:q:")) > 0) {
        switch (option) {
        case 't': table = optarg; break;
        case 'd': seconds = atof(optarg); break;
        case 'w': warm = atof(optarg); break;
        case 'q': first_sequence = atoi(optarg); break;
        default: return 2;
        }
    }
    if (!table || seconds > 300) {
        fprintf(stderr, "usage: rtpgen -t TABLE -d SECONDS (at most 300) [-w SECONDS] [-q SEQUENCE]\n");
        return 2;
    }
    samples = malloc(MOST_SAMPLES * sizeof *samples);
    if (!samples)
        fail("malloc");
    load(table);
    prctl(PR_SET_TIMERSLACK, 1);
    measure_from = now(CLOCK_REALTIME) + (uint64_t)(warm * SECOND_NS);
    run(seconds);
    qsort(samples, sample_count, sizeof *samples, ascending);
    printf("{\"flows\":%d,\"sent\":%lu,\"send_errors\":%lu,\"received\":%lu,\"late_slots\":%lu,\"samples\":%zu,"
           "\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f}\n",
           flow_count, sent, send_errors, received, late_slots, sample_count, quantile(.5), quantile(.9), quantile(.99),
           quantile(.999), quantile(1));
    return 0;
}

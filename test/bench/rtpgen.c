// rtpgen: sends and receives RTP, and measures what lies between. One thread, sendmmsg and recvmmsg,
// the kernel's receive timestamps. Loopback only. Prints one JSON object.
//
// Built with -lcrypto.
//
// usage: rtpgen -t TABLE -d SECONDS [-w SECONDS before latency counts] [-q FIRST_SEQUENCE]
// TABLE:  sock INDEX IP PORT                       a socket to bind; indexes from 0, without gaps
//         flow SOCK DST_IP DST_PORT TYPE SSRC [KEY]  50 packets a second of 160 bytes
//         key SSRC KEY                             what comes from this source is protected
//         packets TYPE STEP FILE [as TYPE]         flows of this type, listed after it, say what the file has, again and
//                                                  again: two octets of length (most significant first) and a payload each;
//                                                  their timestamps go by STEP. They are not protected and not timed. With
//                                                  `as` their packets have that type
// KEY is 60 hex digits, master key and salt of AES_CM_128_HMAC_SHA1_80 (RFC 3711); sequences do not roll over. Every tag
// is made, and that of every fiftieth packet is looked at.
//
// Every payload carries the time of its sending, so latency needs no state; a flow's sequence numbers and
// timestamps follow -q, so that a second run of the same calls goes on where the first one ended.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
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
    TAG = 10,
    PERIOD_NS = 20 * 1000 * 1000,
    MOST_SAMPLES = 20 * 1000 * 1000,
    SECOND_NS = 1000 * 1000 * 1000,
};
static const uint32_t MAGIC = 0x52545042;

typedef struct {
    EVP_CIPHER_CTX *aes;
    uint8_t salt[16], authentication[20];
    uint32_t ssrc;
    unsigned taken;
} secret_t;

// What flows of a payload type say.
typedef struct {
    uint8_t *bytes;
    size_t *starts, count;
    uint32_t step;
    uint8_t type;
} speech_t;

typedef struct {
    int socket;
    struct sockaddr_in to;
    uint8_t type;
    uint16_t sequence;
    uint32_t timestamp, ssrc;
    secret_t *secret;
} flow_t;

static int sockets[MAX_SOCKETS], socket_count;
static flow_t flows[MAX_FLOWS];
static int flow_count;
static uint32_t first_sequence = 1000;

static uint32_t *samples;              // latencies in ns
static size_t sample_count;
static uint64_t sent, received, send_errors, late_slots, measure_from;
static secret_t *secrets[65536];       // of what comes, by the lower half of the source
static uint64_t verified, forged;
static uint64_t varied;                // packets whose payload is not the same octet throughout
static speech_t speeches[128];         // by payload type; without one it is a constant, with the time

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

// --- SRTP

static EVP_CIPHER_CTX *aes_of(const uint8_t *key)
{
    EVP_CIPHER_CTX *aes = EVP_CIPHER_CTX_new();
    if (!aes || !EVP_EncryptInit_ex(aes, EVP_aes_128_ecb(), NULL, key, NULL) || !EVP_CIPHER_CTX_set_padding(aes, 0))
        fail("AES");
    return aes;
}

// Blocks of key stream from a counter whose last two octets count.
static void stream(EVP_CIPHER_CTX *aes, const uint8_t counter[16], uint8_t *out, int blocks)
{
    uint8_t in[(PAYLOAD / 16 + 1) * 16];
    int length;
    for (int i = 0; i < blocks; i++) {
        memcpy(in + 16 * i, counter, 14);
        in[16 * i + 14] = 0;
        in[16 * i + 15] = i;
    }
    EVP_EncryptUpdate(aes, out, &length, in, 16 * blocks);
}

static void derive(EVP_CIPHER_CTX *aes, const uint8_t *salt, int label, uint8_t *out, int length)
{
    uint8_t counter[16] = {0}, derived[32];
    memcpy(counter, salt, 14);
    counter[7] ^= label;
    stream(aes, counter, derived, 2);
    memcpy(out, derived, length);
}

static secret_t *secret_of(const char *hex, uint32_t ssrc)
{
    secret_t *secret = calloc(1, sizeof *secret);
    uint8_t material[30], key[16];
    unsigned octet;
    for (int i = 0; i < 30; i++) {
        if (sscanf(hex + 2 * i, "%2x", &octet) != 1) {
            fprintf(stderr, "no key: %s\n", hex);
            exit(1);
        }
        material[i] = octet;
    }
    EVP_CIPHER_CTX *master = aes_of(material);
    derive(master, material + 16, 0, key, 16);
    derive(master, material + 16, 1, secret->authentication, 20);
    derive(master, material + 16, 2, secret->salt, 14);
    secret->aes = aes_of(key);
    secret->ssrc = ssrc;
    return secret;
}

static void key_stream(secret_t *secret, const uint8_t *packet, uint8_t *out, int blocks)
{
    uint8_t counter[16] = {0};
    memcpy(counter, secret->salt, 14);
    for (int i = 0; i < 4; i++)
        counter[4 + i] ^= packet[8 + i];
    counter[12] ^= packet[2];
    counter[13] ^= packet[3];
    stream(secret->aes, counter, out, blocks);
}

static void tag_of(secret_t *secret, const uint8_t *packet, unsigned length, uint8_t *tag)
{
    uint8_t whole[HEADER + PAYLOAD + 4] = {0}, code[20];
    unsigned size;
    memcpy(whole, packet, length);
    HMAC(EVP_sha1(), secret->authentication, 20, whole, length + 4, code, &size);
    memcpy(tag, code, TAG);
}

static void protect(secret_t *secret, uint8_t *packet)
{
    uint8_t stream[PAYLOAD];
    key_stream(secret, packet, stream, PAYLOAD / 16);
    for (int i = 0; i < PAYLOAD; i++)
        packet[HEADER + i] ^= stream[i];
    tag_of(secret, packet, HEADER + PAYLOAD, packet + HEADER + PAYLOAD);
}

// Opens as much of a packet as is read.
static int unprotect(secret_t *secret, uint8_t *packet, unsigned length)
{
    uint8_t stream[16], tag[TAG];
    if (length != HEADER + PAYLOAD + TAG)
        return 0;
    if (secret->taken++ % 50 == 0) {
        tag_of(secret, packet, HEADER + PAYLOAD, tag);
        if (memcmp(tag, packet + HEADER + PAYLOAD, TAG))
            return 0;
        verified++;
    }
    key_stream(secret, packet, stream, 1);
    for (int i = 0; i < 16; i++)
        packet[HEADER + i] ^= stream[i];
    return 1;
}

static void read_speech(speech_t *speech, uint32_t step, const char *path, uint8_t type)
{
    static uint8_t bytes[4 << 20];
    FILE *file = fopen(path, "rb");
    if (!file)
        fail(path);
    size_t size = fread(bytes, 1, sizeof bytes, file), length;
    fclose(file);
    speech->bytes = malloc(size);
    speech->starts = malloc((size / 2 + 1) * sizeof *speech->starts);
    if (!speech->bytes || !speech->starts)
        fail("malloc");
    memcpy(speech->bytes, bytes, size);
    for (size_t at = 0; at + 2 <= size; at += 2 + length) {
        length = bytes[at] << 8 | bytes[at + 1];
        if (length > PAYLOAD || at + 2 + length > size) {
            fprintf(stderr, "%s: packets of at most %d octets\n", path, PAYLOAD);
            exit(1);
        }
        speech->starts[speech->count++] = at;
    }
    speech->step = step;
    speech->type = type;
}

static uint32_t step_of(unsigned type)
{
    return speeches[type & 127].count ? speeches[type & 127].step : PAYLOAD;
}

static void load(const char *path)
{
    FILE *file = fopen(path, "r");
    char line[512], ip[64], named[256];
    int index, port;
    char key[64];
    unsigned type, ssrc, step, as;
    int words;
    if (!file)
        fail(path);
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "sock %d %63s %d", &index, ip, &port) == 3 && index == socket_count && index < MAX_SOCKETS) {
            sockets[socket_count++] = bound_socket(ip, port);
        } else if ((words = sscanf(line, "flow %d %63s %d %u %u %60s", &index, ip, &port, &type, &ssrc, key)) >= 5 && flow_count < MAX_FLOWS) {
            secret_t *secret = words == 6 ? secret_of(key, ssrc) : NULL;
            flows[flow_count++] = (flow_t){index, loopback(ip, port), type, first_sequence, first_sequence * step_of(type), ssrc, secret};
        } else if ((words = sscanf(line, "packets %u %u %255s as %u", &type, &step, named, &as)) >= 3 && type < 128) {
            read_speech(&speeches[type], step, named, words == 4 ? as : type);
        } else if (sscanf(line, "key %u %60s", &ssrc, key) == 2) {
            secrets[ssrc & 0xffff] = secret_of(key, ssrc);
        } else {
            fprintf(stderr, "not understood: %s", line);
            exit(1);
        }
    }
    fclose(file);
}

// --- out

typedef struct {
    uint8_t bytes[BATCH][HEADER + PAYLOAD + TAG];
    secret_t *secrets[BATCH];
    int timed[BATCH];
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
    speech_t *speech = &speeches[flow->type];
    size_t length = PAYLOAD;
    batch->timed[batch->count] = !speech->count;
    batch->secrets[batch->count] = speech->count ? NULL : flow->secret;
    if (speech->count) {
        p[1] = speech->type;
        uint8_t *said = speech->bytes + speech->starts[(flow->sequence + flow->ssrc) % speech->count];
        length = said[0] << 8 | said[1];
        memcpy(p + HEADER, said + 2, length);
    } else {
        memset(p + HEADER, 0xd5, PAYLOAD);
    }
    batch->parts[batch->count] = (struct iovec){p, HEADER + length + (batch->secrets[batch->count] ? TAG : 0)};
    batch->messages[batch->count].msg_hdr = (struct msghdr){
        .msg_name = &flow->to, .msg_namelen = sizeof flow->to, .msg_iov = &batch->parts[batch->count], .msg_iovlen = 1};
    batch->count++;
    flow->sequence++;
    flow->timestamp += step_of(flow->type);
}

static void flush(batch_t *batch)
{
    uint64_t at = now(CLOCK_REALTIME);
    for (int i = 0; i < batch->count; i++) {
        if (!batch->timed[i])
            continue;
        memcpy(batch->bytes[i] + HEADER, &MAGIC, 4);
        memcpy(batch->bytes[i] + HEADER + 4, &at, 8);
        if (batch->secrets[i])
            protect(batch->secrets[i], batch->bytes[i]);
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

static void take(uint8_t *p, unsigned length, struct msghdr *message)
{
    uint32_t magic, ssrc;
    uint64_t at = received_at(message), sent_at;
    if (length <= HEADER || p[0] >> 6 != 2 || (p[1] >= 192 && p[1] <= 223))      // RTCP is not counted
        return;
    memcpy(&ssrc, p + 8, 4);
    secret_t *secret = secrets[ntohl(ssrc) & 0xffff];
    if (secret && secret->ssrc == ntohl(ssrc) && !unprotect(secret, p, length)) {
        forged++;
        return;
    }
    received++;
    if (length < HEADER + 12)                 // a pause in Opus is a byte or two
        return;
    varied += memcmp(p + HEADER, p + HEADER + 1, length - HEADER - 1) != 0;
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
           "\"varied\":%lu,\"verified\":%lu,\"forged\":%lu,\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f}\n",
           flow_count, sent, send_errors, received, late_slots, sample_count, varied, verified, forged, quantile(.5), quantile(.9), quantile(.99),
           quantile(.999), quantile(1));
    return 0;
}

// dtls: handshakes of DTLS-SRTP clients, one after the other. Loopback only.
//
// Built with -lssl -lcrypto.
//
// usage: dtls CERTIFICATE KEY < lines of "LOCAL_PORT IP PORT"
// Prints for each the hex digits of master key and salt of AES_CM_128_HMAC_SHA1_80: the client's, the server's (RFC 5764
// §4.2). Whose certificate comes back is not looked at.
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { KEY = 16, SALT = 14, TRIES = 5 };

static int any(int ok, X509_STORE_CTX *store)
{
    (void)ok, (void)store;
    return 1;
}

static void print(const unsigned char *material, int side)
{
    for (int i = 0; i < KEY; i++)
        printf("%02x", material[side * KEY + i]);
    for (int i = 0; i < SALT; i++)
        printf("%02x", material[2 * KEY + side * SALT + i]);
}

static int shake_hands(SSL_CTX *context, int local, const char *ip, int port)
{
    int s = socket(AF_INET, SOCK_DGRAM, 0), tries = 0;
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_port = htons(local)};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, "127.0.0.1", &from.sin_addr);
    if (inet_pton(AF_INET, ip, &to.sin_addr) != 1 || ntohl(to.sin_addr.s_addr) >> 24 != 127) {
        fprintf(stderr, "%s: loopback only\n", ip);
        return 0;
    }
    if (bind(s, (struct sockaddr *)&from, sizeof from) || connect(s, (struct sockaddr *)&to, sizeof to)) {
        perror("bind");
        return 0;
    }
    SSL *ssl = SSL_new(context);
    BIO *wire = BIO_new_dgram(s, BIO_CLOSE);
    struct timeval patience = {1, 0};
    BIO_ctrl(wire, BIO_CTRL_DGRAM_SET_CONNECTED, 0, &to);
    BIO_ctrl(wire, BIO_CTRL_DGRAM_SET_RECV_TIMEOUT, 0, &patience);
    SSL_set_bio(ssl, wire, wire);
    int result;
    while ((result = SSL_connect(ssl)) != 1 && tries++ < TRIES) {
        int error = SSL_get_error(ssl, result);
        if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
            break;
        DTLSv1_handle_timeout(ssl);
    }
    unsigned char material[2 * (KEY + SALT)];
    int done = result == 1 &&
        SSL_export_keying_material(ssl, material, sizeof material, "EXTRACTOR-dtls_srtp", 19, NULL, 0, 0) == 1;
    if (done) {
        print(material, 0);
        putchar(' ');
        print(material, 1);
        putchar('\n');
    } else {
        ERR_print_errors_fp(stderr);
    }
    SSL_free(ssl);
    return done;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    SSL_CTX *context = SSL_CTX_new(DTLS_client_method());
    if (!context || SSL_CTX_use_certificate_file(context, argv[1], SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, argv[2], SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_set_tlsext_use_srtp(context, "SRTP_AES128_CM_SHA1_80")) {
        ERR_print_errors_fp(stderr);
        return 1;
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, any);
    int local, port;
    char ip[64];
    while (scanf("%d %63s %d", &local, ip, &port) == 3) {
        if (!shake_hands(context, local, ip, port)) {
            fprintf(stderr, "no handshake from port %d\n", local);
            return 1;
        }
    }
    return 0;
}

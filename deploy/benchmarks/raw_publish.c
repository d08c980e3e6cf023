// The raw limit of accepting: librabbitmq in a loop, publishing to one quorum queue with confirms, WINDOW in flight.
// usage: raw_publish HOST PORT USER PASSWORD VHOST QUEUE SECONDS WINDOW; prints confirmed messages per second, and their number
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_tcp_socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void must(int ok, const char *what) {
  if (!ok) {
    fprintf(stderr, "raw_publish: %s failed\n", what);
    exit(1);
  }
}

// Reads publisher confirms until at most `left` of `sent` are outstanding; returns the number of confirmed messages.
static unsigned long confirms(amqp_connection_state_t c, unsigned long sent, unsigned long done, unsigned long left) {
  while (sent - done > left) {
    amqp_frame_t frame;
    amqp_maybe_release_buffers(c);
    must(amqp_simple_wait_frame(c, &frame) == AMQP_STATUS_OK, "reading");
    must(frame.frame_type == AMQP_FRAME_METHOD && frame.payload.method.id == AMQP_BASIC_ACK_METHOD, "a confirm");
    amqp_basic_ack_t *ack = frame.payload.method.decoded;
    // A single confirm counts as one; a multiple one confirms everything up to its delivery tag.
    done = ack->multiple ? ack->delivery_tag : done + 1;
  }
  return done;
}

int main(int argc, char **argv) {
  must(argc == 9, "usage: HOST PORT USER PASSWORD VHOST QUEUE SECONDS WINDOW;");
  unsigned long window = strtoul(argv[8], NULL, 10), sent = 0, done = 0;
  amqp_connection_state_t c = amqp_new_connection();
  must(amqp_socket_open(amqp_tcp_socket_new(c), argv[1], atoi(argv[2])) == AMQP_STATUS_OK, "connecting");
  must(amqp_login(c, argv[5], 0, 131072, 0, AMQP_SASL_METHOD_PLAIN, argv[3], argv[4]).reply_type ==
           AMQP_RESPONSE_NORMAL, "logging in");
  must(amqp_channel_open(c, 1) != NULL, "opening a channel");
  amqp_table_entry_t type = {.key = amqp_cstring_bytes("x-queue-type"),
                             .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = amqp_cstring_bytes("quorum")}};
  amqp_table_t arguments = {.num_entries = 1, .entries = &type};
  amqp_bytes_t queue = amqp_cstring_bytes(argv[6]);
  must(amqp_queue_declare(c, 1, queue, 0, 1, 0, 0, arguments) != NULL, "declaring the queue");
  must(amqp_confirm_select(c, 1) != NULL, "asking for confirms");

  char body[170];
  memset(body, 'x', sizeof body);
  amqp_basic_properties_t properties = {
      ._flags = AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_MESSAGE_ID_FLAG, .delivery_mode = 2,
      .message_id = amqp_cstring_bytes("0123456789abcdef0123456789abcdef01234567")};
  double start = now(), end = start + atof(argv[7]);
  while (now() < end) {
    must(amqp_basic_publish(c, 1, amqp_empty_bytes, queue, 1, 0, &properties,
                            (amqp_bytes_t){.len = sizeof body, .bytes = body}) == AMQP_STATUS_OK, "publishing");
    done = confirms(c, ++sent, done, window - 1);
  }
  done = confirms(c, sent, done, 0);
  printf("%.0f %lu\n", done / (now() - start), done);
  must(amqp_queue_delete(c, 1, queue, 0, 0) != NULL, "deleting the queue");
  amqp_connection_close(c, AMQP_REPLY_SUCCESS);
  return 0;
}

// A bad network cable: two TAP interfaces, and frames between them lost, late or out of order.
//
//   link TAP_A TAP_B LOSS_PERCENT DELAY_MS REORDER_PERCENT MULTICAST_LOSS_PERCENT SEED
//
// Says {"event":"ready"} once both interfaces exist (where it was started; they may then be moved to
// other network namespaces), and when standard input ends what it did. It does in user space what the
// kernel's netem does, for kernels that have no netem. A reordered frame is 10 ms late.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { MTU = 2048, SLOTS = 1 << 15 };

// Frames under way, a binary heap by arrival and then by departure.
struct frame {
  int64_t due;
  uint64_t order;
  int to;
  int length;
  unsigned char *bytes;
};

static struct frame heap[SLOTS];
static int waiting;
static uint64_t departed, carried, lost, multicast_lost, reordered, overflowed, seed;

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static int before(const struct frame *a, const struct frame *b) {
  return a->due != b->due ? a->due < b->due : a->order < b->order;
}

static void swap(int a, int b) {
  struct frame held = heap[a];
  heap[a] = heap[b];
  heap[b] = held;
}

static void push(struct frame frame) {
  int at = waiting++;
  heap[at] = frame;
  for (; at > 0 && before(&heap[at], &heap[(at - 1) / 2]); at = (at - 1) / 2) swap(at, (at - 1) / 2);
}

static struct frame pop(void) {
  struct frame first = heap[0];
  heap[0] = heap[--waiting];
  for (int at = 0;;) {
    int least = at, child = 2 * at + 1;
    if (child < waiting && before(&heap[child], &heap[least])) least = child;
    if (child + 1 < waiting && before(&heap[child + 1], &heap[least])) least = child + 1;
    if (least == at) return first;
    swap(at, least);
    at = least;
  }
}

// xorshift64*, 0 to 100.
static double percent(void) {
  seed ^= seed >> 12;
  seed ^= seed << 25;
  seed ^= seed >> 27;
  return (double)((seed * 2685821657736338717ull) >> 11) / 9007199254740992.0 * 100.0;
}

static int tap(const char *name) {
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
  if (fd < 0) {
    fprintf(stderr, "link: /dev/net/tun: %s\n", strerror(errno));
    exit(2);
  }
  struct ifreq request = {0};
  snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  if (ioctl(fd, TUNSETIFF, &request) < 0) {
    fprintf(stderr, "link: TAP %s: %s\n", name, strerror(errno));
    exit(2);
  }
  return fd;
}

static void deliver(struct frame frame, const struct pollfd *ends) {
  // A full interface drops, as a switch does.
  if (write(ends[frame.to].fd, frame.bytes, (size_t)frame.length) == frame.length) carried++;
  else overflowed++;
  free(frame.bytes);
}

int main(int count, char **words) {
  if (count != 8) {
    fprintf(stderr, "usage: link TAP_A TAP_B LOSS_PERCENT DELAY_MS REORDER_PERCENT MULTICAST_LOSS_PERCENT SEED\n");
    return 2;
  }
  double loss = atof(words[3]), reorder = atof(words[5]), multicast_loss = atof(words[6]);
  int64_t delay = (int64_t)(atof(words[4]) * 1e6);
  seed = strtoull(words[7], NULL, 10) * 2654435761u + 1;
  struct pollfd ends[3] = {{tap(words[1]), POLLIN, 0}, {tap(words[2]), POLLIN, 0}, {0, POLLIN, 0}};
  printf("{\"event\":\"ready\"}\n");
  fflush(stdout);
  for (;;) {
    int64_t time = now();
    while (waiting && heap[0].due <= time) deliver(pop(), ends);
    struct timespec left = {1, 0};
    if (waiting) {
      int64_t rest = heap[0].due - time;
      left = (struct timespec){rest / 1000000000, rest % 1000000000};
    }
    if (ppoll(ends, 3, &left, NULL) < 0 && errno != EINTR) return 1;
    if (ends[2].revents) {
      char byte;
      if (read(0, &byte, 1) <= 0) break;
    }
    for (int from = 0; from < 2; from++) {
      unsigned char bytes[MTU];
      for (int turn = 0; turn < 64; turn++) {
        ssize_t length = read(ends[from].fd, bytes, sizeof bytes);
        if (length <= 0) break;
        if (percent() < loss) {
          lost++;
          continue;
        }
        // The group bit of the destination; broadcasts, which ARP needs, have all bits set.
        if (bytes[0] & 1 && bytes[0] != 0xff && percent() < multicast_loss) {
          multicast_lost++;
          continue;
        }
        if (waiting == SLOTS) {
          overflowed++;
          continue;
        }
        struct frame frame = {now() + delay, departed++, 1 - from, (int)length, malloc((size_t)length)};
        if (!frame.bytes) return 1;
        if (percent() < reorder) {
          reordered++;
          frame.due += 10000000;
        }
        memcpy(frame.bytes, bytes, (size_t)length);
        if (!delay && !reorder) deliver(frame, ends);
        else push(frame);
      }
    }
  }
  printf("{\"event\":\"done\",\"carried\":%llu,\"lost\":%llu,\"multicast_lost\":%llu,\"reordered\":%llu,\"overflowed\":%llu}\n",
         (unsigned long long)carried, (unsigned long long)lost, (unsigned long long)multicast_lost,
         (unsigned long long)reordered, (unsigned long long)overflowed);
  return 0;
}

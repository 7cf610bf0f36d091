#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "Arduino.h"
#include "Servo.h"

void setup();
void loop();

static int button_fd = -1;
static int button_level = HIGH;
static char waiting[256];
static int count = 0, next = 0;
SerialLine Serial;

static bool ready(int fd) {
  struct pollfd one = {fd, POLLIN, 0};
  return poll(&one, 1, 0) > 0 && (one.revents & (POLLIN | POLLHUP | POLLERR));
}

static void said(const char *text) {
  size_t left = strlen(text);
  while (left > 0) {
    ssize_t done = write(1, text, left);
    if (done <= 0) exit(0);
    text += done;
    left -= (size_t)done;
  }
}

unsigned long millis() {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (unsigned long)now.tv_sec * 1000UL + (unsigned long)now.tv_nsec / 1000000UL;
}

void pinMode(int, int) {}

int digitalRead(int) {
  char state;
  if (ready(button_fd) && ::read(button_fd, &state, 1) == 1) button_level = state == '1' ? LOW : HIGH;
  return button_level;
}

void digitalWrite(int, int level) { fprintf(stderr, "lamp %d\n", level); }

void SerialLine::begin(long) {}

int SerialLine::available() {
  if (next == count && ready(0)) {
    next = 0;
    count = (int)::read(0, waiting, sizeof waiting);
    if (count <= 0) exit(0);
  }
  return count - next;
}

int SerialLine::read() { return (unsigned char)waiting[next++]; }
void SerialLine::print(const char *text) { said(text); }
void SerialLine::println(const char *text) {
  said(text);
  said("\r\n");
}
void SerialLine::print(long value) {
  char text[24];
  snprintf(text, sizeof text, "%ld", value);
  said(text);
}
void SerialLine::println(long value) {
  print(value);
  said("\r\n");
}

void Servo::attach(int, int, int) {
  attached_ = true;
  fprintf(stderr, "us %d\n", us_);
}
void Servo::detach() {
  if (attached_) fprintf(stderr, "off\n");
  attached_ = false;
}
bool Servo::attached() { return attached_; }
void Servo::writeMicroseconds(int us) {
  us_ = us;
  if (attached_) fprintf(stderr, "us %d\n", us);
}

int main(int argc, char **argv) {
  button_fd = argc > 1 ? atoi(argv[1]) : -1;
  setvbuf(stderr, nullptr, _IOLBF, 0);
  setup();
  for (;;) {
    loop();
    usleep(1000);
  }
}

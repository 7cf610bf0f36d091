// As much of Arduino as our sketch uses, for a computer: Serial is standard input and output, what the pins do goes to
// standard error, the button is a byte on the descriptor that the first argument names.
#pragma once
#include <cstddef>
typedef unsigned char byte;
enum { LOW = 0, HIGH = 1, INPUT = 0, OUTPUT = 1, INPUT_PULLUP = 2, LED_BUILTIN = 13 };
unsigned long millis();
void pinMode(int pin, int mode);
int digitalRead(int pin);
void digitalWrite(int pin, int level);
struct SerialLine {
  void begin(long baud);
  int available();
  int read();
  void print(const char *text);
  void print(long value);
  void println(const char *text);
  void println(long value);
};
extern SerialLine Serial;

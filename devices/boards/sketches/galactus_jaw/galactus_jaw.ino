/* The jaw sketch of Galactus: one servo, one push button, one lamp. For an Uno, Nano, Leonardo, Micro or Mega.

   Wiring: servo signal to pin 9, its supply from a source of its own (grounds joined); button from pin 2 to ground;
   lamp: the one on the board. Serial line: 115200 baud, 8N1, lines that end with a newline.

     to us      J <us>      jaw to this pulse width, microseconds; begins the pulses
                D           stops the pulses: the servo goes limp
                L <0|1>     lamp off or on
                ?           who are you
     from us    BONES 1 <min> <max>   answer to "?": version of this protocol, shortest and longest pulse
                BOOT        we have just started, or were reset; a BONES line follows
                B <0|1>     the button went up or down
                ERR <text>  not done, or not as asked

   Safety lives here too, so that a program that hangs or a line that breaks cannot hold the jaw: no pulse leaves
   MIN_US..MAX_US, and without a line for SILENCE_MS the pulses stop. Set the limits before the horn is on. */

#include <Servo.h>

const int SERVO_PIN = 9;
const int BUTTON_PIN = 2;
const int LAMP_PIN = LED_BUILTIN;
const long MIN_US = 600;
const long MAX_US = 2400;
const unsigned long SILENCE_MS = 1000;
const unsigned long DEBOUNCE_MS = 20;
const byte LONGEST = 24; /* of a line, with its end; a longer one is refused as a whole */

Servo jaw;
char line[LONGEST];
byte length = 0;
bool tooLong = false;
unsigned long heardAt = 0;

bool shownDown = false; /* what we have told of the button */
bool lastDown = false;  /* what the pin said last */
unsigned long changedAt = 0;

void greet() {
  Serial.print("BONES 1 ");
  Serial.print(MIN_US);
  Serial.print(" ");
  Serial.println(MAX_US);
}

/* Digits only, at most five; -1 for anything else. */
long number(const char *text) {
  long value = 0;
  byte digits = 0;
  for (; *text >= '0' && *text <= '9' && digits < 6; text++, digits++) value = value * 10 + (*text - '0');
  return (*text != 0 || digits == 0 || digits > 5) ? -1 : value;
}

void moveTo(long asked) {
  long us = asked < MIN_US ? MIN_US : asked > MAX_US ? MAX_US : asked;
  jaw.writeMicroseconds((int)us); /* before attach: else the first pulse would be the servo library's own, 1500 us */
  if (!jaw.attached()) jaw.attach(SERVO_PIN, (int)MIN_US, (int)MAX_US);
  if (us != asked) {
    Serial.print("ERR ");
    Serial.print(asked);
    Serial.println(" is outside the limits of the sketch");
  }
}

void obey() {
  if (length == 0) return;
  if (line[0] == 'J' && line[1] == ' ' && number(line + 2) >= 0) {
    moveTo(number(line + 2));
  } else if (line[0] == 'D' && length == 1) {
    jaw.detach();
  } else if (line[0] == 'L' && line[1] == ' ' && length == 3 && (line[2] == '0' || line[2] == '1')) {
    digitalWrite(LAMP_PIN, line[2] == '1' ? HIGH : LOW);
  } else if (line[0] == '?' && length == 1) {
    greet();
  } else {
    Serial.println("ERR what");
  }
}

void listen() {
  while (Serial.available() > 0) {
    char c = (char)Serial.read();
    if (c == '\n') {
      heardAt = millis();
      line[length] = 0;
      if (tooLong) Serial.println("ERR too long");
      else obey();
      length = 0;
      tooLong = false;
    } else if (c != '\r') {
      if (length < LONGEST - 1) line[length++] = c;
      else tooLong = true;
    }
  }
}

void watchButton() {
  bool down = digitalRead(BUTTON_PIN) == LOW;
  if (down != lastDown) {
    lastDown = down;
    changedAt = millis();
  } else if (down != shownDown && millis() - changedAt >= DEBOUNCE_MS) {
    shownDown = down;
    Serial.println(down ? "B 1" : "B 0");
  }
}

void setup() {
  pinMode(BUTTON_PIN, INPUT_PULLUP);
  pinMode(LAMP_PIN, OUTPUT);
  Serial.begin(115200);
  Serial.println("BOOT");
  greet();
}

void loop() {
  listen();
  watchButton();
  if (jaw.attached() && millis() - heardAt >= SILENCE_MS) jaw.detach();
}

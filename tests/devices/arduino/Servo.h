#pragma once
class Servo {
 public:
  void attach(int pin, int min_us, int max_us);
  void detach();
  bool attached();
  void writeMicroseconds(int us);

 private:
  int us_ = 1500;
  bool attached_ = false;
};

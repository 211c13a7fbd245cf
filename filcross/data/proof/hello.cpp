// A C++ program: the C++ library, an exception through two frames, a virtual call.
#include <algorithm>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

struct Shape {
  virtual ~Shape() = default;
  virtual int corners() const = 0;
};

struct Square : Shape {
  int corners() const override { return 4; }
};

static int refuse(int number) {
  if (number > 2) throw std::runtime_error("three");
  return number;
}

int main() {
  std::vector<std::string> words = {"b", "a"};
  std::sort(words.begin(), words.end());
  std::unique_ptr<Shape> shape = std::make_unique<Square>();
  try {
    for (int number = 0;; number++) refuse(number);
  } catch (const std::runtime_error &error) {
    std::cout << words[0] << words[1] << " " << error.what() << " " << shape->corners() << std::endl;
  }
  return 0;
}

#include "shapes.h"

#include <cstdio>

Shape::~Shape() = default;
double Square::area() const { return side * side; }
ShapeError::ShapeError(const std::string &what, int number) : std::runtime_error(what), code(number) {}
ShapeError::~ShapeError() = default;

void fail(int code)
{
    std::string kept(40, 'x');
    throw ShapeError("code " + std::to_string(code), code);
}

void fail_hidden() { throw Hidden(); }

void call(void (*function)())
{
    struct Guard {
        ~Guard() { std::puts("unwound"); }
    } guard;
    function();
}

int count_in_library() { return count(); }

thread_local std::string label = "fresh";

namespace {
struct Loud {
    Loud() { std::puts("library begins"); }
    ~Loud() { std::puts("library ends"); }
} loud;
}

extern "C" Shape *make_square(double side)
{
    if (side < 0)
        throw ShapeError("negative", -1);
    return new Square(side);
}

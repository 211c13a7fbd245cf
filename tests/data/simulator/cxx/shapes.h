// A C++ library and what its user sees of it: virtual and inline functions, templates, exceptions, data of each thread.
#pragma once
#include <stdexcept>
#include <string>

struct Shape {
    virtual ~Shape();
    virtual double area() const = 0;
};

struct Square : Shape {
    double side;
    explicit Square(double length) : side(length) {}
    double area() const override;
};

struct ShapeError : std::runtime_error {
    int code;
    ShapeError(const std::string &what, int number);
    ~ShapeError() override;
};

struct Hidden {}; // its type information is made wherever it is thrown or caught

void fail(int code);
void fail_hidden();
void call(void (*function)());
int count_in_library();
extern thread_local std::string label;

inline int count()
{
    static int calls = 0;
    return ++calls;
}

// Loads libshapes.so, whose exceptions it knows from the header alone, and passes one through C.
#include "shapes.h"

#include <cstdio>
#include <dlfcn.h>

extern "C" void pass(void (*function)());

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    auto make = library ? reinterpret_cast<Shape *(*)(double)>(dlsym(library, "make_square")) : nullptr;
    if (!make || !dlsym(library, "_ZN10ShapeErrorD1Ev"))
        return 3;
    Shape *square = make(2);
    std::printf("%g\n", square->area());
    delete square;
    try {
        make(-1);
    } catch (const std::runtime_error &error) {
        std::printf("%s\n", error.what());
    }
    try {
        pass([] { throw 5; });
    } catch (int number) {
        std::printf("%d\n", number);
    }
    std::fflush(stdout);
    throw Hidden();
}

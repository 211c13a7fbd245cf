// Compiled and run with every new simulator that has C++: the library, an exception, a constructor, or it is not handed
// out.
#include <iostream>
#include <stdexcept>
#include <string>

static std::string text("simulator");

int main()
{
    try {
        text.at(text.size());
    } catch (const std::out_of_range &) {
        std::cout << text << " works" << std::endl;
        return 0;
    }
    return 1;
}

#include "words.hpp"

#include <algorithm>
#include <iostream>

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        try {
            std::vector<std::string> found = words(argv[i]);
            std::sort(found.begin(), found.end());
            for (const std::string &word : found)
                std::cout << word << ' ';
            std::cout << found.size() << '\n';
        } catch (const BadText &error) {
            std::cout << error.what() << " at " << error.place << '\n';
        }
    }
}

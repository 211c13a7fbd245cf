// Every line that it prints is in main.expected.
#include "shapes.h"

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <regex>
#include <thread>
#include <typeinfo>
#include <vector>

namespace {

struct Loud {
    Loud() { std::puts("program begins"); }
    ~Loud() { std::puts("program ends"); }
} loud;

struct Leaving {
    const char *who = "main";
    ~Leaving() { std::printf("thread of %s ends\n", who); }
};
thread_local Leaving leaving;

void exceptions()
{
    try {
        fail(4);
    } catch (const ShapeError &error) {
        std::cout << error.what() << ", " << error.code << '\n';
    }
    try {
        fail(5);
    } catch (const std::exception &error) {
        std::cout << typeid(error).name() << '\n';
    }
    try {
        fail_hidden();
    } catch (const Hidden &) {
        std::cout << "hidden" << std::endl;
    }
    try {
        call([] { throw 7; });
    } catch (int number) {
        std::cout << number << '\n';
    }
    std::exception_ptr kept;
    try {
        std::vector<int>().at(3);
    } catch (...) {
        kept = std::current_exception();
    }
    try {
        std::rethrow_exception(kept);
    } catch (const std::out_of_range &error) {
        std::cout << error.what() << '\n';
    }
}

void types()
{
    std::unique_ptr<Shape> shape = std::make_unique<Square>(3);
    const Shape &plain = *shape;
    std::cout << shape->area() << ' ' << (dynamic_cast<const Square *>(&plain) != nullptr) << ' '
              << (typeid(plain) == typeid(Square)) << '\n';
    count();
    std::cout << "counted " << count_in_library() << '\n';
}

void containers()
{
    std::map<std::string, std::vector<int>> numbers{{"b", {2, 1}}, {"a", {3}}};
    for (auto &[name, list] : numbers) {
        std::sort(list.begin(), list.end());
        std::cout << name << list.front() << ' ';
    }
    std::cout << std::regex_replace(std::string("abbc"), std::regex("b+"), "-") << '\n';
}

void threads()
{
    label = "main";
    std::thread([] {
        leaving.who = "another";
        std::cout << label << std::endl;
        label = "other";
    }).join();
    std::cout << label << '\n';
    std::mutex lock;
    std::condition_variable changed;
    bool open = false;
    int sum = 0;
    std::vector<std::thread> all;
    for (int number = 0; number < 8; number++)
        all.emplace_back([&, number] {
            std::unique_lock<std::mutex> held(lock);
            changed.wait(held, [&] { return open; });
            sum += number;
        });
    {
        std::lock_guard<std::mutex> held(lock);
        open = true;
    }
    changed.notify_all();
    for (std::thread &thread : all)
        thread.join();
    auto later = std::async(std::launch::async, []() -> int { throw std::logic_error("from a thread"); });
    try {
        later.get();
    } catch (const std::logic_error &error) {
        std::cout << sum << ' ' << error.what() << std::endl;
    }
}

void files(const std::filesystem::path &folder)
{
    std::filesystem::create_directories(folder / "one" / "two");
    std::ofstream(folder / "one" / "file") << "text " << 3.5;
    std::size_t entries = 0;
    for (const auto &entry : std::filesystem::recursive_directory_iterator(folder))
        entries += entry.exists();
    std::string word;
    double number = 0;
    std::ifstream(folder / "one" / "file") >> word >> number;
    std::cout << entries << ' ' << word << ' ' << number << '\n';
    try {
        std::filesystem::file_size(folder / "nothing");
    } catch (const std::filesystem::filesystem_error &error) {
        std::cout << error.code().message() << std::endl;
    }
}

}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    std::atexit([] { std::puts("at exit"); });
    exceptions();
    types();
    containers();
    threads();
    files(argv[1]);
    leaving.who = "main";
}

#pragma once
#include <stdexcept>
#include <string>
#include <vector>

struct BadText : std::invalid_argument {
    std::size_t place;
    BadText(const std::string &why, std::size_t where);
    ~BadText() override;
};

std::vector<std::string> words(const std::string &text);

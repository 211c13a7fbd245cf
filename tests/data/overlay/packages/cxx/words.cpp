#include "words.hpp"

#include <cctype>
#include <sstream>

static const std::string reason = "a control character"; // goes when the library does

BadText::BadText(const std::string &why, std::size_t where) : std::invalid_argument(why), place(where) {}
BadText::~BadText() = default;

std::vector<std::string> words(const std::string &text)
{
    for (std::size_t at = 0; at < text.size(); at++)
        if (std::iscntrl(static_cast<unsigned char>(text[at])))
            throw BadText(reason, at);
    std::istringstream stream(text);
    std::vector<std::string> found;
    for (std::string word; stream >> word;)
        found.push_back(word);
    return found;
}

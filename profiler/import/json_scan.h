// Walks JSON text without building a document: for traces of gigabytes, of which few parts are wanted.
#pragma once
#include <functional>
#include <string_view>

namespace orrery {

// Gives the text of each value, its key in an object ("" in an array). `each` says whether to go on.
using ScanValue = std::function<bool(std::string_view key, std::string_view value)>;

// The members of the object, or items of the array, that `text` is after white space. Values are cut out by
// their brackets and quotes, not checked. False when the text ends before its last bracket.
bool scan_members(std::string_view text, const ScanValue& each);

}  // namespace orrery

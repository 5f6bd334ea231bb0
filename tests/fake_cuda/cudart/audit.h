// What a test may ask the fakes after the fact: which objects the program still holds, what it did wrong in
// calls whose results programs tend to ignore, and that a call is to fail. Shared by all three libraries.
#pragma once
#include <string>

namespace orrery::fake {

// An object that the program holds from now on, and no longer; false: it holds none such. `kind`: "stream".
void made(const void* object, const char* kind);
bool gone(const void* object, const char* kind);
bool held(const void* object, const char* kind);
void mistake(const std::string& what);
// Whether this call of a function is the one that was asked to fail; counts it.
bool must_fail(const char* function);

}  // namespace orrery::fake

// Which plug-in tests load, and what they ask of the stand-ins for CUDA's libraries that it runs on; on a GPU
// the answers are empty.
#pragma once
#include <dlfcn.h>

#include <cstdlib>
#include <string>

namespace orrery::testing {

// Another build of it, where ORRERY_TEST_PLUG_IN names one: with a mistake, or counted line by line.
inline std::string cuda_plug_in() {
  const char* other = std::getenv("ORRERY_TEST_PLUG_IN");
  return other != nullptr ? other : ORRERY_CUDA_PLUG_IN;
}

template <class Function>
Function* stand_in_function(const char* name) {
  void* const runtime = dlopen("libcudart.so.13", RTLD_LAZY | RTLD_NOLOAD);
  return runtime == nullptr ? nullptr : reinterpret_cast<Function*>(dlsym(runtime, name));
}

// Objects that this process made and did not destroy, and what it did wrong since it was last asked.
inline std::string left_on_stand_ins() {
  char text[4000] = "";
  if (auto* report = stand_in_function<void(char*, std::size_t)>("orrery_fake_report"))
    report(text, sizeof text);
  return text;
}

}  // namespace orrery::testing

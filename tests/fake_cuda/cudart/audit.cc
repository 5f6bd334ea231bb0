#include "tests/fake_cuda/cudart/audit.h"

#include <cstdio>
#include <map>
#include <mutex>
#include <utility>

#include "tests/fake_cuda/cudart/fake.h"

namespace orrery::fake {
namespace {

struct Audit {
  std::mutex mutex;
  std::map<std::pair<const void*, std::string>, int> objects;
  std::string mistakes;
  std::map<std::string, unsigned> calls;  // since the last orrery_fake_break
  std::string broken;                     // the function that is to fail, at which call
  unsigned at = 0;
};

Audit& audit() {
  static auto* all = new Audit;  // threads of streams outlive main
  return *all;
}

}  // namespace

void made(const void* object, const char* kind) {
  const std::lock_guard lock(audit().mutex);
  audit().objects[{object, kind}] = 1;
}

bool gone(const void* object, const char* kind) {
  const std::lock_guard lock(audit().mutex);
  return audit().objects.erase({object, kind}) > 0;
}

bool held(const void* object, const char* kind) {
  const std::lock_guard lock(audit().mutex);
  return audit().objects.contains({object, kind});
}

void mistake(const std::string& what) {
  const std::lock_guard lock(audit().mutex);
  audit().mistakes += what + "\n";
}

bool must_fail(const char* function) {
  Audit& a = audit();
  const std::lock_guard lock(a.mutex);
  const unsigned number = ++a.calls[function];
  return number == a.at && a.broken == function;
}

}  // namespace orrery::fake

using namespace orrery::fake;

extern "C" {

void orrery_fake_made(const void* object, const char* kind) { made(object, kind); }
int orrery_fake_gone(const void* object, const char* kind) { return gone(object, kind) ? 1 : 0; }
int orrery_fake_held(const void* object, const char* kind) { return held(object, kind) ? 1 : 0; }
void orrery_fake_mistake(const char* what) { mistake(what); }
int orrery_fake_must_fail(const char* function) { return must_fail(function) ? 1 : 0; }

void orrery_fake_break(const char* function, unsigned nth) {
  const std::lock_guard lock(audit().mutex);
  audit().broken = function;
  audit().at = nth;
  audit().calls.clear();
}

unsigned orrery_fake_calls(const char* function) {
  const std::lock_guard lock(audit().mutex);
  const auto found = audit().calls.find(function);
  return found != audit().calls.end() ? found->second : 0;
}

void orrery_fake_report(char* text, std::size_t size) {
  const std::lock_guard lock(audit().mutex);
  std::map<std::string, int> left;
  for (const auto& [object, one] : audit().objects) left[object.second] += one;
  std::string all = std::exchange(audit().mistakes, {});
  for (const auto& [kind, count] : left) all += "left behind: " + std::to_string(count) + " " + kind + "\n";
  std::snprintf(text, size, "%s", all.c_str());
}

}  // extern "C"

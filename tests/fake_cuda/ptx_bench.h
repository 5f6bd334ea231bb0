// A place to run kernels of a PTX text on: buffers that kernels see at made-up addresses, apart from each
// other.
#pragma once
#include <cstdint>
#include <cstring>
#include <deque>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/fake_cuda/ptx/run.h"

namespace orrery::ptx {

inline std::string text_of_file(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// An argument of a kernel as its bytes.
struct Bytes {
  std::vector<std::byte> bytes;
  template <class T>
  Bytes(const T& value) : bytes(sizeof(T)) {  // implicit: arguments are listed as they are
    std::memcpy(bytes.data(), &value, sizeof(T));
  }
};

class Bench {
 public:
  explicit Bench(const std::string& text) : module_(parse(text)), places_(shared_places(module_)) {
    for (const Variable& v : module_.variables) {
      if (v.space != Space::global || v.bytes == 0) continue;
      std::vector<std::byte>& bytes = add(v.bytes);
      std::memset(bytes.data(), 0, v.bytes);
      std::memcpy(bytes.data(), v.initial.data(), v.initial.size());
      places_.global[v.name] = memory_.back().begin;
    }
  }

  // The address of a copy of `values`, which the kernels change.
  template <class T>
  std::uint64_t put(const std::vector<T>& values) {
    std::vector<std::byte>& bytes = add(values.size() * sizeof(T));
    std::memcpy(bytes.data(), values.data(), bytes.size());
    return memory_.back().begin;
  }
  template <class T>
  std::vector<T> get(std::uint64_t address) const {
    const Region* region = find(memory_, address);
    std::vector<T> values((region->end - region->begin) / sizeof(T));
    std::memcpy(values.data(), region->host, values.size() * sizeof(T));
    return values;
  }

  std::uint64_t run(const std::string& kernel, Dimensions grid, Dimensions block,
                    const std::vector<Bytes>& arguments, std::size_t dynamic_shared = 0,
                    const Checks& checks = {}) const {
    const Kernel decoded = decode(module_, kernel, places_);
    std::vector<std::byte> parameters(decoded.parameter_bytes);
    for (std::size_t p = 0; p < arguments.size(); ++p)
      std::memcpy(parameters.data() + decoded.parameters.at(p).offset, arguments[p].bytes.data(),
                  arguments[p].bytes.size());
    Launch launch{grid, block, dynamic_shared, parameters.data()};
    return orrery::ptx::run(decoded, launch, memory_, checks);
  }

 private:
  std::vector<std::byte>& add(std::size_t bytes) {
    buffers_.emplace_back(bytes);
    const std::uint64_t begin = next_;
    memory_.push_back({begin, begin + bytes, buffers_.back().data(), true});
    next_ += (bytes + 511) / 256 * 256;
    return buffers_.back();
  }

  Module module_;
  Places places_;
  std::deque<std::vector<std::byte>> buffers_;
  MemoryMap memory_;
  std::uint64_t next_ = 0x700000000000;
};

}  // namespace orrery::ptx

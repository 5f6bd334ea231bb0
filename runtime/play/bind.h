// A Program bound to one rank: what its host thread issues in a step, in id order, with addresses, kernels
// and events. Built once; a step is a walk over it.
#pragma once
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "runtime/backend.h"
#include "runtime/play/compute.h"
#include "runtime/play/holdings.h"

namespace orrery {

struct Copy {
  void* to = nullptr;
  const void* from = nullptr;
  Bytes bytes{};
};

// An instruction. Events are numbered by instruction: 2 i at its start, 2 i + 1 at its end.
struct Issue {
  std::uint32_t id = 0;  // in the Program
  std::uint32_t cost_class = 0;
  Kind kind = Kind::compute;
  Stream stream = Stream::compute;
  bool awaited = false;                     // an instruction of another stream waits for its end
  std::uint32_t first_wait = 0, waits = 0;  // into Issues::waits: instructions, as indices into Issues::list
  std::uint32_t first_kernel = 0, kernels = 0;  // into Issues::kernels
  std::uint32_t communication = 0;              // into Issues::communications, of a meeting
};

struct Issues {
  std::vector<Issue> list;
  std::vector<std::uint32_t> waits;
  std::vector<Kernel> kernels;
  std::vector<Communication> communications;
  Copy tokens;                           // of the one copy a step has, if the rank holds tokens
  std::vector<GroupMembers> groups;      // that the rank is in, in order of creation
  std::vector<std::uint32_t> group_ids;  // their numbers in the Program
};

// Owns what Issues point to.
class Binding {
 public:
  // `staging`: host memory of the step's tokens, as large as their buffer; null on ranks without.
  Binding(const Setup&, const RankMemory&, std::uint32_t rank, const Holdings&, const StepArguments&,
          const void* staging);
  const Issues& issues() const { return issues_; }

 private:
  class Walk;
  Issues issues_;
  std::unique_ptr<KernelBinder> kernels_;
  std::deque<std::vector<Transfer>> pieces_;  // of each communication
  std::deque<std::string> labels_;
};

}  // namespace orrery

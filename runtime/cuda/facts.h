// What libraries and the driver say of themselves and of a GPU, for records.
#pragma once
#include <string>
#include <vector>

#include "runtime/backend.h"

namespace orrery::cuda {

// How many GPUs CUDA shows, and versions of the driver, the CUDA runtime and NCCL.
std::vector<Fact> library_facts();

// Clocks, power and temperature at this moment of the GPU at a place on the PCI bus, by NVML, which is looked
// for at run time. Where it is missing or refuses, one fact says so. Nothing is set.
std::vector<Fact> nvml_facts(const std::string& bus);

}  // namespace orrery::cuda

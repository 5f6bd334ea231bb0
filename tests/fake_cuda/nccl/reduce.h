// Element types and reductions that the stand-in for NCCL knows.
#pragma once
#include <nccl.h>

#include <cstddef>
#include <string>

namespace orrery::fake {

bool is_known(ncclDataType_t);
bool is_known(ncclRedOp_t);
std::size_t size_of(ncclDataType_t);
std::string name_of(ncclDataType_t);

// to = to op with, element by element; bf16 is rounded after each.
void reduce(void* to, const void* with, std::size_t count, ncclDataType_t, ncclRedOp_t);

}  // namespace orrery::fake

// checkpoint.json, orrery.checkpoint/1.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/state/checkpoint.h"
#include "sim/base/reader.h"

namespace orrery {

inline constexpr std::string_view checkpoint_file_name = "checkpoint.json";

struct CheckpointFile {
  struct Shard {
    std::string name;
    std::int64_t size = 0;            // bytes
    std::uint64_t header_digest = 0;  // XXH64 of the file up to its data
  };
  CheckpointInfo info;
  std::vector<Shard> shards;
};

std::string write_checkpoint_file(const CheckpointFile&);
CheckpointFile read_checkpoint_file(std::string_view text, const std::string& file);
// That of a directory, with the sizes of the shards checked.
CheckpointFile open_checkpoint(const std::string& directory);

// 16 hexadecimal digits.
std::uint64_t read_digest(const Reader&, std::string_view key);

}  // namespace orrery

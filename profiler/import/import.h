// Reads measurements that other tools wrote. Start here: import_sources() recognises a file by its content
// and gives what it holds; calibrate.h fits constants to that, run.h makes a measured run of a training log.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "profiler/import/readers.h"

namespace orrery {

// The sources of one file: one, or those of an orrery.profile/1. Unpacks gzip. `digest`: of the file's bytes.
// Ends in fail() on a format that is not known, with what would do, and where a file breaks its own.
std::vector<Source> import_sources(const std::string& bytes, std::string_view file, std::uint64_t digest,
                                   const Hints& = {});

}  // namespace orrery

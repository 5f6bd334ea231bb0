// The file that rows of a what-if are streamed to. Unlike other outputs it stands under its name from the
// start, so that an interrupted sweep can be resumed from it: whole rows only, each written at once.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "tools/whatif/rows.h"

namespace orrery {

class RowFile {
 public:
  // Nothing is written to "". resume: rows of the same sweep that the file holds are kept, `kept` gets their
  // answers, and a last row that was cut is removed; a file of another sweep ends in UsageError.
  RowFile(std::string path, const RowFormat&, std::size_t points, bool resume, std::vector<Answer>& kept);
  ~RowFile();
  RowFile(const RowFile&) = delete;
  RowFile& operator=(const RowFile&) = delete;
  void append(std::string_view rows);

 private:
  std::size_t keep(const RowFormat&, std::size_t points, std::vector<Answer>& kept) const;
  std::string path_;
  int fd_ = -1;
};

}  // namespace orrery

#include "tools/whatif/row_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "tools/disk.h"
#include "tools/errors.h"

namespace orrery {
namespace {

[[noreturn]] void refused(const std::string& path) {
  throw DeviceError(path + ": can't be written: " + std::strerror(errno));
}

}  // namespace

RowFile::RowFile(std::string path, const RowFormat& format, std::size_t points, bool resume,
                 std::vector<Answer>& kept)
    : path_(std::move(path)) {
  if (path_.empty()) return;
  if (path_ == "-") {
    if (resume)
      throw UsageError("--resume takes --out FILE: what went to standard output can't be read again");
    fd_ = STDOUT_FILENO;
    append(format.header());
    return;
  }
  const bool goes_on = resume && DiskFiles().exists(path_);
  const std::size_t whole = goes_on ? keep(format, points, kept) : 0;
  fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (fd_ < 0) refused(path_);
  if (::ftruncate(fd_, static_cast<off_t>(whole)) != 0 && errno != EINVAL) refused(path_);  // EINVAL: a pipe
  if (whole == 0) append(format.header());
}

RowFile::~RowFile() {
  if (fd_ > STDERR_FILENO) ::close(fd_);
}

// The bytes of the header and the whole rows.
std::size_t RowFile::keep(const RowFormat& format, std::size_t points, std::vector<Answer>& kept) const {
  const std::string text = DiskFiles().text(path_), header = format.header();
  if (text.size() < header.size() && header.starts_with(text)) return 0;
  if (!text.starts_with(header))
    throw UsageError("--resume: " + path_ +
                     " is of another scenario, grid, mode or version; without --resume it is replaced");
  std::size_t at = header.size();
  for (std::size_t end; (end = text.find('\n', at)) != std::string::npos && kept.size() < points;
       at = end + 1) {
    const auto answer = format.read(kept.size(), std::string_view(text).substr(at, end - at));
    if (!answer)
      throw UsageError("--resume: " + path_ + ": row " + std::to_string(kept.size()) +
                       " is not one of this sweep");
    kept.push_back(*answer);
  }
  return at;
}

void RowFile::append(std::string_view rows) {
  while (fd_ >= 0 && !rows.empty()) {
    const ssize_t n = ::write(fd_, rows.data(), rows.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) refused(path_);
    rows.remove_prefix(static_cast<std::size_t>(n));
  }
}

}  // namespace orrery

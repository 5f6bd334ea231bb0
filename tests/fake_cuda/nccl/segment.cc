#include "tests/fake_cuda/nccl/segment.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <thread>

namespace orrery::fake {

struct Segment::Header {
  std::atomic<std::uint32_t> ready;
  std::int32_t ranks;
  std::uint64_t changes;  // of anything
  char failure[1000];
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  RankSlot slots[most_ranks];
  Mailbox mailboxes[most_ranks][most_ranks];
};

namespace {

constexpr std::uint32_t is_ready = 0x6f727265;

void sleep_a_little() { std::this_thread::sleep_for(std::chrono::milliseconds(1)); }

}  // namespace

Segment::Segment(const std::string& name, int n) : name_(name), ranks_(n) {
  const auto ranks = static_cast<std::size_t>(n);
  const std::size_t head = (sizeof(Header) + 4095) / 4096 * 4096;
  bytes_ = head + chunk_bytes * ranks * (1 + ranks);
  const int made = shm_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600);
  const int file = made >= 0 ? made : shm_open(name.c_str(), O_RDWR, 0600);
  if (file < 0) throw std::runtime_error("opening shared memory " + name + ": " + std::strerror(errno));
  struct stat status {};
  if (made >= 0 && ftruncate(file, static_cast<off_t>(bytes_)) != 0)
    throw std::runtime_error("growing shared memory " + name);
  while (fstat(file, &status) == 0 && status.st_size == 0) sleep_a_little();
  void* p = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (p == MAP_FAILED)
    throw std::runtime_error("mapping shared memory " + name + ": " + std::strerror(errno));
  base_ = static_cast<std::byte*>(p);
  header_ = reinterpret_cast<Header*>(base_);
  if (static_cast<std::size_t>(status.st_size) != bytes_)
    throw std::runtime_error("another rank has another number of ranks than " + std::to_string(n));
  if (made >= 0) initialise();
  while (header_->ready.load() != is_ready) sleep_a_little();
  base_ += head;
}

void Segment::initialise() {
  pthread_mutexattr_t mutex;
  pthread_mutexattr_init(&mutex);
  pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&mutex, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(&header_->mutex, &mutex);
  pthread_condattr_t condition;
  pthread_condattr_init(&condition);
  pthread_condattr_setpshared(&condition, PTHREAD_PROCESS_SHARED);
  pthread_condattr_setclock(&condition, CLOCK_MONOTONIC);
  pthread_cond_init(&header_->changed, &condition);
  header_->ranks = ranks_;
  for (int r = 0; r < ranks_; ++r) header_->slots[r] = RankSlot{};
  header_->ready.store(is_ready);
}

Segment::~Segment() { munmap(header_, bytes_); }

RankSlot& Segment::rank(int r) { return header_->slots[r]; }
Mailbox& Segment::mailbox(int from, int to) { return header_->mailboxes[from][to]; }
std::byte* Segment::staging(int r) const { return base_ + chunk_bytes * static_cast<std::size_t>(r); }
std::byte* Segment::in_mailbox(int from, int to) const {
  return base_ + chunk_bytes * static_cast<std::size_t>(ranks_ + from * ranks_ + to);
}
void Segment::remove_name() const { shm_unlink(name_.c_str()); }

// A rank that died with the lock leaves nothing half done that others would not notice: they time out.
void Segment::lock() {
  if (pthread_mutex_lock(&header_->mutex) == EOWNERDEAD) pthread_mutex_consistent(&header_->mutex);
}
void Segment::unlock() { pthread_mutex_unlock(&header_->mutex); }

void Segment::change(const std::function<void()>& f) {
  lock();
  f();
  ++header_->changes;
  pthread_cond_broadcast(&header_->changed);
  unlock();
}

void Segment::look(const std::function<void()>& f) {
  lock();
  f();
  unlock();
}

bool Segment::wait(const std::function<bool()>& condition, std::chrono::milliseconds patience) {
  lock();
  bool met = condition();
  while (!met) {
    timespec until{};
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += patience.count() / 1000;
    until.tv_nsec += static_cast<long>(patience.count() % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
      ++until.tv_sec;
      until.tv_nsec -= 1000000000;
    }
    const std::uint64_t before = header_->changes;
    const int answer = pthread_cond_timedwait(&header_->changed, &header_->mutex, &until);
    if (answer == EOWNERDEAD) pthread_mutex_consistent(&header_->mutex);
    met = condition();
    if (!met && answer == ETIMEDOUT && header_->changes == before) break;
  }
  unlock();
  return met;
}

std::string Segment::failure() const { return header_->failure; }

void Segment::set_failure(const std::string& what) {
  if (header_->failure[0] != '\0') return;
  std::strncpy(header_->failure, what.c_str(), sizeof header_->failure - 1);
}

}  // namespace orrery::fake

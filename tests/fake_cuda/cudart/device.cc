#include "tests/fake_cuda/cudart/device.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "tests/fake_cuda/cudart/settings.h"

namespace orrery::fake {
namespace {

thread_local int selected = 0;

struct Devices {
  std::mutex mutex;
  std::map<int, std::unique_ptr<Device>> by_number;
};

Devices& devices() {
  static auto* all = new Devices;  // threads of streams outlive main
  return *all;
}

}  // namespace

Device& Device::of(int number) {
  Devices& all = devices();
  const std::lock_guard lock(all.mutex);
  std::unique_ptr<Device>& device = all.by_number[number];
  if (!device) device = std::make_unique<Device>(number);
  return *device;
}

bool Device::exists(int number) {
  Devices& all = devices();
  const std::lock_guard lock(all.mutex);
  return all.by_number.contains(number);
}

Device& Device::current() { return of(selected); }
int Device::current_number() { return selected; }

bool Device::select(int number) {
  if (number < 0 || number >= settings().devices) return false;
  selected = number;
  return true;
}

Device::Device(int number) : number_(number), memory_(settings().memory), program_(memory_) {
  default_ = create_stream(true, 0);
}

cudaStream_t Device::create_stream(bool blocking, int priority) {
  const std::lock_guard lock(mutex_);
  streams_.push_back(std::make_unique<CUstream_st>());
  CUstream_st& s = *streams_.back();
  s.device = this;
  s.number = streams_created_++;
  s.blocking = blocking;
  s.priority = priority;
  std::thread([this, &s] { work(&s); }).detach();
  return &s;
}

void Device::destroy_stream(cudaStream_t s) {
  synchronize(s);
  std::unique_lock lock(mutex_);
  s->stop = true;
  s->changed.notify_all();
  host_.wait(lock, [&] { return !s->stop; });  // the thread has left
  std::erase_if(streams_, [&](const auto& stream) { return stream.get() == s; });
}

cudaStream_t Device::find_stream(cudaStream_t handle) {
  if (handle == nullptr || handle == cudaStreamLegacy) return default_;
  const std::lock_guard lock(mutex_);
  for (const auto& s : streams_)
    if (s.get() == handle) return handle;
  return nullptr;
}

void Device::queue(CUstream_st& s, Operation operation) {
  if (settings().serial_nccl && operation.nccl) {
    if (last_nccl_) operation.waits.push_back(last_nccl_);
    if (!operation.mark) operation.mark = std::make_shared<Mark>();
    last_nccl_ = operation.mark;
  }
  ++s.issued;
  s.queue.push_back(std::move(operation));
  s.changed.notify_all();
}

// A mark after all that is queued.
MarkPointer Device::mark_tail(CUstream_st& s) {
  if (s.issued == s.done) return nullptr;
  auto mark = std::make_shared<Mark>();
  queue(s, {"mark", {}, {}, mark, false});
  return mark;
}

void Device::enqueue(cudaStream_t stream, Operation operation) {
  const std::lock_guard lock(mutex_);
  CUstream_st& s = *stream;
  if (s.capture) {
    add_node(s, {operation.name, std::move(operation.run), {}, nullptr, operation.nccl});
    return;
  }
  // The legacy default stream and the blocking streams wait for each other.
  if (&s == default_) {
    for (const auto& other : streams_)
      if (other.get() != default_ && other->blocking && !other->capture)
        if (MarkPointer mark = mark_tail(*other)) operation.waits.push_back(std::move(mark));
  } else if (s.blocking) {
    if (MarkPointer mark = mark_tail(*default_)) operation.waits.push_back(std::move(mark));
  }
  queue(s, std::move(operation));
}

// A stream's thread.
void Device::work(cudaStream_t stream) {
  CUstream_st& s = *stream;
  std::unique_lock lock(mutex_);
  for (;;) {
    s.changed.wait(lock, [&] { return s.stop || !s.queue.empty(); });
    if (s.queue.empty()) break;
    Operation operation = std::move(s.queue.front());
    s.queue.pop_front();
    s.busy = true;
    s.now = operation.name;
    s.changed.wait(lock, [&] {
      return std::all_of(operation.waits.begin(), operation.waits.end(),
                         [](const MarkPointer& m) { return m->reached; });
    });
    run(s, operation, lock);
    s.busy = false;
    ++s.done;
    if (operation.mark) reach(operation.mark);
    host_.notify_all();
  }
  s.stop = false;
  host_.notify_all();
}

void Device::run(CUstream_st& s, Operation& operation, std::unique_lock<std::mutex>& lock) {
  if (!operation.run || error_ != cudaSuccess) return;
  lock.unlock();
  delay(s);
  if (settings().trace)
    std::fprintf(stderr, "fake cuda: device %d, stream %llu: %s\n", number_,
                 static_cast<unsigned long long>(s.number), operation.name.c_str());
  operation.run();
  lock.lock();
}

// Before one operation in four, by a function of the seed and of its place: the same in every run.
void Device::delay(const CUstream_st& s) const {
  if (settings().seed == 0) return;
  const std::uint64_t random = mixed(settings().seed, static_cast<std::uint64_t>(number_), s.number, s.done);
  if (random % 4 == 0)
    std::this_thread::sleep_for(std::chrono::microseconds((random >> 8) % (settings().delay_us + 1)));
}

void Device::reach(const MarkPointer& mark) {
  mark->when = std::chrono::steady_clock::now();
  mark->reached = true;
  for (const auto& s : streams_)
    if (s->busy) s->changed.notify_all();
  host_.notify_all();
}

void Device::synchronize(cudaStream_t s) {
  std::unique_lock lock(mutex_);
  const std::uint64_t wanted = s->issued;
  host_.wait(lock, [&] { return s->done >= wanted; });
}

void Device::synchronize() {
  std::unique_lock lock(mutex_);
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    CUstream_st& s = *streams_[i];
    const std::uint64_t wanted = s.issued;
    host_.wait(lock, [&] { return s.done >= wanted; });
  }
}

bool Device::idle(cudaStream_t s) {
  const std::lock_guard lock(mutex_);
  return s->issued == s->done;
}

cudaError_t Device::error() const {
  const std::lock_guard lock(mutex_);
  return error_;
}

void Device::fail(cudaError_t error, const std::string& message) {
  const std::lock_guard lock(mutex_);
  std::fprintf(stderr, "fake cuda: device %d: %s: %s\n", number_, cudaGetErrorName(error), message.c_str());
  if (error_ == cudaSuccess) error_ = error;
}

std::string Device::stuck_streams() const {
  const std::lock_guard lock(mutex_);
  std::string text;
  for (const auto& s : streams_) {
    if (s->issued == s->done) continue;
    text += "stream " + std::to_string(s->number) + ": " + s->now + ", " + std::to_string(s->queue.size()) +
            " queued behind it\n";
  }
  return text;
}

}  // namespace orrery::fake

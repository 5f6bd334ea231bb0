#include "runtime/cuda/backend.h"

#include <cstdlib>

#include "runtime/cuda/check.h"
#include "runtime/cuda/facts.h"
#include "runtime/cuda/kernels/kernels.h"
#include "sim/base/error.h"

namespace orrery::cuda {
namespace {

void dispatch(const Kernel& k, const Launch& at, Products& products) {
  switch (k.name) {
    case KernelName::matmul:
      return matmul(k, at, products);
    case KernelName::column_sum:
      return column_sum(k, at);
    case KernelName::norm:
      return norm(k, at);
    case KernelName::norm_gradient:
      return norm_gradient(k, at);
    case KernelName::rotary:
      return rotary(k, at);
    case KernelName::attention:
      return attention(k, at);
    case KernelName::attention_gradient:
      return attention_gradient(k, at);
    case KernelName::scores:
      return scores(k, at, products);
    case KernelName::softmax:
      return softmax(k, at);
    case KernelName::context:
      return context(k, at, products);
    case KernelName::context_gradient:
      return context_gradient(k, at, products);
    case KernelName::softmax_gradient:
      return softmax_gradient(k, at);
    case KernelName::scores_gradient:
      return scores_gradient(k, at, products);
    case KernelName::activation:
      return activation(k, at);
    case KernelName::activation_gradient:
      return activation_gradient(k, at);
    case KernelName::residual:
      return residual(k, at);
    case KernelName::residual_gradient:
      return residual_gradient(k, at);
    case KernelName::add:
      return add(k, at);
    case KernelName::embedding:
      return embedding(k, at);
    case KernelName::embedding_gradient:
      return embedding_gradient(k, at);
    case KernelName::cross_entropy:
      return cross_entropy(k, at);
    case KernelName::cross_entropy_shift:
      return cross_entropy_shift(k, at);
    case KernelName::cross_entropy_gradient:
      return cross_entropy_gradient(k, at);
    case KernelName::sum_of_squares:
      return sum_of_squares(k, at);
    case KernelName::clip:
      return clip(k, at);
    case KernelName::adamw:
      return adamw(k, at);
    case KernelName::convert:
      return convert(k, at);
    case KernelName::zero:
      return zero(k, at);
  }
}

// The catalogue's words, which tables of NCCL are named by.
std::string architecture(const GpuProperties& p) {
  if (p.major >= 10) return "blackwell";
  if (p.major == 9) return "hopper";
  return p.minor == 9 ? "ada" : "ampere";
}

}  // namespace

CudaBackend::CudaBackend(const BackendConfig& config)
    : rank_(config.rank),
      job_(config.job),
      device_(config.local_rank),
      tables_(device_),
      products_(device_),
      communicators_(config.rank, config.world, config.job),
      wait_for_each_(std::getenv("ORRERY_CUDA_WAIT") != nullptr),
      graphs_wanted_(std::getenv("ORRERY_CUDA_GRAPHS") != nullptr && !wait_for_each_),
      watch_(device_, communicators_, config.job) {
  if (config.world > 1 && job_ == nullptr) throw DeviceError("a rank of several needs a job");
}

CudaBackend::~CudaBackend() = default;

BackendProperties CudaBackend::properties() const {
  BackendProperties p;
  p.name = "cuda: " + device_.properties().name;
  p.memory = {static_cast<std::int64_t>(device_.properties().memory)};
  p.architecture = architecture(device_.properties());
  p.multiprocessors = device_.properties().multiprocessors;
  return p;
}

std::vector<Fact> CudaBackend::facts() const {
  std::vector<Fact> out = library_facts();
  const GpuProperties& p = device_.properties();
  out.push_back({"GPU", p.name});
  out.push_back({"compute capability", std::to_string(p.major) + "." + std::to_string(p.minor)});
  out.push_back({"multiprocessors", std::to_string(p.multiprocessors)});
  out.push_back(tracer_.fact());
  for (Fact& f : nvml_facts(device_.properties().bus)) out.push_back(std::move(f));
  return out;
}

void CudaBackend::fail(const std::exception& e, std::string_view what) {
  stop_if_asked();
  throw DeviceError("rank " + std::to_string(rank_) + ", " + std::string(what) + ": " + e.what());
}

// The reason of the job's end is worth more than what it does to this rank.
void CudaBackend::stop_if_asked() const {
  if (!job_) return;
  if (const std::string reason = job_->stopped(); !reason.empty()) throw DeviceError(reason);
}

// A rank that fails tells the job why before it closes its communicators: its peers would else say first that
// it has gone.
template <class Function>
void CudaBackend::or_stop(const Function& function) {
  try {
    function();
  } catch (const std::exception& e) {
    if (job_ && job_->stopped().empty()) job_->stop(e.what());
    throw;
  }
}

void* CudaBackend::allocate(Bytes bytes, Memory memory) {
  const auto size = static_cast<std::size_t>(bytes.v);
  void* out = nullptr;
  or_stop([&] { out = memory == Memory::device ? device_.allocate(size) : device_.allocate_host(size); });
  return out;
}

void CudaBackend::open_groups(std::span<const GroupMembers> groups, std::span<const std::uint32_t> ids) {
  or_stop([&] { communicators_.open(groups, ids); });
}

void CudaBackend::create_events(std::uint32_t n) {
  or_stop([&] { events_.create(n); });
}

CudaBackend::Lane& CudaBackend::lane(Stream stream) {
  std::unique_ptr<Lane>& found = lanes_[static_cast<std::size_t>(stream)];
  if (!found) {
    found = std::make_unique<Lane>(device_);
    found->step = static_cast<StepValues*>(device_.allocate(sizeof(StepValues)));
  }
  return *found;
}

// The step's arguments in device memory, written there by the stream when they have changed.
const StepValues* CudaBackend::step_for(const Kernel& k, Lane& lane, cudaStream_t stream) {
  if (k.step == nullptr) return nullptr;
  const StepValues values = values_of(*k.step);
  if (!lane.has_step || values != lane.values) {
    ORRERY_CHECK(!capturing_);
    set_step(lane.step, values, stream);
  }
  lane.values = values;
  lane.has_step = true;
  return lane.step;
}

void CudaBackend::launch(const Kernel& kernel, Stream stream) {
  Call c{Call::What::launch, stream};
  c.kernel = kernel;
  c.evaluates = kernel.step && kernel.step->evaluate;
  put(c);
}

void CudaBackend::communicate(const Communication& what, Stream stream) {
  Call c{Call::What::communicate, stream};
  c.communication = what;
  put(c);
}

void CudaBackend::copy(void* to, const void* from, Bytes bytes, Stream stream) {
  Call c{Call::What::copy, stream};
  c.to = to;
  c.from = from;
  c.bytes = bytes;
  put(c);
}

void CudaBackend::record(EventIndex event, Stream stream) { put({Call::What::record, stream, event}); }
void CudaBackend::wait(EventIndex event, Stream stream) { put({Call::What::wait, stream, event}); }

void CudaBackend::put(Call c) {
  communicators_.idle(false);
  if (graphs_wanted_)
    calls_.push_back(std::move(c));
  else
    or_stop([&] { carry_out(c); });
}

void CudaBackend::carry_out(const Call& c) {
  switch (c.what) {
    case Call::What::launch:
      return launch_now(c.kernel, c.stream);
    case Call::What::communicate:
      return communicate_now(c.communication, c.stream);
    case Call::What::copy:
      return copy_now(c);
    case Call::What::record:
      return events_.record(c.event, device_.stream(c.stream));
    case Call::What::wait:
      return events_.wait(c.event, device_.stream(c.stream));
  }
}

void CudaBackend::carry_out_all() {
  for (const Call& c : calls_) carry_out(c);
  calls_.clear();
}

void CudaBackend::launch_now(const Kernel& kernel, Stream stream) {
  Lane& mine = lane(stream);
  const cudaStream_t on = device_.stream(stream);
  try {
    mine.scratch.start();
    dispatch(kernel, {on, mine.scratch, tables_, step_for(kernel, mine, on)}, products_);
    queued("its launch", on);
  } catch (const DeviceError& e) {
    fail(e, "kernel " + std::string(name(kernel.name)));
  }
}

std::unique_ptr<StepGraph> CudaBackend::capture(const Calls& calls) {
  for (const Call& c : calls)
    if (c.what == Call::What::launch) step_for(c.kernel, lane(c.stream), device_.stream(c.stream));
  check(cudaStreamSynchronize(device_.stream(Stream::compute)), "a step's arguments");
  capturing_ = true;
  auto graph = std::make_unique<StepGraph>(calls, device_.streams(), events_.all(),
                                           [this](const Call& c) { carry_out(c); });
  capturing_ = false;
  return graph;
}

// Arguments of the step are written before the graph that reads them, on the stream it is launched on.
void CudaBackend::launch(const StepGraph& graph) {
  const cudaStream_t on = device_.stream(Stream::compute);
  const Communication* first = nullptr;
  for (const Call& c : graph.calls()) {
    if (c.what == Call::What::launch) step_for(c.kernel, lane(c.stream), on);
    if (c.what == Call::What::communicate && first == nullptr) first = &c.communication;
  }
  events_.start(on);
  if (first) watch_.begins(*first, on);
  graph.launch(on);
  if (first) watch_.queued(on);
}

// Asks whether work could be queued, and, to find which instruction fails, whether it has ended well.
void CudaBackend::queued(std::string_view what, cudaStream_t on) {
  check(cudaGetLastError(), what);
  if (wait_for_each_) check(cudaStreamSynchronize(on), what);
}

void CudaBackend::communicate_now(const Communication& what, Stream stream) {
  const cudaStream_t on = device_.stream(stream);
  if (!capturing_) watch_.begins(what, on);
  communicators_.run(what, on);
  if (!capturing_) watch_.queued(on);
}

void CudaBackend::copy_now(const Call& c) {
  try {
    check(cudaMemcpyAsync(c.to, c.from, static_cast<std::size_t>(c.bytes.v), cudaMemcpyDefault,
                          device_.stream(c.stream)),
          std::to_string(c.bytes.v) + " bytes");
  } catch (const DeviceError& e) {
    fail(e, "a copy");
  }
}

void CudaBackend::synchronize() {
  or_stop([&] { wait_for_all(); });
}

void CudaBackend::wait_for_all() {
  try {
    if (const StepGraph* g = graphs_.find(calls_, [this](const Calls& c) { return capture(c); }))
      launch(*g);
    else
      carry_out_all();
    calls_.clear();
  } catch (const DeviceError&) {
    stop_if_asked();
    throw;
  }
  try {
    for (cudaStream_t s : device_.streams()) check(cudaStreamSynchronize(s), "waiting for the step's end");
  } catch (const DeviceError& e) {
    fail(e, "something that was queued (ORRERY_CUDA_WAIT=1 finds what)");
  }
  stop_if_asked();
  watch_.step_ended();
  communicators_.step_ended();
  communicators_.idle(true);
  events_.step_ended();
}

void CudaBackend::synchronize(EventIndex event) {
  or_stop([&] {
    carry_out_all();
    events_.synchronize(event);
    stop_if_asked();
  });
}

}  // namespace orrery::cuda

#include "runtime/play/player.h"

#include <algorithm>
#include <cmath>

namespace orrery {
namespace {

const Buffer* tokens_of(const Program& p, std::uint32_t stage) {
  for (const Persistent& b : p.persistents)
    if (b.home == home::tokens && p.stages[b.virtual_stage].team == stage) return &p.buffers[b.buffer];
  return nullptr;
}

}  // namespace

Player::Player(const Setup& q, const Program& program, std::uint32_t rank, Backend& backend,
               FetchTokens fetch)
    : program_(program),
      backend_(backend),
      fetch_(std::move(fetch)),
      at_(coordinates(q.plan, rank)),
      arena_(lay_out(program, at_.stage)) {
  base_ = static_cast<std::byte*>(backend.allocate(arena_.size(), Memory::device));
  results_ = static_cast<float*>(backend.allocate({Arena::alignment}, Memory::host));
  if (const Buffer* tokens = tokens_of(program, at_.stage)) {
    staging_ = static_cast<std::int64_t*>(backend.allocate(tokens->bytes(), Memory::host));
    tokens_ = static_cast<std::size_t>(tokens->shape.elements());
  }
  sequences_ = micro_batches(q.training, q.plan) * q.plan.micro_batch;
  const RankMemory memory{program, arena_, base_};
  holdings_ = list_holdings(memory, at_);
  binding_ = std::make_unique<Binding>(q, memory, rank, holdings_, arguments_, staging_);
  backend.open_groups(issues().groups, issues().group_ids);
  backend.create_events(static_cast<std::uint32_t>(2 * issues().list.size()));
}

Player::~Player() = default;

void Player::issue(std::uint32_t i, bool measured) {
  const Issues& all = issues();
  const Issue& it = all.list[i];
  for (std::uint32_t w = it.first_wait; w < it.first_wait + it.waits; ++w)
    backend_.wait(2 * all.waits[w] + 1, it.stream);
  if (measured) backend_.record(2 * i, it.stream);
  for (std::uint32_t k = it.first_kernel; k < it.first_kernel + it.kernels; ++k)
    backend_.launch(all.kernels[k], it.stream);
  if (is_meeting(it.kind)) {
    backend_.communicate(all.communications[it.communication], it.stream);
  } else if (it.kind == Kind::copy) {
    backend_.copy(all.tokens.to, all.tokens.from, all.tokens.bytes, it.stream);
  } else if (it.kind == Kind::host) {
    fetch_(arguments_.step, std::int64_t{at_.data} * sequences_, sequences_, {staging_, tokens_});
  }
  if (measured || it.awaited) backend_.record(2 * i + 1, it.stream);
}

float Player::read(std::uint32_t virtual_stage, std::uint32_t home) {
  backend_.copy(results_, base_ + arena_.offset(virtual_stage, home).v, {sizeof(float)}, Stream::to_host);
  backend_.synchronize();
  return *results_;
}

StepResult Player::step(const StepArguments& arguments, Timeline* timeline) {
  arguments_ = arguments;
  const auto count = static_cast<std::uint32_t>(issues().list.size());
  for (std::uint32_t i = 0; i < count; ++i) issue(i, timeline != nullptr);
  backend_.synchronize();
  if (timeline) {
    timeline->start.resize(count);
    timeline->end.resize(count);
    for (std::uint32_t i = 0; i < count; ++i) {
      timeline->start[i] = backend_.time_of(2 * i);
      timeline->end[i] = backend_.time_of(2 * i + 1);
    }
  }
  StepResult out;
  out.gradient_norm = std::sqrt(read(at_.stage, home::gradient_norm));
  const auto last = static_cast<std::uint32_t>(program_.stages.size() - 1);
  if (program_.stages[last].team == at_.stage && at_.tensor == 0) {
    out.has_loss = true;
    out.loss_sum = read(last, home::loss);
  }
  return out;
}

}  // namespace orrery

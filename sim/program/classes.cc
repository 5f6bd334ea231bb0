#include "sim/program/classes.h"

#include "sim/base/hash.h"

namespace orrery {

void ClassTable::clear() {
  classes_.clear();
  hashes_.clear();
  table_.assign(1024, 0);
  keys_ = 0;
  for (auto& s : signatures_) s.clear();
}

std::size_t ClassTable::slot(Role role) {
  if (role == Role::from_previous) role = Role::to_next;
  if (role == Role::from_next) role = Role::to_previous;
  return static_cast<std::size_t>(role);
}

std::uint32_t ClassTable::compute(const Op& op, std::uint32_t device) {
  CostClass key;
  key.op = op;
  key.device = device;
  std::uint64_t h =
      mix(static_cast<std::uint64_t>(op.name) | static_cast<std::uint64_t>(op.pass) << 8 |
          static_cast<std::uint64_t>(op.dtype) << 16 | static_cast<std::uint64_t>(op.accumulate) << 24 |
          static_cast<std::uint64_t>(device) << 32);
  for (std::int64_t v : {op.batch, op.m, op.n, op.k, op.elements}) h = mix(h ^ static_cast<std::uint64_t>(v));
  return intern(key, h, 1, Role::self);
}

std::uint32_t ClassTable::local(Kind kind, Bytes bytes, std::uint32_t device) {
  CostClass key;
  key.kind = kind;
  key.bytes = bytes;
  key.device = device;
  return intern(key, mix(static_cast<std::uint64_t>(bytes.v) ^ static_cast<std::uint64_t>(kind) << 48), 1,
                Role::self);
}

std::uint32_t ClassTable::communicate(Kind kind, Role role, Bytes bytes, DType dtype, bool pipelined) {
  CostClass key;
  key.kind = kind == Kind::receive ? Kind::send : kind;
  key.role = role == Role::from_previous ? Role::to_next : role == Role::from_next ? Role::to_previous : role;
  key.bytes = bytes;
  key.dtype = dtype;
  key.pipelined = pipelined;
  const std::uint64_t h =
      mix(mix(static_cast<std::uint64_t>(bytes.v)) ^ static_cast<std::uint64_t>(key.kind) ^
          static_cast<std::uint64_t>(key.role) << 8 ^ static_cast<std::uint64_t>(dtype) << 16 ^
          static_cast<std::uint64_t>(pipelined) << 24);
  const std::vector<GroupSignature>& variants = signatures_[slot(role)];
  key.group = variants.front();
  return intern(key, h, variants.size(), role);
}

std::uint32_t ClassTable::intern(const CostClass& key, std::uint64_t hash, std::size_t count, Role role) {
  if (2 * keys_ >= table_.size()) grow();
  const std::size_t mask = table_.size() - 1;
  for (std::size_t i = hash & mask;; i = (i + 1) & mask) {
    if (table_[i] == 0) {
      const auto id = static_cast<std::uint32_t>(classes_.size());
      table_[i] = id + 1;
      ++keys_;
      for (std::size_t v = 0; v < count; ++v) {
        classes_.push_back(key);
        hashes_.push_back(hash);
        if (role != Role::self) classes_.back().group = signatures_[slot(role)][v];
      }
      return id;
    }
    const std::uint32_t id = table_[i] - 1;
    if (hashes_[id] == hash && classes_[id] == key) return id;
  }
}

void ClassTable::grow() {
  std::vector<std::uint32_t> old(2 * table_.size(), 0);
  old.swap(table_);
  const std::size_t mask = table_.size() - 1;
  for (std::uint32_t entry : old) {
    if (entry == 0) continue;
    std::size_t i = hashes_[entry - 1] & mask;
    while (table_[i] != 0) i = (i + 1) & mask;
    table_[i] = entry;
  }
}

}  // namespace orrery

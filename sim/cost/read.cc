#include "sim/cost/read.h"

#include <algorithm>
#include <map>
#include <set>
#include <variant>
#include <vector>

#include "sim/base/reader.h"
#include "sim/base/units.h"
#include "sim/cost/constants.h"
#include "sim/cost/nccl_tables.h"

namespace orrery {
namespace {

constexpr std::string_view evidences[] = {"measured", "calibrated", "datasheet", "assumed"};
constexpr std::string_view collectives[] = {"all_reduce", "reduce_scatter", "all_gather", "all_to_all", "broadcast"};
constexpr Kind collective_kinds[] = {Kind::all_reduce, Kind::reduce_scatter, Kind::all_gather, Kind::all_to_all,
                                     Kind::broadcast};
constexpr std::string_view op_kinds[] = {"matmul", "attention", "memory"};
constexpr std::int64_t largest = std::int64_t{1} << 50;
constexpr int deepest = 8;

// The names of an enumeration up to `last`, in its order.
template <class Enum>
std::vector<std::string_view> names_to(Enum last) {
  std::vector<std::string_view> out;
  for (std::size_t i = 0; i <= static_cast<std::size_t>(last); ++i) out.push_back(name(static_cast<Enum>(i)));
  return out;
}

Provenance read_provenance(const Reader& r) {
  Provenance p;
  p.evidence = static_cast<Evidence>(r.word("evidence", evidences));
  p.source = r.string("source");
  if (p.source.empty()) r.fail_at("source", "where the value stands");
  return p;
}

HeldOut read_held_out(const Reader& r) {
  HeldOut out;
  out.runs = static_cast<int>(r.integer("runs", 9, 1'000'000));
  out.error = r.percent("error");
  if (!(out.error > 0 && out.error < 1)) r.fail_at("error", "a percentage between 0 % and 100 %");
  out.source = r.string("source");
  if (out.source.empty()) r.fail_at("source", "which runs these are");
  r.done();
  return out;
}

void read_into(const Reader& r, std::string_view key, double& v) { v = r.number(key, 0, 1e6); }
void read_into(const Reader& r, std::string_view key, Seconds& v) { v = r.duration(key); }
void read_into(const Reader& r, std::string_view key, Bytes& v) { v = r.bytes(key); }

// What divides may not be zero.
bool divides(std::string_view name) {
  constexpr std::string_view names[] = {"matmul16.efficiency", "matmul16.memory_efficiency", "matmul8.efficiency",
                                        "matmul8.memory_efficiency", "clock16", "clock8", "memory_efficiency",
                                        "attention_multiplier", "attention_both_over_forward", "network_efficiency",
                                        "message_efficiency", "curve_multiplier", "jitter_ranks"};
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

class CalibrationReader {
 public:
  CalibrationReader(Files& files, Calibration& into) : files_(files), c_(into) {
    for_each_constant(c_, [&](std::string_view name, auto& value) { places_.emplace(name, &value); });
  }

  void read(const std::string& file, int depth) {
    const Json document = parse_json(files_.text(file), file);
    Reader r(document, file);
    r.schema("orrery.calibration/1");
    for (const Reader& base : r.array_if("bases")) {
      if (depth == deepest) fail(base.where(), "a chain of at most " + std::to_string(deepest) + " bases");
      const std::size_t slash = file.rfind('/');
      read((slash == std::string::npos ? "" : file.substr(0, slash + 1)) + base.as_string(), depth + 1);
    }
    seen_.clear();
    in_file_ = {};
    measured_in_file_ = 0;
    c_.name = r.string("name");
    c_.held_out = {};  // a base's is of other constants
    c_.facts.clear();  // ... of another machine
    if (const auto facts = r.object_if("facts"))
      for (const std::string& key : facts->keys()) c_.facts[key] = facts->string(key);
    if (const auto stated = r.object_if("held_out")) c_.held_out = read_held_out(*stated);
    c_.device = r.string_or("device", c_.device);
    c_.stack = r.string_or("stack", c_.stack);
    c_.nccl = r.string_or("nccl", c_.nccl);
    if (c_.nccl != no_nccl && !nccl_version(c_.nccl))
      r.fail_at("nccl", "a version of NCCL such as \"2.28\", or \"none\"");
    c_.attention_kernel = r.string_or("attention_kernel", c_.attention_kernel);
    for (const Reader& group : r.array_if("constants")) constants(group);
    for (const Reader& row : r.array_if("attention")) attention(row);
    for (const Reader& row : r.array_if("curves")) curve(row);
    for (const Reader& group : r.array_if("measured")) measured(group);
    r.done();
  }

 private:
  void constants(const Reader& group) {
    const Provenance p = read_provenance(group);
    const Reader values = group.object("values");
    for (const std::string& name : values.keys()) {
      const auto at = places_.find(name);
      if (at == places_.end()) {
        const auto close = nearest(name, constant_names());
        values.fail_at(name, "the name of a constant" + (close ? ", such as \"" + *close + "\"" : ""));
      }
      once(values, name, name);
      std::visit([&](auto* value) { read_into(values, name, *value); }, at->second);
      if (const auto* number = std::get_if<double*>(&at->second); number && **number == 0 && divides(name))
        values.fail_at(name, "more than 0");
      c_.provenance[name] = p;
    }
    group.done();
  }

  void attention(const Reader& r) {
    AttentionRates row;
    const Provenance p = read_provenance(r);
    row.kernel = r.string("kernel");
    row.head_dim = static_cast<int>(r.integer("head_dim", 1, 4096));
    row.causal = r.boolean_or("causal", true);
    row.forward_only = r.boolean_or("forward_only", false);
    const std::vector<Reader> rates = r.array("rates");
    if (rates.size() != row.rates.size())
      r.fail_at("rates", "6 rates, for sequences of 512, 1024, 2048, 4096, 8192, 16384");
    for (std::size_t i = 0; i < rates.size(); ++i) {
      const auto rate = parse_flop_rate(rates[i].as_string());
      if (!rate || rate->v <= 0) fail(rates[i].where(), "a rate such as \"150 TFLOP/s\"", describe(rates[i].value()));
      row.rates[i] = rate->v;
    }
    r.done();
    const std::string key = attention_key(row);
    once(r, "kernel", key);
    replace(c_.attention_rates, row, [&](const AttentionRates& x) { return attention_key(x) == key; });
    c_.provenance[key] = p;
  }

  void curve(const Reader& r) {
    Curve row;
    const Provenance p = read_provenance(r);
    row.kind = collective_kinds[r.word("op", collectives)];
    row.ranks = static_cast<int>(r.integer("ranks", 2, 1024));
    row.latency = r.duration("latency");
    row.bandwidth = r.bandwidth("bandwidth");
    row.ramp = r.duration("ramp");
    r.done();
    const std::string key = curve_key(row);
    once(r, "ranks", key);
    replace(c_.curves, row, [&](const Curve& x) { return curve_key(x) == key; });
    c_.provenance[key] = p;
  }

  void measured(const Reader& group) {
    const std::string source = group.string("source");
    if (source.empty()) group.fail_at("source", "where the times stand");
    for (const Reader& r : group.array("ops")) {
      MeasuredOp m{read_op(r), r.duration("time"), r.number_or("spread", 0, 0, 1e6), source};
      r.done();
      in_file_.set(m);
      if (in_file_.all().size() == ++measured_in_file_) c_.measured.set(std::move(m));
      else fail(r.where(), "an op of this pass and shape once in a file");
    }
    group.done();
  }

  static Op read_op(const Reader& r) {
    Op op;
    op.name = static_cast<OpName>(r.word("op", names_to(OpName::gradient_cast)));
    op.kind = static_cast<OpKind>(r.word("kind", op_kinds));
    op.pass = static_cast<Pass>(r.word("pass", names_to(Pass::update)));
    op.dtype = static_cast<DType>(r.word("dtype", names_to(DType::uint8)));
    op.causal = r.boolean_or("causal", false);
    op.gated = r.boolean_or("gated", false);
    op.accumulate = r.boolean_or("accumulate", false);
    op.batch = r.integer_or("batch", 1, 1, largest);
    op.m = r.integer_or("m", 0, 0, largest);
    op.n = r.integer_or("n", 0, 0, largest);
    op.k = r.integer_or("k", 0, 0, largest);
    op.elements = r.integer_or("elements", 0, 0, largest);
    return op;
  }

  void once(const Reader& r, std::string_view key, const std::string& what) {
    if (!seen_.insert(what).second) r.fail_at(key, what + " once in a file");
  }

  template <class Row, class Same>
  static void replace(std::vector<Row>& rows, const Row& row, Same same) {
    const auto old = std::find_if(rows.begin(), rows.end(), same);
    if (old == rows.end()) rows.push_back(row);
    else *old = row;
  }

  Files& files_;
  Calibration& c_;
  std::map<std::string, std::variant<double*, Seconds*, Bytes*>> places_;  // of c_, by name
  std::set<std::string> seen_;   // in the file being read
  MeasuredOps in_file_;
  std::size_t measured_in_file_ = 0;
};

Json value_json(double v) { return v; }
Json value_json(Seconds v) { return exact(v); }
Json value_json(Bytes v) { return exact(v); }

void set_provenance(Json& to, const Provenance& p) {
  to.set("evidence", std::string(name(p.evidence)));
  to.set("source", p.source.empty() ? "default" : p.source);
}

// Constants of one source and evidence together, in the order of the first of each.
std::vector<Json> constant_groups(const Calibration& c) {
  std::vector<Provenance> keys;
  std::vector<Json> values;
  for_each_constant(c, [&](std::string_view n, const auto& v) {
    if (c.provenance.find(n) == c.provenance.end()) return;
    const Provenance& p = provenance(c, n);
    const auto at = static_cast<std::size_t>(std::find(keys.begin(), keys.end(), p) - keys.begin());
    if (at == keys.size()) {
      keys.push_back(p);
      values.push_back(Json::object());
    }
    values[at].set(std::string(n), value_json(v));
  });
  std::vector<Json> groups;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    Json group = Json::object();
    set_provenance(group, keys[i]);
    group.set("values", values[i]);
    groups.push_back(std::move(group));
  }
  return groups;
}

// What has its default is left out.
Json op_json(const MeasuredOp& m) {
  const Op& op = m.op;
  Json out = Json::object();
  out.set("op", name(op.name)).set("kind", op_kinds[static_cast<std::size_t>(op.kind)]);
  out.set("pass", name(op.pass)).set("dtype", name(op.dtype));
  if (op.causal) out.set("causal", true);
  if (op.gated) out.set("gated", true);
  if (op.accumulate) out.set("accumulate", true);
  if (op.batch != 1) out.set("batch", op.batch);
  const std::pair<const char*, std::int64_t> sizes[] = {{"m", op.m}, {"n", op.n}, {"k", op.k}, {"elements", op.elements}};
  for (const auto& [key, size] : sizes)
    if (size != 0) out.set(key, size);
  return out.set("time", exact(m.time)).set("spread", m.spread);
}

// Ops of one source together, in the order of the first of each.
Json measured_groups(const MeasuredOps& measured) {
  std::vector<std::string> sources;
  std::vector<Json> ops;
  for (const MeasuredOp& m : measured.all()) {
    const auto at = static_cast<std::size_t>(std::find(sources.begin(), sources.end(), m.source) - sources.begin());
    if (at == sources.size()) {
      sources.push_back(m.source);
      ops.push_back(Json::array());
    }
    ops[at].push(op_json(m));
  }
  Json out = Json::array();
  for (std::size_t i = 0; i < sources.size(); ++i)
    out.push(Json::object().set("source", sources[i]).set("ops", ops[i]));
  return out;
}

}  // namespace

Calibration read_calibration(Files& files, std::string_view file) {
  Calibration c;
  CalibrationReader(files, c).read(std::string(file), 0);
  return c;
}

Json write_calibration(const Calibration& c) {
  Json out = Json::object();
  out.set("schema", "orrery.calibration/1").set("name", c.name).set("device", c.device).set("stack", c.stack);
  out.set("nccl", c.nccl).set("attention_kernel", c.attention_kernel);
  if (const HeldOut& h = c.held_out; h.runs > 0)
    out.set("held_out", Json::object({{"runs", h.runs},
                                      {"error", Json(h.error * 100).dump(false) + " %"},
                                      {"source", h.source}}));
  if (!c.facts.empty()) {
    Json facts = Json::object();
    for (const auto& [key, value] : c.facts) facts.set(key, value);
    out.set("facts", std::move(facts));
  }
  out.set("constants", Json::array(constant_groups(c)));
  Json attention = Json::array(), curves = Json::array();
  for (const AttentionRates& a : c.attention_rates) {
    Json row = Json::object(), rates = Json::array();
    set_provenance(row, provenance(c, attention_key(a)));
    for (double rate : a.rates) rates.push(exact(FlopsPerSecond{rate}));
    row.set("kernel", a.kernel).set("head_dim", a.head_dim).set("causal", a.causal);
    row.set("forward_only", a.forward_only).set("rates", std::move(rates));
    attention.push(std::move(row));
  }
  for (const Curve& k : c.curves) {
    Json row = Json::object();
    set_provenance(row, provenance(c, curve_key(k)));
    row.set("op", name(k.kind)).set("ranks", k.ranks).set("latency", exact(k.latency));
    row.set("bandwidth", exact(k.bandwidth)).set("ramp", exact(k.ramp));
    curves.push(std::move(row));
  }
  out.set("attention", std::move(attention)).set("curves", std::move(curves));
  if (!c.measured.all().empty()) out.set("measured", measured_groups(c.measured));
  return out;
}

}  // namespace orrery

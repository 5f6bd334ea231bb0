#include <charconv>

#include "sim/base/json.h"
#include "sim/report/trace.h"
#include "sim/report/trace_source.h"

namespace orrery {
namespace {

using namespace report;

void append(std::string& out, std::int64_t v) {
  char buffer[24];
  out.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, v).ptr);
}

// Microseconds with what a tick needs of six digits.
void append(std::string& out, Tick t) {
  append(out, t.v / 1'000'000);
  std::int64_t rest = t.v % 1'000'000;
  if (rest == 0) return;
  std::string digits = std::to_string(1'000'000 + rest).substr(1);
  digits.erase(digits.find_last_not_of('0') + 1);
  out += '.';
  out += digits;
}

std::string_view scalar_type(DType t) {  // as torch names it
  switch (t) {
    case DType::fp32:
      return "Float";
    case DType::bf16:
      return "BFloat16";
    case DType::fp16:
      return "Half";
    case DType::fp8:
      return "Float8_e4m3fn";
    case DType::int64:
      return "Long";
    default:
      return "Byte";
  }
}

class Chrome {
 public:
  Chrome(const Program& p, std::span<const NamedTimeline> timelines, const Sink& sink)
      : p_(p), timelines_(timelines), out_(sink) {}

  void run(const TraceOptions& options) {
    const std::vector<TracedRank> ranks = traced_ranks(p_, options);
    std::string& s = out_.text();
    s += "{\"schemaVersion\":1,\"displayTimeUnit\":\"ms\",";
    if (ranks.size() == 1) {
      s += "\"distributedInfo\":{\"backend\":\"nccl\",\"rank\":";
      append(s, std::int64_t{ranks[0].rank.i});
      s += "},";
    }
    s += "\"traceEvents\":[";
    for (; index_ < timelines_.size(); ++index_)
      for (const TracedRank& r : ranks) rank(r, options);
    out_.text() += "\n]}\n";
  }

 private:
  void rank(const TracedRank& r, const TraceOptions& options) {
    const Timeline& t = timelines_[index_].timeline;
    const RankView view(p_, t, r.team, r.player);
    describe(r, view.streams());
    for (const RankView::Item& i : view.items()) slice(r, view, i);
    if (options.memory)
      for (const MemorySample& m : memory_samples(p_, t, r.team, r.player)) counter(r, m);
  }
  // Processes of one Timeline stand together.
  std::int64_t process(const TracedRank& r) const {
    return static_cast<std::int64_t>(index_) * processes_apart + std::int64_t{r.rank.i};
  }
  std::string& event() {
    std::string& s = out_.text();
    s += first_ ? "\n" : ",\n";
    first_ = false;
    return s;
  }
  void metadata(const TracedRank& r, std::string_view what, int tid, std::string_view key,
                const Json& value) {
    std::string& s = event();
    s += "{\"ph\":\"M\",\"name\":\"";
    s += what;
    s += "\",\"pid\":" + std::to_string(process(r));
    if (tid > 0) s += ",\"tid\":" + std::to_string(tid);
    s += ",\"args\":{\"";
    s += key;
    s += "\":" + value.dump(false) + "}}";
  }
  void describe(const TracedRank& r, std::uint32_t streams) {
    const std::string_view which = timelines_[index_].name;
    metadata(r, "process_name", 0, "name", which.empty() ? r.name : std::string(which) + " " + r.name);
    metadata(r, "process_sort_index", 0, "sort_index", process(r));
    for (std::uint32_t s = 0; s < stream_count; ++s) {
      const int tid = static_cast<int>(s) + 1;
      if ((streams >> s & 1) == 0) continue;
      metadata(r, "thread_name", tid, "name", std::string(name(static_cast<Stream>(s))) + " stream");
      metadata(r, "thread_sort_index", tid, "sort_index", tid);
    }
  }

  // "pid", "tid" and "ts" of an event on a stream.
  void place(std::string& s, const TracedRank& r, const Row& row, Tick at) const {
    s += ",\"pid\":";
    append(s, process(r));
    s += ",\"tid\":";
    append(s, static_cast<std::int64_t>(row.stream) + 1);
    s += ",\"ts\":";
    append(s, at);
  }

  void slice(const TracedRank& r, const RankView& view, const RankView::Item& i) {
    const Row& row = view.row(i);
    const Tick begin = view.begin(i);
    std::string& s = event();
    s += "{\"ph\":\"X\",\"cat\":\"";
    s += category_word(row);
    s += "\",\"name\":\"" + slice_name(p_, row) + "\"";
    place(s, r, row, view.start(i));
    s += ",\"dur\":";
    append(s, view.end(i) - view.start(i));
    s += ",\"args\":{\"device\":";
    append(s, std::int64_t{r.rank.i});
    s += ",\"stream\":";
    append(s, static_cast<std::int64_t>(row.stream) + 1);
    s += ",\"correlation\":";
    append(s, std::int64_t{i.id});
    const Call& call = p_.calls[i.call];
    s += ",\"micro_batch\":";
    append(s, std::int64_t{call.micro_batch});
    s += ",\"virtual_stage\":";
    append(s, std::int64_t{call.virtual_stage});
    s += ",\"layer\":";
    append(s, std::int64_t{p_.stages[call.virtual_stage].first_layer + row.layer});
    if (is_meeting(row.kind)) communication(s, r, row, p_.classes[i.cost_class], begin - view.start(i));
    s += "}}";
    if (row.kind == Kind::send || row.kind == Kind::receive) flow(r, view, i, begin);
  }

  void communication(std::string& s, const TracedRank& r, const Row& row, const CostClass& c, Tick waited) {
    const Team::InRole& in = p_.teams[r.team].roles[static_cast<std::size_t>(row.role)];
    const std::int64_t all = c.bytes.v / size_of(c.dtype), size = c.group.size;
    const std::int64_t part = c.kind == Kind::all_gather || c.kind == Kind::reduce_scatter ? all / size : all;
    s += ",\"Collective name\":\"";
    s += collective_name(row.kind);
    s += "\",\"In msg nelems\":";
    append(s, c.kind == Kind::all_gather ? part : all);
    s += ",\"Out msg nelems\":";
    append(s, c.kind == Kind::reduce_scatter ? part : all);
    s += ",\"Group size\":";
    append(s, size);
    s += ",\"dtype\":\"";
    s += scalar_type(c.dtype);
    s += "\",\"Process Group Name\":\"";
    append(s, std::int64_t{in.group[r.player]});
    s += "\",\"Process Group Description\":\"";
    s += name(row.role);
    s += "\",\"waited\":";
    append(s, waited);
  }

  // An arrow, when both ends have come; where viewers look for the slice that encloses it.
  void flow(const TracedRank& r, const RankView& view, const RankView::Item& i, Tick begin) {
    std::string& s = event();
    s += view.row(i).kind == Kind::send ? "{\"ph\":\"s\"" : "{\"ph\":\"f\",\"bp\":\"e\"";
    s += ",\"cat\":\"message\",\"name\":\"message\",\"id\":";
    append(s, (static_cast<std::int64_t>(index_) << 32) + std::int64_t{flow_id(view, i)});
    place(s, r, view.row(i), begin);
    s += "}";
  }

  void counter(const TracedRank& r, const MemorySample& m) {
    std::string& s = event();
    s += "{\"ph\":\"C\",\"name\":\"memory\",\"pid\":";
    append(s, process(r));
    s += ",\"ts\":";
    append(s, m.at);
    s += ",\"args\":{\"bytes\":";
    append(s, m.bytes.v);
    s += "}}";
  }

  static constexpr std::int64_t processes_apart = 1'000'000;
  const Program& p_;
  std::span<const NamedTimeline> timelines_;
  std::size_t index_ = 0;  // of the Timeline under way
  Buffered out_;
  bool first_ = true;
};

}  // namespace

void write_chrome_trace(const Program& p, const Timeline& t, const TraceOptions& options, const Sink& sink) {
  const NamedTimeline one{"", t};
  write_chrome_traces(p, {&one, 1}, options, sink);
}

void write_chrome_traces(const Program& p, std::span<const NamedTimeline> timelines,
                         const TraceOptions& options, const Sink& sink) {
  Chrome(p, timelines, sink).run(options);
}

}  // namespace orrery

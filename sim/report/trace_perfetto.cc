// Field numbers: perfetto/trace/trace_packet.proto, track_descriptor.proto, track_event.proto,
// interned_data.proto.
#include <map>
#include <protozero/pbf_writer.hpp>

#include "sim/report/trace.h"
#include "sim/report/trace_source.h"

namespace orrery {
namespace {

using namespace report;
using protozero::pbf_writer;

namespace trace_field {
constexpr unsigned packet = 1;
}
namespace packet_field {
constexpr unsigned timestamp = 8, sequence_id = 10, track_event = 11, interned_data = 12, sequence_flags = 13,
                   track_descriptor = 60;
}
namespace track_field {
constexpr unsigned uuid = 1, name = 2, process = 3, parent_uuid = 5, counter = 8, child_ordering = 11,
                   sibling_rank = 12;
constexpr unsigned process_pid = 1, process_name = 6, counter_unit = 3;
constexpr int explicit_order = 3, size_bytes = 3;
}  // namespace track_field
namespace event_field {
constexpr unsigned annotations = 4, type = 9, name_iid = 10, track_uuid = 11, categories = 22,
                   counter_value = 30, flow_ids = 47;
constexpr unsigned annotation_name_iid = 1, annotation_uint = 3;
constexpr int slice_begin = 1, slice_end = 2, counter = 4;
}  // namespace event_field
namespace interned_field {
constexpr unsigned event_names = 2, annotation_names = 3, iid = 1, name = 2;
}
constexpr std::uint32_t cleared = 1, needs_state = 2;  // of sequence_flags
constexpr std::uint32_t sequence = 1;

std::uint64_t nanoseconds(Tick t) { return static_cast<std::uint64_t>(t.v / 1000); }

class Perfetto {
 public:
  Perfetto(const Program& p, const Timeline& t, const Sink& sink) : p_(p), t_(t), out_(sink) {}

  void run(const TraceOptions& options) {
    begin_sequence();
    for (const TracedRank& r : traced_ranks(p_, options)) {
      const RankView view(p_, t_, r.team, r.player);
      describe(r, view.streams());
      for (const RankView::Item& i : view.items()) slice(r, view, i);
      if (options.memory)
        for (const MemorySample& m : memory_samples(p_, t_, r.team, r.player)) counter(r, m);
    }
  }

 private:
  static std::uint64_t process_uuid(const TracedRank& r) { return (std::uint64_t{r.rank.i} + 1) << 8; }
  static std::uint64_t track_uuid(const TracedRank& r, std::uint32_t stream) {
    return process_uuid(r) + stream + 1;
  }
  static std::uint64_t memory_uuid(const TracedRank& r) { return process_uuid(r) + 255; }

  // Appends the packet that `fill` writes.
  template <class Fill>
  void packet(std::uint32_t flags, Fill fill) {
    data_.clear();
    pbf_writer writer(data_);
    writer.add_uint32(packet_field::sequence_id, sequence);
    writer.add_uint32(packet_field::sequence_flags, flags);
    fill(writer);
    pbf_writer(out_.text()).add_message(trace_field::packet, data_);
  }

  void begin_sequence() {
    packet(cleared, [](pbf_writer& w) {
      pbf_writer interned(w, packet_field::interned_data);
      std::uint64_t iid = 0;
      for (const char* const name : {"micro_batch", "layer"}) {
        pbf_writer entry(interned, interned_field::annotation_names);
        entry.add_uint64(interned_field::iid, ++iid);
        entry.add_string(interned_field::name, name);
      }
    });
  }

  void describe(const TracedRank& r, std::uint32_t streams) {
    packet(needs_state, [&](pbf_writer& w) {
      pbf_writer track(w, packet_field::track_descriptor);
      track.add_uint64(track_field::uuid, process_uuid(r));
      track.add_int32(track_field::child_ordering, track_field::explicit_order);
      pbf_writer process(track, track_field::process);
      process.add_int32(track_field::process_pid, static_cast<int>(r.rank.i) + 1);  // 0 is the kernel's
      process.add_string(track_field::process_name, r.name);
    });
    for (std::uint32_t s = 0; s < stream_count; ++s)
      if ((streams >> s & 1) != 0)
        child(r, track_uuid(r, s), std::string(name(static_cast<Stream>(s))) + " stream", static_cast<int>(s),
              false);
    child(r, memory_uuid(r), "memory", static_cast<int>(stream_count), true);
  }

  void child(const TracedRank& r, std::uint64_t uuid, const std::string& name, int rank, bool bytes) {
    packet(needs_state, [&](pbf_writer& w) {
      pbf_writer track(w, packet_field::track_descriptor);
      track.add_uint64(track_field::uuid, uuid);
      track.add_uint64(track_field::parent_uuid, process_uuid(r));
      track.add_string(track_field::name, name);
      track.add_int32(track_field::sibling_rank, rank);
      if (!bytes) return;
      pbf_writer counter(track, track_field::counter);
      counter.add_enum(track_field::counter_unit, track_field::size_bytes);
    });
  }

  void slice(const TracedRank& r, const RankView& view, const RankView::Item& i) {
    const Row& row = view.row(i);
    const std::uint64_t track = track_uuid(r, static_cast<std::uint32_t>(row.stream));
    const auto interning = names_.try_emplace(slice_name(p_, row), names_.size() + 1);
    const std::pair<const std::string, std::uint64_t>& named = *interning.first;
    const bool fresh = interning.second;
    packet(needs_state, [&](pbf_writer& w) {
      w.add_uint64(packet_field::timestamp, nanoseconds(view.start(i)));
      if (fresh) {
        pbf_writer interned(w, packet_field::interned_data);
        pbf_writer entry(interned, interned_field::event_names);
        entry.add_uint64(interned_field::iid, named.second);
        entry.add_string(interned_field::name, named.first);
      }
      pbf_writer event(w, packet_field::track_event);
      event.add_enum(event_field::type, event_field::slice_begin);
      event.add_uint64(event_field::track_uuid, track);
      event.add_uint64(event_field::name_iid, named.second);
      const std::string_view category = category_word(row);
      event.add_string(event_field::categories, category.data(), category.size());
      if (row.kind == Kind::send || row.kind == Kind::receive)
        event.add_fixed64(event_field::flow_ids, std::uint64_t{flow_id(view, i)} + 1);
      const Call& call = p_.calls[i.call];
      annotate(event, 1, call.micro_batch);
      annotate(event, 2, p_.stages[call.virtual_stage].first_layer + row.layer);
    });
    packet(needs_state, [&](pbf_writer& w) {
      w.add_uint64(packet_field::timestamp, nanoseconds(view.end(i)));
      pbf_writer event(w, packet_field::track_event);
      event.add_enum(event_field::type, event_field::slice_end);
      event.add_uint64(event_field::track_uuid, track);
    });
  }

  static void annotate(pbf_writer& event, std::uint64_t name, std::uint64_t value) {
    pbf_writer annotation(event, event_field::annotations);
    annotation.add_uint64(event_field::annotation_name_iid, name);
    annotation.add_uint64(event_field::annotation_uint, value);
  }

  void counter(const TracedRank& r, const MemorySample& m) {
    packet(needs_state, [&](pbf_writer& w) {
      w.add_uint64(packet_field::timestamp, nanoseconds(m.at));
      pbf_writer event(w, packet_field::track_event);
      event.add_enum(event_field::type, event_field::counter);
      event.add_uint64(event_field::track_uuid, memory_uuid(r));
      event.add_int64(event_field::counter_value, m.bytes.v);
    });
  }

  const Program& p_;
  const Timeline& t_;
  Buffered out_;
  std::string data_;
  std::map<std::string, std::uint64_t> names_;
};

}  // namespace

void write_perfetto_trace(const Program& p, const Timeline& t, const TraceOptions& options,
                          const Sink& sink) {
  Perfetto(p, t, sink).run(options);
}

}  // namespace orrery

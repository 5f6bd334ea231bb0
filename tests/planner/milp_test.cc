// The search against another program's answer: the problem as a mixed-integer linear program, written from
// its definition (planner/exact/problem.h) and solved by CBC, which is a dependency of this test alone.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>

#include "planner/exact/frame.h"
#include "tests/planner/random_problem.h"

namespace orrery::exact {
namespace {

// Stands for `never`: no sum of times reaches it. `big` switches a row off.
constexpr Time far = 20'000, big = 50'000;

// Variables: x_i_c_s, position i lies in chunk c with strategy s; b_i, it begins its chunk; e_i_c, it ends
// chunk c; s_i_q, state q behind it; v_c_k, component k of chunk c; t_n, node n. All maxima are rows "at
// least", since the least last node is asked for.
class LinearProgram {
 public:
  explicit LinearProgram(const Problem& p) : p_(p), used_(p.components.size(), false) {
    for (const Edge& e : p.graph.edges)
      if (e.chunk >= 0) used_[static_cast<std::size_t>(e.component)] = true;
    for (const auto& limits : p.limits)
      for (const Limit& limit : limits)
        for (const Term& t : limit.terms) used_[static_cast<std::size_t>(t.component)] = true;
  }

  std::string text() {
    cuts();
    for (int i = 0; i < p_.positions(); ++i) words(i);
    limits();
    nodes();
    std::ostringstream out;
    out << "Minimize\n step: t_" << p_.graph.first_edge.size() - 2 << "\nSubject To\n"
        << rows_.str() << "Bounds\n"
        << bounds_.str() << "Binaries\n"
        << binaries_.str() << "End\n";
    return out.str();
  }

 private:
  using Sum = std::map<std::string, Time>;
  static std::string name(const char* kind, int a, int b) {
    return kind + std::to_string(a) + "_" + std::to_string(b);
  }
  static std::string x(int i, int c, int s) { return name("x_", i, c) + "_" + std::to_string(s); }

  void row(const Sum& sum, const char* relation, Time right) {
    rows_ << " r" << ++count_ << ":";
    for (const auto& [variable, factor] : sum)
      if (factor != 0) rows_ << (factor < 0 ? " - " : " + ") << std::abs(factor) << " " << variable;
    rows_ << " " << relation << " " << right << "\n";
  }
  void binary(const std::string& variable) { binaries_ << " " << variable << "\n"; }
  void free(const std::string& variable) {
    bounds_ << " " << -far << " <= " << variable << " <= " << far << "\n";
  }
  int strategies(int i) const {
    return static_cast<int>(
        p_.tables[static_cast<std::size_t>(p_.table_of[static_cast<std::size_t>(i)])].size());
  }
  Sum in_chunk(int i, int c, Time factor) const {
    Sum out;
    for (int s = 0; s < strategies(i); ++s) out[x(i, c, s)] = factor;
    return out;
  }
  static void add(Sum& to, const Sum& more, Time factor = 1) {
    for (const auto& [variable, f] : more) to[variable] += factor * f;
  }

  // Every position in one chunk with one strategy; chunks in order, none empty.
  void cuts() {
    for (int i = 0; i < p_.positions(); ++i) {
      Sum all, step{{"b_" + std::to_string(i), -1}};
      for (int c = 0; c < p_.chunks; ++c) {
        add(all, in_chunk(i, c, 1));
        add(step, in_chunk(i, c, c));
        if (i > 0) add(step, in_chunk(i - 1, c, -c));
        for (int s = 0; s < strategies(i); ++s) binary(x(i, c, s));
        // It ends c if it lies in c and the next position begins a chunk.
        const std::string ends = name("e_", i, c);
        binary(ends);
        Sum end{{ends, 1}};
        add(end, in_chunk(i, c, -1));
        if (i + 1 < p_.positions()) end["b_" + std::to_string(i + 1)] = -1;
        row(end, ">=", i + 1 < p_.positions() ? -1 : 0);
      }
      row(all, "=", 1);
      binary("b_" + std::to_string(i));
      if (i > 0) row(step, "=", 0);
    }
    row({{"b_0", 1}}, "=", 1);
    row(in_chunk(0, 0, 1), "=", 1);
    row(in_chunk(p_.positions() - 1, p_.chunks - 1, 1), "=", 1);
  }

  void words(int i) {
    const auto& table = p_.tables[static_cast<std::size_t>(p_.table_of[static_cast<std::size_t>(i)])];
    const std::string begins = "b_" + std::to_string(i);
    for (std::size_t k = 0; k < p_.components.size(); ++k) {
      if (!used_[k]) continue;
      const Component& component = p_.components[k];
      for (int j = 0; j < component.states; ++j) {
        free(name("s_", i, component.first + j));
        if (!component.final[static_cast<std::size_t>(j)]) continue;
        for (int c = 0; c < p_.chunks; ++c)
          row({{name("v_", c, static_cast<int>(k)), 1},
               {name("s_", i, component.first + j), -1},
               {name("e_", i, c), -big}},
              ">=", -big);
      }
      for (int s = 0; s < strategies(i); ++s) {
        Sum chosen;
        for (int c = 0; c < p_.chunks; ++c) chosen[x(i, c, s)] = -big;
        for (const Transition& t : table[static_cast<std::size_t>(s)].transitions) {
          if (t.from < component.first || t.from >= component.first + component.states) continue;
          const Time start = component.start[static_cast<std::size_t>(t.from - component.first)];
          Sum first{{name("s_", i, t.to), 1}, {begins, -big}};
          add(first, chosen);
          if (!is_never(start)) row(first, ">=", start + t.time - 2 * big);
          if (i == 0) continue;
          Sum later{{name("s_", i, t.to), 1}, {name("s_", i - 1, t.from), -1}, {begins, big}};
          add(later, chosen);
          row(later, ">=", t.time - big);
        }
      }
    }
  }

  void limits() {
    for (int u = 0; u < p_.units; ++u)
      for (const Limit& limit : p_.limits[static_cast<std::size_t>(u)]) {
        Sum bytes;
        for (const Term& t : limit.terms) bytes[name("v_", u + t.chunk * p_.units, t.component)] += t.count;
        row(bytes, "<=", limit.limit);
      }
    for (int c = 0; c < p_.chunks; ++c)
      for (std::size_t k = 0; k < used_.size(); ++k)
        if (used_[k]) free(name("v_", c, static_cast<int>(k)));
  }

  void nodes() {
    const Graph& g = p_.graph;
    for (int n = 0; n + 1 < static_cast<int>(g.first_edge.size()); ++n) {
      const std::string node = "t_" + std::to_string(n);
      free(node);
      const int first = g.first_edge[static_cast<std::size_t>(n)],
                last = g.first_edge[static_cast<std::size_t>(n) + 1];
      if (first == last) row({{node, 1}}, ">=", 0);
      for (int i = first; i < last; ++i) {
        const Edge& e = g.edges[static_cast<std::size_t>(i)];
        Sum sum{{node, 1}};
        if (e.from >= 0) sum["t_" + std::to_string(e.from)] -= 1;
        if (e.chunk >= 0) sum[name("v_", e.chunk, e.component)] -= 1;
        row(sum, ">=", e.constant);
      }
    }
  }

  const Problem& p_;
  std::vector<bool> used_;
  std::ostringstream rows_, bounds_, binaries_;
  int count_ = 0;
};

struct Solved {
  bool optimal = false, infeasible = false;
  double step = 0;
};

Solved solve(const std::string& program) {
  const std::filesystem::path at =
      std::filesystem::temp_directory_path() / ("orrery-milp-" + std::to_string(getpid()));
  const std::string lp = at.string() + ".lp", answer = at.string() + ".txt";
  std::ofstream(lp) << program;
  const std::string command = "cbc " + lp +
                              " ratioGap 0 allowableGap 0 integerTolerance 1e-7 sec 60 solve solution " +
                              answer + " > /dev/null 2>&1";
  Solved out;
  if (std::system(command.c_str()) == 0) {
    std::string line;
    std::ifstream in(answer);
    std::getline(in, line);
    out.optimal = line.rfind("Optimal", 0) == 0;
    out.infeasible = line.rfind("Infeasible", 0) == 0 || line.rfind("Integer infeasible", 0) == 0;
    if (const auto value = line.find("objective value"); value != std::string::npos)
      out.step = std::strtod(line.c_str() + value + 15, nullptr);
  }
  std::filesystem::remove(lp);
  std::filesystem::remove(answer);
  return out;
}

TEST(PathCuts, EqualAMixedIntegerProgram) {
  ASSERT_EQ(std::system("cbc quit > /dev/null 2>&1"), 0) << "needs cbc (Debian: coinor-cbc)";
  const std::size_t wanted = std::getenv("ORRERY_TEST_ALL") ? 50 : 4;
  std::size_t compared = 0, feasible = 0;
  for (unsigned seed = 20'000; compared < wanted; ++seed) {
    const Instance instance = random_instance(seed);
    const Problem& p = instance.problem;
    if (p.layouts > 1 || p.positions() < 2 || p.positions() > 4 || p.graph.first_edge.size() > 60) continue;
    ++compared;
    const Frame::Answer ours = Frame(p).solve(infeasible);
    const Solved theirs = solve(LinearProgram(p).text());
    ASSERT_TRUE(theirs.optimal || theirs.infeasible) << seed;
    ASSERT_EQ(theirs.optimal, ours.best.has_value()) << seed;
    if (!ours.best) continue;
    ++feasible;
    EXPECT_NEAR(theirs.step, static_cast<double>(ours.step), 0.5) << seed;
  }
  EXPECT_GT(feasible, wanted / 2);
}

}  // namespace
}  // namespace orrery::exact

#include "runtime/state/layout.h"

#include <gtest/gtest.h>

#include <map>

#include "sim/model/params.h"
#include "tests/runtime/state/world.h"

namespace orrery {
namespace {

using testing::World;
using Element = std::tuple<std::string, std::int64_t, std::int64_t>;  // tensor, row, column

Model grouped(int kv_heads) { return testing::llama(2, 64, 8, kv_heads, 96, 300); }

Plan tensor_parallel(int tp) { return testing::plan({.tp = tp}); }

// By offset, element by element.
std::map<std::int64_t, Element> elements(const std::vector<Placement>& placements) {
  std::map<std::int64_t, Element> out;
  for (const Placement& p : placements)
    for (std::int64_t i = 0; i < p.slice.elements(); ++i)
      EXPECT_TRUE(out.emplace(p.offset + i, Element(p.slice.tensor, p.slice.row + i / p.slice.columns,
                                                    p.slice.column + i % p.slice.columns))
                      .second);
  return out;
}

const Weight& weight(const World& world, std::string_view name) {
  return *std::ranges::find(world.program.weights, name, &Weight::name);
}

std::map<std::int64_t, Element> local(const World& world, std::string_view name, int rank) {
  Weight w = weight(world, name);
  w.offset = 0;
  return elements(place(world.model, w, world.plan.tp, rank));
}

// What attention means: local query head j of a rank is head rank * heads/tp + j, and it attends with local
// key/value head j / (local queries a key head), which must be key head `head / (heads / kv_heads)` of all.
TEST(Layout, QueriesMeetTheirKeysAndValues) {
  for (const int kv_heads : {1, 2, 4, 8})
    for (const int tp : {1, 2, 4, 8}) {
      const World world(grouped(kv_heads), tensor_parallel(tp));
      const std::int64_t d = 8, heads = 8, queries = heads / tp, kv = (kv_heads + tp - 1) / tp;
      for (int rank = 0; rank < tp; ++rank) {
        const auto map = local(world, "layers.1.attention.qkv.weight", rank);
        ASSERT_EQ(std::ssize(map), (queries + 2 * kv) * d * 64);
        for (std::int64_t j = 0; j < queries; ++j) {
          const std::int64_t head = rank * queries + j, of_all = head / (heads / kv_heads);
          const std::int64_t key = j / (queries / kv);
          for (std::int64_t i = 0; i < d; ++i)
            for (std::int64_t c : {0, 63}) {
              const auto at = [&](std::int64_t row) { return map.at((row * d + i) * 64 + c); };
              const auto canonical = [&](std::int64_t row) {
                return Element("layers.1.attention.qkv.weight", row * d + i, c);
              };
              EXPECT_EQ(at(j), canonical(head));
              EXPECT_EQ(at(queries + key), canonical(heads + of_all));
              EXPECT_EQ(at(queries + kv + key), canonical(heads + kv_heads + of_all));
            }
        }
      }
    }
}

// Gate row i and up row i of a rank make activation i of all, which column i of the rank's part of mlp.down
// reads.
TEST(Layout, GatesMeetTheirUps) {
  for (const int tp : {1, 2, 4, 8}) {
    const World world(grouped(8), tensor_parallel(tp));
    const std::int64_t f = 96 / tp;
    for (int rank = 0; rank < tp; ++rank) {
      const auto up = local(world, "layers.0.mlp.up.weight", rank),
                 down = local(world, "layers.0.mlp.down.weight", rank);
      for (std::int64_t i = 0; i < f; ++i) {
        EXPECT_EQ(up.at(i * 64), Element("layers.0.mlp.up.weight", rank * f + i, 0));
        EXPECT_EQ(up.at((f + i) * 64), Element("layers.0.mlp.up.weight", 96 + rank * f + i, 0));
        EXPECT_EQ(down.at(5 * f + i), Element("layers.0.mlp.down.weight", 5, rank * f + i));
      }
    }
  }
}

TEST(Layout, VocabularyIsClipped) {
  const World world(grouped(8), tensor_parallel(4));  // 300 rows in 512: 128, 128, 44, 0
  for (const std::string name : {"embedding.weight", "head.weight"}) {
    std::vector<std::size_t> sizes;
    for (int rank = 0; rank < 4; ++rank) sizes.push_back(local(world, name, rank).size() / 64);
    EXPECT_EQ(sizes, (std::vector<std::size_t>{128, 128, 44, 0}));
    EXPECT_EQ(local(world, name, 2).at(43 * 64 + 1), Element(name, 299, 1));
  }
}

TEST(Layout, CanonicalTensorsAreTheModelsParameters) {
  for (const Model& model : {testing::gpt(3, 64, 4, 500, 32), grouped(2)}) {
    std::int64_t sum = 0;
    for (const CanonicalTensor& t : canonical_tensors(model)) sum += t.rows * t.columns;
    EXPECT_EQ(sum, parameters(model));
  }
}

struct Cut {
  int tp, pp, dp, chunks;
};

// Whatever the plan: each element of each canonical tensor is owned by exactly one rank.
TEST(Layout, EveryElementHasOneOwner) {
  const Model models[] = {testing::gpt(4, 64, 8, 300, 32), grouped(2)};
  for (const Model& model : models)
    for (const Cut c :
         {Cut{1, 1, 1, 1}, {2, 1, 1, 1}, {4, 1, 3, 1}, {1, 2, 2, 1}, {8, 1, 1, 1}, {2, 2, 2, 1}})
      for (const Zero zero : {Zero::none, Zero::full}) {
        const World world(model, testing::plan({c.tp, c.pp, c.dp, c.chunks}, zero));
        std::map<Element, int> owners;
        for (int rank = 0; rank < world.plan.ranks(); ++rank)
          for (const std::vector<Placement>& part : world.parts(rank))
            for (const Placement& p : part)
              for (const auto& [offset, element] : elements({p})) owners[element] += p.owned;
        for (const auto& [element, count] : owners) ASSERT_EQ(count, 1) << std::get<0>(element);
        EXPECT_EQ(std::ssize(owners), parameters(model));
      }
}

TEST(Layout, EveryCutOfARange) {
  const std::vector<Placement> all = {
      {{"a", 10, 3, 2, 4}, 0, true}, {{"b", 0, 5, 0, 1}, 12, false}, {{"c", 1, 1, 1, 3}, 20, true}};
  const auto whole = elements(all);
  for (std::int64_t begin = 0; begin <= 24; ++begin)
    for (std::int64_t end = begin; end <= 24; ++end) {
      std::map<std::int64_t, Element> expected;
      for (const auto& [offset, element] : whole)
        if (offset >= begin && offset < end) expected.emplace(offset - begin, element);
      EXPECT_EQ(elements(within(all, begin, end)), expected) << begin << " " << end;
    }
  EXPECT_EQ(within(all, 1, 24).size(), 4u);  // the rest of a row, two rows, and the others whole
  EXPECT_FALSE(within(all, 12, 14)[0].owned);
}

TEST(Layout, SlicesHaveNames) { EXPECT_EQ(text(Slice{"a.weight", 2, 3, 0, 8}), "a.weight[2:5, 0:8]"); }

}  // namespace
}  // namespace orrery

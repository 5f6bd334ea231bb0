#include "sim/base/units.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace orrery {
namespace {

TEST(Units, ReadsDurations) {
  EXPECT_EQ(parse_duration("2.5 us")->v, 2.5e-6);
  EXPECT_EQ(parse_duration("2.5us")->v, 2.5e-6);
  EXPECT_EQ(parse_duration("50000 h")->v, 1.8e8);
  EXPECT_EQ(parse_duration("12 min")->v, 720);
  EXPECT_EQ(parse_duration("0 s")->v, 0);
  EXPECT_EQ(parse_duration("1e3 ms")->v, 1);
}

TEST(Units, TellsBitsFromBytesAndDecimalFromBinary) {
  EXPECT_EQ(parse_bandwidth("400 Gb/s")->v, 50e9);
  EXPECT_EQ(parse_bandwidth("400 GB/s")->v, 400e9);
  EXPECT_EQ(parse_bandwidth("1 GiB/s")->v, 1073741824.0);
  EXPECT_EQ(parse_bytes("80 GiB")->v, 85899345920);
  EXPECT_EQ(parse_bytes("80 GB")->v, 80000000000);
  EXPECT_EQ(parse_bytes("1.5 KiB")->v, 1536);
  EXPECT_EQ(parse_bytes("9223372036854775807 B")->v, 9223372036854775807);
}

TEST(Units, ReadsRatesCountsPercentagesPowersPrices) {
  EXPECT_EQ(parse_flop_rate("989.4 TFLOP/s")->v, 989.4e12);
  EXPECT_EQ(parse_count("2 T"), 2e12);
  EXPECT_EQ(parse_count("300 B"), 300e9);
  EXPECT_EQ(parse_count("15e12"), 15e12);
  EXPECT_EQ(parse_percent("92 %"), 0.92);
  EXPECT_EQ(parse_power("0.7 kW")->v, 700);
  EXPECT_EQ(parse_price("2.50 USD/h", "h"), 2.5);
  EXPECT_EQ(parse_price("0.09 USD/kWh", "kWh"), 0.09);
  EXPECT_EQ(parse_dollars("1.5 MUSD")->v, 1.5e6);
}

TEST(Units, RefusesWhatIsNotANumberAndAUnit) {
  for (const char* bad : {"", " 1 s", "-1 s", "+1 s", "1  s", "1 S", "1", "s", "0x1 s", "inf s", "nan s",
                          "1 sec", "1,5 s", "1 s ", "1e400 s", ".5 s", "1e308 d"})
    EXPECT_FALSE(parse_duration(bad)) << bad;
  for (const char* bad : {"400", "400 Gbps", "400 gb/s", "400 GB", "400 Gb"})
    EXPECT_FALSE(parse_bandwidth(bad)) << bad;
  for (const char* bad : {"80", "80 GiB/s", "80 gib", "9300000 TB"}) EXPECT_FALSE(parse_bytes(bad)) << bad;
  EXPECT_FALSE(parse_price("2.50 EUR/h", "h"));
  EXPECT_FALSE(parse_price("2.50 USD/kWh", "h"));
}

TEST(Units, WritesThreeDigitsForPeople) {
  EXPECT_EQ(text(Seconds{1.4249}), "1.42 s");
  EXPECT_EQ(text(Seconds{0.0142}), "14.2 ms");
  EXPECT_EQ(text(Seconds{2.5e-6}), "2.50 us");
  EXPECT_EQ(text(Seconds{0.9999}), "1.00 s");
  EXPECT_EQ(text(Seconds{99.96}), "100 s");
  EXPECT_EQ(text(Seconds{7300}), "2.03 h");
  EXPECT_EQ(text(Seconds{864000}), "10.0 d");
  EXPECT_EQ(text(Seconds{0}), "0 s");
  EXPECT_EQ(text(Bytes{57230000000}), "53.3 GiB");
  EXPECT_EQ(text(Bytes{12}), "12 B");
  EXPECT_EQ(text(BytesPerSecond{50e9}), "50.0 GB/s");
  EXPECT_EQ(text(FlopsPerSecond{435.4e12}), "435 TFLOP/s");
  EXPECT_EQ(text_count(487900), "488 k");
  EXPECT_EQ(text_count(1024), "1,024");
  EXPECT_EQ(text_count(9999), "9,999");
  EXPECT_EQ(text_count(9999.7), "10.0 k");
  EXPECT_EQ(text_count(512), "512");
  EXPECT_EQ(text_count(70.553e9), "70.6 G");
}

TEST(Units, ExactTextsReadBackToTheSameValue) {
  EXPECT_EQ(exact(Seconds{2.5e-6}), "2.5 us");
  EXPECT_EQ(exact(Bytes{85899345920}), "80 GiB");
  EXPECT_EQ(exact(Bytes{80000000000}), "80 GB");
  EXPECT_EQ(exact(Bytes{7}), "7 B");
  EXPECT_EQ(exact(BytesPerSecond{50e9}), "50 GB/s");
  // Of all rates with a few digits, none grows more of them.
  for (int tenths = 10; tenths < 10'000; ++tenths) {
    const std::string written = std::to_string(tenths / 10) + (tenths % 10 != 0 ? "." + std::to_string(tenths % 10) : "");
    ASSERT_EQ(exact(*parse_bandwidth(written + " MB/s")), written + " MB/s");
    ASSERT_EQ(exact(*parse_duration(written + " us")), written + " us");
  }
  EXPECT_EQ(exact(FlopsPerSecond{312e12}), "312 TFLOP/s");
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> exponent(-40, 40);
  for (int i = 0; i < 2000; ++i) {
    const double v = static_cast<double>(random()) * std::ldexp(1.0, static_cast<int>(exponent(random)) - 64);
    EXPECT_EQ(parse_duration(exact(Seconds{v}))->v, v);
    EXPECT_EQ(parse_bandwidth(exact(BytesPerSecond{v}))->v, v);
    EXPECT_EQ(parse_flop_rate(exact(FlopsPerSecond{v}))->v, v);
    const auto bytes = static_cast<std::int64_t>(random() >> 1U);
    EXPECT_EQ(parse_bytes(exact(Bytes{bytes}))->v, bytes);
  }
  EXPECT_EQ(parse_duration(exact(Seconds{0}))->v, 0);
}

}  // namespace
}  // namespace orrery

//! Holds the benchmarks in `benches/` of the repository; there is nothing in it.

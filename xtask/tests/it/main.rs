//! Tests of the whole, against real tools where they are there.

mod compose_cases;
mod compose_oracle;
mod compose_reader;

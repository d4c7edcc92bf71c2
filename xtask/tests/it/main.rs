//! Tests of the whole, against real tools where they are there.

mod compose_oracle;

//! Stub for the first commit.

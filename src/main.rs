//! Parses arguments and dispatches; everything else lives in the library.

fn main() {}

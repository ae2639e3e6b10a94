//! The `mercury` command line: one file a subcommand.

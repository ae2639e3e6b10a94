//! The `gen-verilog` command: see [`mercury::cli::gen_verilog`].

fn main() -> std::process::ExitCode {
    mercury::cli::gen_verilog::main()
}

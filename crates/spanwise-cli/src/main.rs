//! The `spanwise` command. All of it is in the library, so that other programs can offer it too.

#![forbid(unsafe_code)]

fn main() {
    std::process::exit(spanwise_cli::main(std::env::args_os()));
}

//! Records the compiler's version: a figure is one of a compiler too.

use std::process::Command;

fn main() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output();
    let version = version.ok().and_then(|output| String::from_utf8(output.stdout).ok()).unwrap_or_default();
    #[allow(clippy::print_stdout, reason = "this is how a build script speaks to cargo")]
    {
        println!("cargo::rustc-env=SPANWISE_BENCH_RUSTC={}", version.trim());
        println!("cargo::rerun-if-changed=build.rs");
    }
}

//! What a figure was measured on.

use serde::Serialize;

/// The machine and the build, as the report states them.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    /// The processor's name as the system gives it, or `unknown`.
    pub cpu: String,
    /// Processors that this process may use.
    pub cores: usize,
    /// The widest vectors that the processor offers: see [`simd`].
    pub simd: &'static str,
    /// Operating system and architecture.
    pub platform: String,
    /// The compiler.
    pub rustc: &'static str,
    /// Whether the build was told to use all that this processor offers (`target-cpu=native`). Published figures
    /// are measured without.
    pub native: bool,
}

impl Machine {
    /// This one.
    pub fn this() -> Machine {
        Machine {
            cpu: cpu().unwrap_or_else(|| "unknown".to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            simd: simd(),
            platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            rustc: env!("SPANWISE_BENCH_RUSTC"),
            native: cfg!(target_feature = "avx2"),
        }
    }
}

fn cpu() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split(':').nth(1)?.trim().to_owned())
}

/// `avx512`, `avx2`, `neon` or `none`: what contestants that look at run time can use here.
pub fn simd() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512vbmi") {
            return "avx512";
        }
        if is_x86_feature_detected!("avx2") {
            return "avx2";
        }
    }
    if cfg!(target_arch = "aarch64") { "neon" } else { "none" }
}

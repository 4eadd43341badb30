//! The `candor` program.

fn main() -> std::process::ExitCode {
    candor::cli::run()
}

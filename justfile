# The commands of a working day; `just ci` is all that CI runs.

# Format every file that has a formatter.
fmt:
    cargo fmt

# Clippy and the linters of everything that is not Rust.
lint:
    .ci/run lint

# Every test.
test:
    cargo test

# What must hold before a change is taken.
ci:
    .ci/run

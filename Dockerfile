# Candor as a static binary, alone in its image.
# Plain Dockerfile syntax: it builds with BuildKit and with the older builder.

# Exact: `deploy/profile` was counted with it, and a build again gives the same program, byte by byte.
ARG RUST=1.95.0
FROM rust:${RUST}-bookworm AS build
WORKDIR /candor

SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN rustc -vV | sed -n 's/^host: //p' > /target-triple

# Writes into the program which crates are in it, for scanners to read (`.dep-v0`, about 4 kB).
RUN cargo install --locked --root /usr/local cargo-auditable@0.7.7

# rust-toolchain.toml is left out by .dockerignore: it would make rustup download the components that developers use.

# Static also against glibc: the final image has no libraries. `--target` keeps the flags away from
# build scripts and procedural macros, which cannot be static.
# What is run most is compiled for where it goes, as `bench/pgo` counted it: a quarter less work for every exchange
# (bench/README.md). What they have hardly seen run is made small, and functions that are equal are one.
COPY deploy/profile deploy/profile
ENV RUSTFLAGS="-C target-feature=+crt-static \
      -C llvm-args=-pgso-lwss-only=false -C llvm-args=-pgso-cutoff-instr-prof=999990 \
      -C llvm-args=-inline-threshold=5 -C llvm-args=-inlinehint-threshold=5 \
      -C link-arg=-Wl,--icf=all -C link-arg=-Wl,-z,pack-relative-relocs \
      --remap-path-prefix=/usr/local/cargo/registry/src=crates" \
    CARGO_PROFILE_RELEASE_STRIP=none

# The dependencies are a layer of their own, built again only when the manifest, the lock file or the profile change.
COPY Cargo.toml Cargo.lock ./
COPY envoy-module/Cargo.toml envoy-module/
COPY benches benches
RUN mkdir -p src tests/it envoy-module/src \
 && echo 'fn main() {}' | tee src/main.rs > tests/it/main.rs \
 && touch src/lib.rs envoy-module/src/lib.rs \
 && deploy/profile/with cargo auditable build --release --locked --target "$(cat /target-triple)" \
 && rm -r src tests benches envoy-module

# Cargo trusts modification times: the touched files are certainly newer than the placeholders above.
COPY . .
RUN touch src/main.rs src/lib.rs \
 && deploy/profile/with cargo auditable build --release --locked --bin candor --target "$(cat /target-triple)" \
 && deploy/profile/fits "target/$(cat /target-triple)/release/candor" \
 && install -D --strip "target/$(cat /target-triple)/release/candor" /image/candor

FROM scratch
ARG VERSION
ARG REVISION
ARG SOURCE
LABEL org.opencontainers.image.title="candor" \
      org.opencontainers.image.description="A reverse-proxy sidecar that answers with true status codes" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"
COPY --from=build /image/ /
# A number, so that Kubernetes can see that it is not root (`runAsNonRoot`). It owns nothing here.
USER 65532:65532
# Traffic; the admin API, which listens on the container's own loopback address unless told otherwise.
EXPOSE 8080 9901
# Exchanges in flight are finished, new ones refused (docs/operations.md).
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=2s CMD ["/candor", "health"]
ENTRYPOINT ["/candor"]
CMD ["serve"]

# Candor as a static binary, alone in its image.
# Plain Dockerfile syntax: it builds with BuildKit and with the older builder.

# The newest 1.x unless told. The same exact one (`--build-arg RUST=1.95.0`) builds the same program, byte by byte.
ARG RUST=1
FROM rust:${RUST}-bookworm AS build
WORKDIR /candor

SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN rustc -vV | sed -n 's/^host: //p' > /target-triple

# Writes into the program which crates are in it, for scanners to read (`.dep-v0`, about 4 kB).
RUN cargo install --locked --root /usr/local cargo-auditable@0.7.7

# rust-toolchain.toml is left out by .dockerignore: it would make rustup download the toolchain that
# developers share, while this image already carries one that is recent enough.

# Static also against glibc: the final image has no libraries. `--target` keeps the flags away from
# build scripts and procedural macros, which cannot be static.
# Where the time goes, as `bench/pgo` counted it: a fifth less of it for every exchange (bench/README.md). What it says is
# run goes fast, down to one part in a million; all else is made small.
COPY deploy/candor.profdata /
ENV RUSTFLAGS="-C target-feature=+crt-static -C profile-use=/candor.profdata \
      -C llvm-args=-profile-summary-cutoff-hot=999999 -C llvm-args=-inline-threshold=50 \
      -C llvm-args=-pgso-lwss-only=false -C llvm-args=-pgso-cold-code-only=true \
      -C link-arg=-Wl,-z,pack-relative-relocs" \
    CARGO_PROFILE_RELEASE_STRIP=symbols

# The dependencies are a layer of their own, built again only when the manifest, the lock file or the profile change.
COPY Cargo.toml Cargo.lock ./
COPY envoy-module/Cargo.toml envoy-module/
COPY benches benches
RUN mkdir -p src tests/it envoy-module/src \
 && echo 'fn main() {}' | tee src/main.rs > tests/it/main.rs \
 && touch src/lib.rs envoy-module/src/lib.rs \
 && cargo auditable build --release --locked --target "$(cat /target-triple)" \
 && rm -r src tests benches envoy-module

# Cargo trusts modification times: the touched files are certainly newer than the placeholders above.
COPY . .
RUN touch src/main.rs src/lib.rs \
 && cargo auditable build --release --locked --bin candor --target "$(cat /target-triple)" \
 && install -D "target/$(cat /target-triple)/release/candor" /image/candor

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
